"""Dates at every precision, quantities across units, exact numbers."""

import pytest

from service.fhir.path import evaluate
from service.fhir.path.moments import compare, parse_datetime
from service.fhir.path.ucum import parse as unit


@pytest.mark.parametrize(
    ("left", "right", "order"),
    [
        ("2026", "2026", 0),
        ("2026", "2026-01", None),
        ("2025", "2026-01", -1),
        ("2026-01-01T10:00:00+02:00", "2026-01-01T08:00:00Z", 0),
        ("2026-01-01T10:00:00.5Z", "2026-01-01T10:00:00.50Z", 0),
        ("2026-01-01T23:30+02:00", "2026-01-02T00:30+03:00", 0),
        ("2026-01-01T10:00:00", "2026-01-01T10:00:00Z", None),
        ("2026-01-01T10:00:00", "2026-01-03T10:00:00Z", -1),
        ("2026-01-01", "2026-01-02T15:00:00Z", -1),
        ("2026-01-01", "2026-01-02T01:00:00Z", None),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00", -1),
    ],
)
def test_order_of_moments(left: str, right: str, order: int | None) -> None:
    one, other = parse_datetime(left), parse_datetime(right)
    assert one is not None and other is not None
    assert compare(one, other) == order
    assert compare(other, one) == (None if order is None else -order)
    assert (str(one), str(other)) == (left, right)


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-02-29", "2026-1", "2026-01-01T24:00", "0000", "2026-01-01T10:00+25:00", "x"]
)
def test_no_moments(text: str) -> None:
    assert parse_datetime(text) is None


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("@2026-01-01T10:00:00+00:00 + 1 hour", "2026-01-01T11:00:00+00:00"),
        ("@2026-01-01T10:00:00-00:00 = @2026-01-01T10:00:00Z", True),
        ("@2024-01-31 + 1 month", "2024-02-29"),
        ("@2024-02-29 + 1 year", "2025-02-28"),
        ("@2026 + 25 months", "2028"),
        ("@2026-03 + 40 days", "2026-04"),
        ("@2026-01-01 + 23 hours", "2026-01-01"),
        ("@2026-01-01 - 25 hours", "2025-12-31"),
        ("@2026-03-29T02:30:00+02:00 + 90 minutes", "2026-03-29T04:00:00+02:00"),
        ("@2026-01-01T00:00:00.000Z - 1 millisecond", "2025-12-31T23:59:59.999Z"),
        ("@2026-01-01T00:00:00Z + 1500 milliseconds", "2026-01-01T00:00:01.500Z"),
        ("@T23:30 + 45 minutes", "00:15"),
        ("@T00:00:00 - 1 second", "23:59:59"),
        ("@9999-12-31 + 1 day", None),
        ("@0001-01-01 - 1 day", None),
        ("0.1 + 0.2 = 0.3", True),
        ("1.10.toString()", "1.10"),
        ("2.0 * 1.5", "3.00"),
        ("7 div 2 * 2 + 7 mod 2", 7),
        ("(-7) mod 3", -1),
        ("(-7) div 2", -3),
        ("123456789012345678901234567890.5 + 1", "123456789012345678901234567891.5"),
        ("2.power(100).toString()", "1267650600228229401496703205376"),
        ("10 'kg' = 10000 'g'", True),
        ("1 'm' > 1 's'", None),
        ("98.6 '[degF]' = 37 'Cel'", None),
        ("1 'mm[Hg]' ~ 0.133322 'kPa'", True),
        ("1 year = 12 months", True),
        ("1 year = 365 days", None),
        ("1 year ~ 1 'a'", True),
        ("2 'h' + 30 'min'", "2.5 'h'"),
        ("3 days.toQuantity('h')", "72 'h'"),
        ("1 '[iU]' = 1 'mg'", None),
        ("5 'mg/dL' = 50 'mg/L'", True),
        ("1 'mmol/L' = 1 'mol/m3'", True),
        ("'12 mm'.toQuantity()", None),
        ("5 'mg' / 0 'mg'", None),
        ("'abc'.indexOf('')", 0),
        ("'aXbX'.lastIndexOf('X')", 3),
        ("'John Doe'.replaceMatches('(?<a>\\\\w+) (\\\\w+)', '$2, ${a}')", "Doe, John"),
        ("'x'.encode('hex').decode('hex')", "x"),
        ("'zz'.decode('hex')", None),
    ],
)
def test_calculations(expression: str, answer: object) -> None:
    found = evaluate(expression, {})
    if answer is None:
        assert found == []
    else:
        assert [str(value) if isinstance(answer, str) else value for _, value in found] == [answer]


def test_units() -> None:
    for known in ("kg.m/s2", "10*9/L", "mg/dL", "%", "/min", "m[H2O]", "ug{creat}/24.h", "(mg/kg)/d", "{beats}/min"):
        assert unit(known) is not None, known
    for unknown in ("", "lbs", "mg//l", "(mg", "mg)", "k", "m-", "[s]", "a" * 300, "." * 50):
        assert unit(unknown) is None, unknown
