"""Tables that fit the terminal: where it is narrow, columns that matter less are left out, and that is said."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

SHORTEST, PLEASANT = 12, 20  # characters of a key, where there is little room, and where a column may go for it
GAP = 2
Cell = str | Text
Row = Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Column:
    """A column. What `may_go` goes first where there is no room, the highest number before others; 0 never goes."""

    name: str
    kind: Literal["figure", "word", "words", "key"] = "figure"
    may_go: int = 0

    def least(self, rows: Sequence[Row], key: int = SHORTEST) -> int:
        """Return how many characters it needs: figures and words are never broken, keys at so many if they must be."""
        longest = max(len(part) for row in rows for part in self._parts(str(row[self.name])))
        return max(len(self.name), min(longest, key) if self.kind == "key" else longest)

    def most(self, rows: Sequence[Row]) -> int:
        """Return how many characters it has if nothing is broken."""
        return max(len(self.name), *(len(str(row[self.name])) for row in rows))

    def _parts(self, text: str) -> list[str]:
        return (text.split() or [""]) if self.kind == "words" else [text]


class FittingTable:
    """A table without the columns in which nothing stands, and without those for which there is no room."""

    def __init__(self, columns: Sequence[Column], rows: Sequence[Row], title: str | None = None) -> None:
        self._columns = [column for column in columns if any(row[column.name] for row in rows)]
        self._rows, self._title = rows, title

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Yield the table, and which columns are left out."""
        shown, gone = self.fitting(options.max_width)
        table = plain_table(self._title)
        for column, width in zip(shown, self._widths(shown, options.max_width), strict=True):
            justify: Literal["left", "right"] = "right" if column.kind == "figure" else "left"
            table.add_column(column.name, justify=justify, overflow="fold", width=width)
        for row in self._rows:
            table.add_row(*(row[column.name] for column in shown))
        yield table
        if gone:
            yield Text(f"Left out for want of room: {', '.join(gone)}.", style="dim")

    def fitting(self, width: int) -> tuple[list[Column], list[str]]:
        """Return the columns for which there is room, and the names of the others."""
        shown = list(self._columns)
        gone: list[str] = []
        while sum(column.least(self._rows, PLEASANT) + GAP for column in shown) - GAP > width:
            least_needed = max(shown, key=lambda column: column.may_go)
            if not least_needed.may_go:
                break
            shown.remove(least_needed)
            gone.insert(0, least_needed.name)
        return shown, gone

    def _widths(self, columns: Sequence[Column], width: int) -> list[int]:
        """Return how wide each is: sentences give way first, keys then, and nothing else."""
        widths = [column.most(self._rows) for column in columns]
        for kind in ("words", "key"):
            for n, column in enumerate(columns):
                over = sum(widths) + GAP * (len(widths) - 1) - width
                if column.kind == kind and over > 0:
                    widths[n] = max(column.least(self._rows), widths[n] - over)
        return widths


def plain_table(title: str | None = None) -> Table:
    """Return an empty table with no more than a line under its head."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title=title, title_justify="left")
    table.pad_edge = table.show_edge = False
    return table
