"""What `ingest top` shows on a terminal: lag, throughput, errors, the function, files. Fits in 80 columns."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from ingest.commands.status_view import age_text
from ingest.commands.top_document import THROTTLES, reject_share
from ingest.commands.top_figures import amount, sparkline
from ingest.commands.top_files import listed, open_files
from ingest.commands.top_find import Vitals
from ingest.contract import Metric
from ingest.edges.ledger_table import iso

FIXED_LINES = 16  # all that are no files'
WORD = 12  # of what a line is about


def view(vitals: Vitals, *, rows: int, every: float | None = None, trouble: str = "") -> Group:
    """Return one picture, of no more than about `rows` lines; `trouble` is why it is older than it should be."""
    room = max(4, rows - FIXED_LINES)
    ended = max(1, room // 4)
    lines: list[RenderableType] = [_title(vitals, every), *_lag(vitals), *_throughput(vitals), *_errors(vitals)]
    lines += [_function(vitals), Text(), *open_files(vitals, room - 2 * ended)]
    lines += listed("last ended", vitals.ended[:ended], vitals.now_s)
    lines += listed("last failures", vitals.failed[:ended], vitals.now_s)
    lines += [Text(trouble, style="red")] if trouble else []
    lines += [Text("q ends", style="dim")] if every else []
    return Group(*lines)


def _line(word: str, *parts: str | Text) -> Text:
    line = Text(f"{word:<{WORD}}", style="bold")
    for n, part in enumerate(parts):
        line.append("   " if n else "")
        line.append(part) if isinstance(part, Text) else line.append(part, style="not bold")
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _title(vitals: Vitals, every: float | None) -> Text:
    state = Text("PAUSED", style="bold yellow") if vitals.is_paused else Text(vitals.mapping.lower(), style="green")
    told = f"{vitals.stack}  {iso(vitals.now_s)}  from {vitals.source}"
    return _line("ingest top", told + (f", every {every:g} s" if every else ""), state)


def _lag(vitals: Vitals) -> Iterator[Text]:
    queue, measured = vitals.queue, vitals.measured
    waiting = f"{amount(queue.visible)} waiting, {amount(queue.in_flight)} in flight, {amount(queue.delayed)} delayed"
    yield _line("lag", waiting, _drain(vitals))
    oldest = f"oldest file {age_text(vitals.oldest_file_s) or '-'}"
    if measured.oldest_message_s is not None:
        oldest += f", message {age_text(measured.oldest_message_s)}"
    p50, p99 = measured.visible_p50_s, measured.visible_p99_s
    visible = "" if p50 is None or p99 is None else f"event to visible: {p50:,.1f} s, 99 % in {p99:,.1f} s"
    yield _line("", oldest, visible)


def _drain(vitals: Vitals) -> str | Text:
    if vitals.drain_s is None:
        return Text("until `ingest resume`", style="bold yellow") if vitals.is_paused else "no end in sight"
    return f"done in {age_text(vitals.drain_s)}" if vitals.drain_s else "nothing to do"


def _throughput(vitals: Vitals) -> Iterator[Text]:
    measured = vitals.measured
    rate = f"{amount(measured.rate(Metric.ROWS_WRITTEN))} rows/s"
    volume = f"{measured.rate(Metric.BYTES_READ) / 1e6:,.1f} MB/s"
    units = f"{amount(measured.rate(Metric.WRITE_UNITS))} write units/s"
    yield _line("throughput", rate, volume, units)
    minutes = len(measured.rows) * measured.period_s / 60
    yield _line("", Text(sparkline(measured.rows), style="cyan"), f"rows in {minutes:,.0f} min")
    feeds = sorted(measured.by_feed.items(), key=lambda entry: -entry[1])
    if feeds:
        window = f"in {measured.window_s / 60:,.0f} min: "
        yield _line("", window + ", ".join(f"{feed} {amount(rows)}" for feed, rows in feeds))


def _errors(vitals: Vitals) -> Iterator[Text]:
    measured = vitals.measured
    share = reject_share(vitals)
    rejected = f"{amount(measured.sum(Metric.ROWS_REJECTED))} rejects" + (f" ({share * 100:.2f} %)" if share else "")
    failed = measured.sum(Metric.FILES_FAILED) + measured.sum(Metric.FILES_UNBALANCED)
    letters = vitals.dead_letters.all
    yield _line(
        "errors",
        rejected,
        _alarming(f"{amount(failed)} failed", failed),
        _alarming(f"{amount(letters)} dead letters", letters),
        f"{amount(measured.sum(Metric.FILES_RETRIED))} retried",
    )
    reasons = [(name, measured.sum(metric)) for name, metric in THROTTLES.items() if measured.sum(metric)]
    why = f" ({', '.join(f'{name} {amount(count)}' for name, count in reasons)})" if reasons else ""
    throttled = f"{amount(measured.sum(Metric.REQUESTS_THROTTLED))} of {amount(measured.sum(Metric.REQUESTS_SENT))}"
    yield _line("throttled", f"{throttled} requests{why}", f"{amount(measured.sum(Metric.REQUESTS_REPEATED))} repeated")


def _alarming(text: str, count: float) -> Text:
    return Text(text, style="bold red" if count else "not bold")


def _function(vitals: Vitals) -> Text:
    done = vitals.measured.invocations
    if done is None or not done.count:
        return _line("function", "not invoked")
    took = f", half of them in {done.median_s:,.1f} s, all in {done.longest_s:,.1f} s" if done.longest_s else ""
    parts = [f"{amount(done.count)} invocations{took}"]
    parts += [f"{amount(done.at_once)} at once"] if done.at_once is not None else []
    if done.errors is not None:
        parts.append(f"{done.errors} errors, {done.throttles} throttles")
    return _line("function", *parts)
