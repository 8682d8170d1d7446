"""Local time in Helsinki: what does not exist, what exists twice, and what everything else means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.intake.times import HELSINKI, Gap, Twice, day, full, moment, when


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-07-01T12:00", "2025-07-01T12:00:00+03:00"),
        ("2025-01-01T12:00", "2025-01-01T12:00:00+02:00"),
        ("2025-01-01T12:00:30.5", "2025-01-01T12:00:30.5+02:00"),
        ("2025-01-01T12:00Z", "2025-01-01T12:00:00Z"),
        ("2025-01-01T12:00:00.123456789-05:00", "2025-01-01T12:00:00.123456789-05:00"),
        ("2025-03-30T02:59", "2025-03-30T02:59:00+02:00"),
        ("2025-03-30T04:00", "2025-03-30T04:00:00+03:00"),
        ("2025-10-26T02:59", "2025-10-26T02:59:00+03:00"),
        ("2025-10-26T04:00", "2025-10-26T04:00:00+02:00"),
        ("2025-10-26T03:30+03:00", "2025-10-26T03:30:00+03:00"),
    ],
)
def test_full(text: str, expected: str) -> None:
    assert full(text) == expected


@pytest.mark.parametrize("text", ["2025-03-30T03:00", "2025-03-30T03:59:59", "2026-03-29T03:30"])
def test_gap(text: str) -> None:
    with pytest.raises(Gap):
        moment(text)


@pytest.mark.parametrize("text", ["2025-10-26T03:00", "2025-10-26T03:59:59.999"])
def test_twice(text: str) -> None:
    with pytest.raises(Twice) as error:
        moment(text)
    assert error.value.offsets == ("+03:00", "+02:00")


@pytest.mark.parametrize("text", ["2025-02-30T10:00", "2025-01-01T24:00", "2025-01-01T10:60", "2025-01-01T10:00:60"])
def test_no_time(text: str) -> None:
    assert when(text) is None
    assert day(text) is None


def test_days_are_helsinki_days() -> None:
    assert str(day("2025-01-01T23:30:00Z")) == "2025-01-02"
    assert str(day("2025-01-01")) == "2025-01-01"
    assert day("2025-02-30") is None
    assert when("2025-01-01") == moment("2025-01-01T00:00")


@given(st.datetimes(timezones=st.just(HELSINKI), min_value=moment("1990-01-01T00:00").replace(tzinfo=None)))
def test_full_means_the_same_moment(when_: object) -> None:
    text = when_.strftime("%Y-%m-%dT%H:%M")
    try:
        expected = moment(text)
    except (Gap, Twice):
        return
    assert moment(full(text)) == expected
