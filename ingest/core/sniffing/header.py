"""Whether the first record names the columns, and names that will do where it names them badly."""

from ingest.core.sniffing.cells import is_value, is_year, shape


def is_header(first: list[str], body: list[list[str]]) -> bool:
    """Return whether a record is a header, judged by the records below it.

    Where all is text nothing can be told, and files without a header are the exception.

    >>> is_header(["name", "age"], [["Ann", "31"]]), is_header(["Ann", "31"], [["Bob", "40"]])
    (True, False)
    """
    votes = sum(_vote(cell.strip(), [row[at] for row in body]) for at, cell in enumerate(first))
    if votes:
        return votes > 0
    names = [cell.strip() for cell in first if cell.strip()]
    has_values = any(is_value(name) and not is_year(name) for name in names)
    return bool(names) and not has_values and len(set(names)) * 2 > len(first)


def usable_names(names: list[str]) -> list[str]:
    """Return names, each once and none empty, as near to the given ones as that allows.

    >>> usable_names(["a", "", "a", "a_2"])
    ['a', 'column_2', 'a_3', 'a_2']
    """
    taken = set(names)
    used: set[str] = set()
    usable = []
    for position, name in enumerate(names, start=1):
        if not name or name in used:
            name = _fresh(name, position, taken)  # noqa: PLW2901
        used.add(name)
        taken.add(name)
        usable.append(name)
    return usable


def _fresh(name: str, position: int, taken: set[str]) -> str:
    """Return a name nobody has: the position is in it, which no other column shares."""
    fresh = f"{name}_{position}" if name else f"column_{position}"
    while fresh in taken:
        fresh += "_"
    return fresh


def _vote(cell: str, column: list[str]) -> int:
    """Return 1 where a column speaks for a header, -1 against one, 0 where it says nothing."""
    values = [value for value in column if value]
    if not cell or not values:
        return 0
    if sum(map(is_value, values)) >= 0.8 * len(values):
        if is_year(cell) and sum(map(is_year, values)) * 2 < len(values):
            return 0
        return -1 if is_value(cell) else 1
    own = shape(cell)
    is_alike = "9" in own and sum(shape(value) == own for value in values) >= 0.8 * len(values)
    return -1 if is_alike or cell in values else 0
