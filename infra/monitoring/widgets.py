"""The widgets of the dashboard, on its grid of 24 columns."""

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch

from infra.monitoring.sources import CloudWatchMetric

COLUMNS = 24
HEIGHT = 6


def heading(title: str, how_to_read: str) -> cloudwatch.TextWidget:
    """Return the heading of a row: its title, and how to read it."""
    return cloudwatch.TextWidget(
        markdown=f"## {title}\n{how_to_read}",
        width=COLUMNS,
        height=2,
        background=cloudwatch.TextWidgetBackground.TRANSPARENT,
    )


def graph(
    title: str,
    left: Sequence[CloudWatchMetric],
    *,
    unit: str,
    right: Sequence[CloudWatchMetric] = (),
    right_unit: str = "",
    lines: Sequence[cloudwatch.HorizontalAnnotation] = (),
    stacked: bool = False,
    width: int = 8,
) -> cloudwatch.GraphWidget:
    """Return a graph of lines, or of stacked areas; `lines` are thresholds to compare with."""
    return cloudwatch.GraphWidget(
        title=title,
        left=list(left),
        right=list(right),
        left_y_axis=_axis(unit),
        right_y_axis=_axis(right_unit) if right else None,
        left_annotations=list(lines),
        stacked=stacked,
        width=width,
        height=HEIGHT,
    )


def limit(label: str, value: float, color: str = cloudwatch.Color.RED) -> cloudwatch.HorizontalAnnotation:
    """Return a horizontal line that should not be crossed."""
    return cloudwatch.HorizontalAnnotation(value=value, label=label, color=color)


def _axis(unit: str) -> cloudwatch.YAxisProps:
    return cloudwatch.YAxisProps(label=unit, min=0, show_units=False)
