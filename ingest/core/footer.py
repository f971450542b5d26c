"""Leave out the last lines of a file, which are no rows, while it streams: nobody knows beforehand where it ends."""

from collections.abc import Iterator


def without_footer(portions: Iterator[bytes], line_count: int) -> Iterator[bytes]:
    """Yield all but the last physical lines. So much is held back and no more.

    >>> b"".join(without_footer(iter([b"a\\n1\\nTo", b"tal: 1\\n"]), 1))
    b'a\\n1\\n'
    """
    if not line_count:
        yield from portions
        return
    held = b""
    for portion in portions:
        held += portion
        start = start_of_last_lines(held, line_count)
        if start:
            yield held[:start]
            held = held[start:]


def start_of_last_lines(data: bytes, line_count: int) -> int:
    """Return where the last physical lines of `data` begin; a line end at the very end belongs to the last of them.

    >>> start_of_last_lines(b"a\\r\\nb\\nc\\rd\\n", 2)
    5
    """
    start = len(data)
    for _ in range(line_count):
        end = start - data.endswith((b"\n", b"\r"), 0, start)
        if end > 0 and data[end - 1 : end + 1] == b"\r\n":
            end -= 1
        start = max(data.rfind(b"\n", 0, end), data.rfind(b"\r", 0, end)) + 1
    return start
