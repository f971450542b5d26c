import re

from hypothesis import given
from hypothesis import strategies as st

from ingest.reading.text_reader import without_footer
from tests.support.fakes import cut


@given(text=st.text(alphabet="ab\n\r", max_size=40), lines=st.integers(0, 5), portion=st.integers(1, 41))
def test_the_last_lines_are_left_out_in_any_portions(text: str, lines: int, portion: int) -> None:
    physical = re.findall(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z", text)
    filled = next((n for n in range(len(physical), 0, -1) if physical[n - 1].strip("\r\n")), 0)
    kept = physical[: max(0, filled - lines)] if lines else physical
    found = b"".join(without_footer(cut(text.encode(), portion), lines))
    assert found == "".join(kept).encode()
