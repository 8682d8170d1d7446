"""Dates and times as people of each language write them."""

import pytest

from service.print.dates import clock, day, span, weekday


@pytest.mark.parametrize(
    ("value", "fi", "sv", "en"),
    [
        ("2025-10-01", "1.10.2025", "1 oktober 2025", "1 October 2025"),
        ("2025-10-01T23:30:00Z", "2.10.2025", "2 oktober 2025", "2 October 2025"),
        ("2025-10", "lokakuu 2025", "oktober 2025", "October 2025"),
        ("2025", "2025", "2025", "2025"),
        ("2025-13", "2025-13", "2025-13", "2025-13"),
        ("soon", "soon", "soon", "soon"),
    ],
)
def test_days(value: str, fi: str, sv: str, en: str) -> None:
    assert (day(value, "fi"), day(value, "sv"), day(value, "en")) == (fi, sv, en)


def test_weekdays_start_with_a_capital_and_follow_helsinki() -> None:
    late = "2025-10-01T21:30:00Z"
    assert weekday(late, "fi") == "Torstaina 2.10.2025"
    assert weekday(late, "sv") == "Torsdag 2 oktober 2025"
    assert weekday(late, "en") == "Thursday 2 October 2025"


@pytest.mark.parametrize(
    ("start", "end", "fi", "sv", "en"),
    [
        ("2025-10-01T16:30:00+03:00", "2025-10-01T17:00:00+03:00", "klo 16.30–17.00", "kl. 16.30–17.00", "16:30–17:00"),
        ("2025-12-01T07:05:00Z", None, "klo 9.05", "kl. 09.05", "09:05"),
        ("2025-06-01T07:05:00Z", None, "klo 10.05", "kl. 10.05", "10:05"),
        ("2025-10-01", None, "", "", ""),
        ("2025-10-01T23:30:00+03:00", "2025-10-02T00:30:00+03:00", "klo 23.30", "kl. 23.30", "23:30"),
    ],
)
def test_times(start: str, end: str | None, fi: str, sv: str, en: str) -> None:
    assert (clock(start, end, "fi"), clock(start, end, "sv"), clock(start, end, "en")) == (fi, sv, en)


def test_spans() -> None:
    assert span("2025-09-17", "2026-01-31", "fi") == ("", "", "17.9.2025–31.1.2026")
    assert span("2025-09-17", "2025-10-31", "fi") == ("", "", "17.9.–31.10.2025")
    assert span("2025-09-17", "2025-10-31", "sv") == ("", "", "17 september – 31 oktober 2025")
    assert span("2025-09-17", "2025-10-31", "en") == ("", "", "17 September – 31 October 2025")
    assert span("2025-09-17", "2025-09-17", "en") == ("", "", "17 September 2025")
    assert span("2025-09-17", None, "en") == ("17 September 2025", "", "")
    assert span(None, "2025-09-17", "en") == ("", "17 September 2025", "")
