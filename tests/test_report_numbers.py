"""Numbers and scales of the report, as people write and draw them."""

import pytest

from lowres.report.formatting import duration, interval, listing, number, p_value, percent, whole
from lowres.report.plots import axis


def test_numbers_as_people_write_them() -> None:
    assert [number(-0.04), number(-3.14), number(2.0, sign=True), number(0.0, sign=True)] == [
        "0.0",
        "−3.1",
        "+2.0",
        "0.0",
    ]
    assert [whole(999), whole(4800), whole(119_302_659)] == ["999", "4\u202f800", "119\u202f302\u202f659"]
    assert [percent(0), percent(0.001), percent(0.005), percent(0.25), percent(0.999), percent(1)] == [
        "0\u202f%", "< 1\u202f%", "< 1\u202f%", "25\u202f%", "> 99\u202f%", "100\u202f%",
    ]  # fmt: skip
    assert [p_value(0.0001), p_value(0.0123), p_value(0.2), p_value(1)] == [
        "p < 0.001",
        "p = 0.012",
        "p = 0.20",
        "p = 1.00",
    ]
    assert [duration(0.44), duration(12.3), duration(59.7), duration(252), duration(7500)] == [
        "0.4 s", "12 s", "1 min", "4 min 12 s", "2 h 5 min",
    ]  # fmt: skip
    assert [interval(1, 2), interval(-1, 2), interval(-1, 2, sign=True)] == ["1.0–2.0", "−1.0 to 2.0", "−1.0 to +2.0"]
    assert [listing([]), listing(["a"]), listing(["a", "b"]), listing(list("abcde"))] == [
        "",
        "a",
        "a and b",
        "a, b and 3 more",
    ]


@pytest.mark.parametrize("values", [[0.0, 100.0], [76.2, 84.9], [50.0], [99.41, 99.44], [-100.0, 40.0], [0.0, 1e6]])
def test_a_scale_holds_its_values_between_round_ticks(values: list[float]) -> None:
    found = axis(values)
    assert found.low <= min(values)
    assert max(values) <= found.high
    assert 2 <= len(found.ticks) <= 8
    step = found.ticks[1] - found.ticks[0]
    assert all(abs(tick / step - round(tick / step)) < 1e-6 for tick in found.ticks)
