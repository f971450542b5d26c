"""The terminal view of `ingest top`: lag, throughput, errors, the function, files. It fits in 80 columns."""

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ingest.aws.clock import iso
from ingest.cli.status_overview import FileView, age_text, share_text, status_text, waits_for
from ingest.cli.top_health import THROTTLES, StackHealth, eta_s, reject_share
from ingest.contract import Metric, Status
from ingest.ledger.work_item import Entry

KEY = 31  # characters of a file's key at most


def open_files(health: StackHealth, most: int, *, is_wide: bool = False) -> Iterator[RenderableType]:
    """Yield at most `most` open files with their progress; with `is_wide`, their keys are not shortened."""
    shown = health.open.files[:most]
    more = len(health.open.files) - len(shown)
    count = f"{len(health.open.files)}{'+' if health.open.is_cut else ''}"
    yield Text(f"open files ({count})", style="bold")
    if shown:
        yield _table([_open_cells(view) for view in shown], is_wide=is_wide)
    if more:
        yield Text(f"  and {more} more")


def _open_cells(view: FileView) -> list[str | Text]:
    progress, size = view.progress, view.entry.work.file.size_bytes
    rate = f"{amount(progress.rows_per_s)}/s" if progress.rows_per_s else ""
    left = eta_s(view)
    is_idle = progress.share is None or view.entry.status == Status.WAITING
    return [
        view.entry.work.file.key,
        _state(view.entry) if is_idle else Text(bar(progress.share), style="cyan"),
        share_text(progress.share),
        extent(progress.row_counts.bytes_read, size or 0),
        f"{amount(progress.row_counts.rows_read)} rows",
        rate,
        "" if left is None else short(left),
    ]


def listed(title: str, views: Iterable[FileView], now_s: float, *, is_wide: bool = False) -> Iterator[RenderableType]:
    """Yield files that ended, under a title; nothing if there are none."""
    views = list(views)
    if views:
        yield Text(title, style="bold")
        yield _table([_ended_cells(view, now_s) for view in views], is_wide=is_wide)


def _ended_cells(view: FileView, now_s: float) -> list[str | Text]:
    entry = view.entry
    ago = "" if entry.ended_s is None else f"{short(max(0.0, now_s - entry.ended_s))} ago"
    counts = {"rejects": entry.row_counts.rows_rejected, "skipped": entry.row_counts.rows_skipped}
    others = ", ".join(f"{amount(count)} {what}" for what, count in counts.items() if count)
    return [entry.work.file.key, _state(entry), f"{amount(entry.row_counts.rows_read)} rows", others, ago]


def _state(entry: Entry) -> Text:
    """Return a file's error code, or its status if it has none."""
    if entry.error_code and not waits_for(entry):
        return Text(entry.error_code, style="red")
    return Text(entry.error_code, style="yellow") if entry.error_code else status_text(entry)


def _tail(key: str) -> str:
    """Return a key; for a long one, its end, which is the most informative part.

    >>> _tail("orders/2026/11/22/europe/export-0001.csv")
    '…6/11/22/europe/export-0001.csv'
    """
    return key if len(key) <= KEY else f"…{key[1 - KEY :]}"


def _table(rows: list[list[str | Text]], *, is_wide: bool) -> Table:
    """Return a table of the full width, whose first column is shortened if there is not enough space.

    With `is_wide` the table is as wide as its cells, and nothing is shortened.
    """
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0), expand=not is_wide)
    for n in range(len(rows[0])):
        is_text = n < 2
        table.add_column(
            no_wrap=True, justify="left" if is_text else "right", ratio=None if n else 1, overflow="ellipsis"
        )
    for row in rows:
        table.add_row(Text(f"  {row[0] if is_wide else _tail(str(row[0]))}"), *row[1:])
    return table


_BARS = " ▁▂▃▄▅▆▇█"
_DONE, _LEFT = "━", "─"
BAR = 8  # characters


def sparkline(values: Iterable[float]) -> str:
    """Return values as a row of bars, the largest at full height.

    >>> sparkline([0, 1, 4, 8])
    ' ▁▄█'
    """
    values = list(values)
    most = max(values, default=0.0)
    return "".join(_BARS[-(-int(value * 8000 / most) // 1000) if most else 0] for value in values)


def bar(share: float | None) -> str:
    """Return a progress bar.

    >>> bar(0.5), bar(None)
    ('━━━━────', '')
    """
    done = 0 if share is None else int(share * BAR)
    return "" if share is None else _DONE * done + _LEFT * (BAR - done)


def amount(number: float) -> str:
    """Return a number in at most six characters.

    >>> amount(0), amount(9_999), amount(123_456), amount(12_345_678), amount(0.25)
    ('0', '9,999', '123 k', '12.3 M', '0.2')
    """
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= (size if unit != "k" else 10_000):
            value = number / size
            return f"{value:,.1f} {unit}" if value < 100 else f"{value:,.0f} {unit}"
    return f"{number:,.1f}" if 0 < number < 10 and number != int(number) else f"{number:,.0f}"


def extent(done: int, size: int) -> str:
    """Return bytes done and bytes in all, in the unit of the latter.

    >>> extent(35, 675), extent(12_600_000, 17_600_000)
    ('35/675 B', '12.6/17.6 MB')
    """
    unit, of = next(((name, of) for name, of in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)) if size >= of), ("B", 1.0))
    return f"{done:,}/{size:,} B" if unit == "B" else f"{done / of:,.1f}/{size / of:,.1f} {unit}"


def short(seconds: float) -> str:
    """Return a duration in its largest unit.

    >>> short(3725)
    '1 h'
    """
    return " ".join(age_text(seconds).split()[:2])


FIXED_LINES = 16  # all lines except those of files
WORD = 12  # width of the title of a line


def view(
    health: StackHealth, *, rows: int, every: float | None = None, last_error: str = "", is_wide: bool = False
) -> Group:
    """Return the whole view in about `rows` lines; `last_error` is the reason why it was not refreshed.

    `is_wide`: lines may have any length.
    """
    room = max(4, rows - FIXED_LINES)
    ended = max(1, room // 4)
    lines: list[RenderableType] = [_title(health, every), *_lag(health), *_throughput(health), *_errors(health)]
    lines += [_function(health), Text(), *open_files(health, room - 2 * ended, is_wide=is_wide)]
    lines += listed("last ended", health.ended[:ended], health.now_s, is_wide=is_wide)
    lines += listed("last failures", health.failed[:ended], health.now_s, is_wide=is_wide)
    lines += [Text(last_error, style="red")] if last_error else []
    lines += [Text("q to quit", style="dim")] if every else []
    return Group(*lines)


def _line(word: str, *parts: str | Text) -> Text:
    line = Text(f"{word:<{WORD}}", style="bold")
    for n, part in enumerate(parts):
        line.append("   " if n else "")
        line.append(part) if isinstance(part, Text) else line.append(part, style="not bold")
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _title(health: StackHealth, every: float | None) -> Text:
    state = Text("PAUSED", style="bold yellow") if health.is_paused else Text(health.mapping.lower(), style="green")
    title = f"{health.stack}  {iso(health.now_s)}"
    return _line("ingest top", title + (f", every {every:g} s" if every else ""), state)


def _lag(health: StackHealth) -> Iterator[Text]:
    queue, measured = health.queue, health.measured
    waiting = f"{amount(queue.visible)} waiting, {amount(queue.in_flight)} in flight, {amount(queue.delayed)} delayed"
    yield _line("lag", waiting, _drain(health))
    oldest = f"oldest file {age_text(health.oldest_file_s) or '-'}"
    if measured.oldest_message_s is not None:
        oldest += f", message {age_text(measured.oldest_message_s)}"
    p50, p99 = measured.visible_p50_s, measured.visible_p99_s
    visible = "" if p50 is None or p99 is None else f"event to visible: p50 {p50:,.1f} s, p99 {p99:,.1f} s"
    yield _line("", oldest, visible)


def _drain(health: StackHealth) -> str | Text:
    if health.drain_s is None:
        return Text("paused: run `ingest resume`", style="bold yellow") if health.is_paused else "no progress"
    return f"done in {age_text(health.drain_s)}" if health.drain_s else "nothing to do"


def _throughput(health: StackHealth) -> Iterator[Text]:
    measured = health.measured
    rate = f"{amount(measured.rate(Metric.ROWS_WRITTEN))} rows/s"
    volume = f"{measured.rate(Metric.BYTES_READ) / 1e6:,.1f} MB/s"
    units = f"{amount(measured.rate(Metric.WRITE_UNITS))} write units/s"
    yield _line("throughput", rate, volume, units)
    minutes = len(measured.rows) * measured.period_s / 60
    yield _line("", Text(sparkline(measured.rows), style="cyan"), f"rows in {minutes:,.0f} min")
    skipped = measured.sum(Metric.ROWS_SKIPPED)
    counts = [f"{amount(skipped)} skipped"] if skipped else []
    feeds = sorted(measured.by_feed.items(), key=lambda entry: -entry[1])
    counts += [", ".join(f"{feed} {amount(rows)}" for feed, rows in feeds)] if feeds else []
    if counts:
        yield _line("", f"in {measured.window_s / 60:,.0f} min: {'; '.join(counts)}")
    for number, budget in enumerate(health.budgets):
        limit = budget.limit if isinstance(budget.limit, str) else amount(budget.limit)
        workers = f"{budget.workers} worker{'' if budget.workers == 1 else 's'}"
        parked = f", {budget.parked} parked" if budget.parked else ""
        used = f"{amount(budget.used_per_s)} of {limit} write units/s used by {workers}{parked}"
        yield _line("" if number else "budget", f"{budget.table}: {used}")


def _errors(health: StackHealth) -> Iterator[Text]:
    measured = health.measured
    share = reject_share(health)
    rejected = f"{amount(measured.sum(Metric.ROWS_REJECTED))} rejects" + (f" ({share * 100:.2f} %)" if share else "")
    failed = measured.sum(Metric.FILES_FAILED) + measured.sum(Metric.FILES_UNBALANCED)
    dead = health.dead_letters.all
    yield _line(
        "errors",
        rejected,
        _alarming(f"{amount(failed)} failed", failed),
        _alarming(f"{amount(dead)} dead letters", dead),
        f"{amount(measured.sum(Metric.FILES_RETRIED))} retried",
    )
    reasons = [(name, measured.sum(metric)) for name, metric in THROTTLES.items() if measured.sum(metric)]
    why = f" ({', '.join(f'{name} {amount(count)}' for name, count in reasons)})" if reasons else ""
    throttled = f"{amount(measured.sum(Metric.REQUESTS_THROTTLED))} of {amount(measured.sum(Metric.REQUESTS_SENT))}"
    yield _line("throttled", f"{throttled} requests{why}", f"{amount(measured.sum(Metric.REQUESTS_REPEATED))} repeated")


def _alarming(text: str, count: float) -> Text:
    return Text(text, style="bold red" if count else "not bold")


def _function(health: StackHealth) -> Text:
    done = health.measured.invocations
    if done is None or not done.count:
        return _line("function", "not invoked")
    took = f", p50 {done.median_s:,.1f} s, longest {done.longest_s:,.1f} s" if done.longest_s else ""
    parts = [f"{amount(done.count)} invocations{took}"]
    parts += [f"{amount(done.concurrent)} concurrent"] if done.concurrent is not None else []
    if done.errors is not None:
        parts.append(f"{done.errors} errors, {done.throttles} throttles")
    return _line("function", *parts)
