"""Text as it stands between the quotes of JSON, whole columns at a time."""

import json

import pyarrow as pa
import pyarrow.compute as pc

# JSON asks for no more than these. The backslash is first, because all other escapes bring one.
_MARKS = ("\\", '"')
_CONTROLS = tuple(map(chr, range(0x20)))
_ESCAPES = {char: json.dumps(char)[1:-1] for char in _MARKS + _CONTROLS}


def escaped(texts: pa.Array) -> pa.Array:
    """Return a string column as it stands between the quotes of JSON; itself if no character asks for an escape."""
    data = utf8_of(texts)
    present = data.to_pybytes()
    wanted = [char for char in _MARKS if char.encode() in present]
    if lowest_byte(data) < 0x20:
        wanted += [char for char in _CONTROLS if char.encode() in present]
    for char in wanted:
        texts = pc.replace_substring(texts, char, _ESCAPES[char])
    return texts


def quoted(text: str) -> str:
    """Return one text as a JSON string.

    >>> quoted('größe 5"')
    '"größe 5\\\\""'
    """
    return json.dumps(text, ensure_ascii=False)


def utf8_of(texts: pa.Array) -> pa.Buffer:
    """Return the UTF-8 of all texts of a string or binary column in one piece, without copying it."""
    _, ends, data = texts.buffers()
    if data is None or not len(texts):
        return pa.py_buffer(b"")
    offsets = pa.Array.from_buffers(pa.int32(), len(texts) + 1, [None, ends], offset=texts.offset)
    start, end = offsets[0].as_py(), offsets[-1].as_py()
    return data.slice(start, end - start)


def lowest_byte(data: pa.Buffer) -> int:
    """Return the least byte, 255 if there is none."""
    lowest = pc.min(_numbers(data)).as_py()
    return 255 if lowest is None else int(lowest)


def highest_byte(data: pa.Buffer) -> int:
    """Return the greatest byte, 0 if there is none."""
    return int(pc.max(_numbers(data)).as_py() or 0)


def _numbers(data: pa.Buffer) -> pa.Array:
    return pa.Array.from_buffers(pa.uint8(), data.size, [None, data])
