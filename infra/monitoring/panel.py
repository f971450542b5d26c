"""A widget's place in the picture: its card, and axes and words inside it."""

from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

INK, PALE, ONLY_IN_AWS = "#16191f", "#5f6b7a", "only in AWS"
Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True)
class Panel:
    """A widget's place in the figure, and its properties."""

    figure: Figure
    properties: dict[str, Any]
    place: Rectangle

    @property
    def inch(self) -> tuple[float, float]:
        """An inch, as shares of the figure's width and height."""
        return 1 / self.figure.get_figwidth(), 1 / self.figure.get_figheight()

    def axes(self, left: float, bottom: float, right: float, top: float) -> Axes:
        """Return axes inside the panel, with so many inches around them."""
        x, y, width, height = self.place
        across, up = self.inch
        room = (x + left * across, y + bottom * up, width - (left + right) * across, height - (bottom + top) * up)
        return self.figure.add_axes(room)

    def frame(self) -> None:
        """Draw the white card and the title."""
        x, y, width, height = self.place
        across, up = 0.06 * self.inch[0], 0.06 * self.inch[1]
        card = FancyBboxPatch(
            (x + across, y + up),
            width - 2 * across,
            height - 2 * up,
            boxstyle="square,pad=0",
            facecolor="white",
            edgecolor="#d5dbdb",
            transform=self.figure.transFigure,
            zorder=-1,
        )
        self.figure.add_artist(card)
        self.text(0.16, 0.27, self.properties["title"], fontsize=11, fontweight="bold", color=INK)

    def text(self, left: float, down: float, words: str, **options: Any) -> None:
        """Write, so many inches from the panel's upper left corner."""
        x, y, _, height = self.place
        across, up = self.inch
        self.figure.text(x + left * across, y + height - down * up, words, **options)
