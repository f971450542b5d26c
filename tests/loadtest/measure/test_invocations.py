from loadtest.measure.log import Invocation, at_work


def test_an_invocation_is_at_work_from_its_beginning_to_its_end() -> None:
    ran = [Invocation(103.0, 2.0, 0), Invocation(104.5, 3.0, 0), Invocation(110.0, 1.0, 0)]
    assert at_work(ran, begun_s=100.0, times=[0, 1, 2, 3, 4, 5, 9.5]) == [0, 1, 2, 2, 1, 0, 1]


def test_nothing_ran_where_nothing_is_reported() -> None:
    assert at_work([], begun_s=0.0, times=[1, 2]) == [0, 0]
