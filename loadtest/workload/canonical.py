"""The one spelling of a DynamoDB value, whoever spells it: the file, the loader, the table or a simulator of it."""

import json
import re
from base64 import b64decode
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
    if kind == "S":
        return bytes(content, "utf-8")
    if kind == "N":
        return canonical_number(content).encode()
    return _binary(content) if kind == "B" else _json(_nested(kind, content)).encode()


def _binary(content: Any) -> bytes:
    return b64decode(content) if isinstance(content, str) else bytes(content)


def _nested(kind: str, content: Any) -> Any:
    """Return a value as what JSON spells in one way."""
    match kind:
        case "M":
            return {name: _typed(value) for name, value in content.items()}
        case "L":
            return list(map(_typed, content))
        case "N":
            return canonical_number(content)
        case "B":
            return _binary(content).hex()
        case "SS" | "NS" | "BS":
            return sorted(_nested(kind[0], member) for member in content)
        case _:
            return content


def _typed(value: dict[str, Any]) -> list[Any]:
    [(kind, content)] = value.items()
    return [kind, _nested(kind, content)]
