"""What is trimmed from the function's zip: nothing that reads a feed's files."""

from pathlib import PurePath
from typing import get_args, get_type_hints

import pytest

from infra import trim
from ingest.feeds.feed import Feed


def test_what_reads_each_format_of_feeds_is_listed() -> None:
    assert set(get_args(get_type_hints(Feed)["format"])) <= trim.FORMATS.keys()


@pytest.mark.parametrize("name", trim.FORMATS)
def test_what_reads_a_format_is_shipped_without_its_sources(name: str) -> None:
    assert trim.keeps(PurePath(f"pyarrow/{name}.py"))
    assert trim.keeps(PurePath(f"pyarrow/_{name}.cpython-314-aarch64-linux-gnu.so"))
    assert not trim.keeps(PurePath(f"pyarrow/_{name}.pyx"))


@pytest.mark.parametrize(
    "path",
    [
        "pyarrow/_dataset_parquet.cpython-314-aarch64-linux-gnu.so",
        "pyarrow/parquet/core.py",
        "pyarrow/flight.py",
        "botocore/data/s3/2006-03-01/examples-1.json",
    ],
)
def test_what_no_format_needs_is_not(path: str) -> None:
    assert not trim.keeps(PurePath(path))


@pytest.mark.parametrize("path", ["pyarrow/compute.py", "pyarrow/pandas_compat.py", "botocore/data/endpoints.json"])
def test_what_the_function_loads_is(path: str) -> None:
    assert trim.keeps(PurePath(path))
