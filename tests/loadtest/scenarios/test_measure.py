from typing import Any

import pytest

from loadtest.scenarios.figures import MEMORY_MB, Observation, Samples, distribution, usd


def samples(*rows: int | None, times: list[float] | None = None) -> Samples:
    taken = Samples()
    for number, count in enumerate(rows):
        at_s = times[number] if times else float(number)
        taken.take(at_s, Observation(backlog=9 - number, in_flight=1, rows=count), oldest_s=0.5)
    return taken


def test_a_growing_figure_becomes_what_it_grew_by_each_second() -> None:
    assert samples(0, 100, 100, 250).rates("rows") == [0, 100, 0, 150]


def test_a_late_sample_does_not_look_like_a_peak() -> None:
    assert samples(0, 100, 300, times=[0, 1, 3]).rates("rows") == [0, 100, 100]


def test_what_is_not_known_stays_unknown() -> None:
    assert samples(None, None).rates("rows") == [None, None]
    assert samples(1, 5, None).values("backlog") == [9, 8, 7]


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(n) for n in range(1, 101)]
    assert distribution(values) == {"p50": 50, "p90": 90, "p99": 99, "max": 100}
    assert distribution([]) == {"p50": None, "p90": None, "p99": None, "max": None}


NOTHING: dict[str, Any] = dict.fromkeys(
    ["write_units", "worker_seconds", "invocations", "queue_requests", "objects_put", "object_reads"], 0
)


@pytest.mark.parametrize(
    ("used", "dollars"),
    [
        ({}, 0),
        ({"write_units": 1_000_000}, 0.625),
        ({"worker_seconds": 1_000_000 * 1024 / MEMORY_MB}, 13.3334),
        ({"invocations": 1_000_000}, 0.2),
        ({"queue_requests": 1_000_000}, 0.4),
        ({"objects_put": 1_000_000, "object_reads": 1_000_000}, 5.4),
    ],
)
def test_a_run_costs_the_list_prices(used: dict[str, Any], dollars: float) -> None:
    assert usd(**NOTHING | used) == pytest.approx(dollars)
