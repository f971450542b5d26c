"""The one spelling of a DynamoDB value, whoever spells it: the file, the loader, the table or a simulator of it."""

import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterable
from decimal import MAX_EMAX, MIN_EMIN, Context
from functools import lru_cache
from typing import Any

_EXACT = Context(prec=100_000, Emax=MAX_EMAX, Emin=MIN_EMIN)
_CANONICAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?")
_json = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


@lru_cache(maxsize=1 << 16)
def canonical_number(text: str) -> str:
    """Return a number in plain digits, without zeros that mean nothing.

    >>> [canonical_number(text) for text in ("007", "1.10", "1e2", "-0.0", "1E-3", "-.5")]
    ['7', '1.1', '100', '0', '0.001', '-0.5']
    """
    if _CANONICAL.fullmatch(text) and text != "-0":
        return text
    plain = f"{_EXACT.create_decimal(text):f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain == "-0" else plain


def canonical_value(kind: str, content: Any) -> bytes:
    """Return the bytes that stand for a value of DynamoDB JSON; binary may be bytes or base64.

    >>> canonical_value("N", "1.50"), canonical_value("SS", ["b", "a"]), canonical_value("M", {"x": {"N": "1.0"}})
    (b'1.5', b'["a","b"]', b'{"x":["N","1"]}')
    """
    return _SPELLED[kind](content)


def canonical_values(kind: str, contents: Iterable[Any]) -> list[bytes]:
    """Return the bytes that stand for values of one type."""
    return list(map(_SPELLED[kind], contents))


def _binary(content: Any) -> bytes:
    return b64decode(content) if isinstance(content, str) else bytes(content)


def _nested(kind: str, content: Any) -> Any:
    """Return a value as what JSON spells in one way."""
    if kind == "M":
        return {name: list(_typed(value)) for name, value in content.items()}
    if kind == "L":
        return [list(_typed(value)) for value in content]
    if kind == "N":
        return canonical_number(content)
    if kind == "NS":
        return sorted(map(canonical_number, content))
    if kind == "B":
        return _binary(content).hex()
    return sorted(content) if kind == "SS" else sorted(map(_nested_binary, content)) if kind == "BS" else content


def _nested_binary(content: Any) -> Any:
    return _nested("B", content)


def _typed(value: dict[str, Any]) -> tuple[str, Any]:
    [(kind, content)] = value.items()
    return kind, _nested(kind, content)


_SPELLED: dict[str, Callable[[Any], bytes]] = {
    "S": str.encode,
    "N": lambda text: canonical_number(text).encode(),
    "BOOL": lambda value: b"true" if value else b"false",
    "NULL": lambda value: b"",
    "B": _binary,
    **{
        kind: (lambda content, kind=kind: _json(_nested(kind, content)).encode())  # type: ignore[misc]
        for kind in ("SS", "NS", "BS", "L", "M")
    },
}
