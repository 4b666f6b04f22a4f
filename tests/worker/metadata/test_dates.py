"""Dates are read whole or in part, as cameras and programs write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.said import TakenPrecision
from worker.metadata import dates

YEAR, MONTH = TakenPrecision.YEAR, TakenPrecision.MONTH
DAY, SECOND = TakenPrecision.DAY, TakenPrecision.SECOND


@pytest.mark.parametrize(
    ("text", "expected", "precision"),
    [
        ("2026:07:31 12:00:00", "2026-07-31 12:00:00", SECOND),
        ("2026-07-31T12:00:00.25", "2026-07-31 12:00:00.250000", SECOND),
        ("2026-07-31T12:00", "2026-07-31 12:00:00", SECOND),
        ("2013:05:01 24:10:00", "2013-05-02 00:10:00", SECOND),
        ("2013:12:31 23:59:60", "2014-01-01 00:00:00", SECOND),
        ("2004/05/06 07:08:09", "2004-05-06 07:08:09", SECOND),
        ("2026: 7: 1  9: 5: 3", "2026-07-01 09:05:03", SECOND),
        ("2026:07:31", "2026-07-31 00:00:00", DAY),
        ("1987-06-14", "1987-06-14 00:00:00", DAY),
        ("19991231", "1999-12-31 00:00:00", DAY),
        ("2026:07:31   :  :  ", "2026-07-31 00:00:00", DAY),
        ("2003:08:00 00:00:00", "2003-08-01 00:00:00", MONTH),
        ("2003-08", "2003-08-01 00:00:00", MONTH),
        ("1987:00:00 00:00:00", "1987-01-01 00:00:00", YEAR),
        ("19870000", "1987-01-01 00:00:00", YEAR),
        ("1987", "1987-01-01 00:00:00", YEAR),
    ],
)
def test_date_is_read_as_far_as_it_goes(
    text: str, expected: str, precision: TakenPrecision
) -> None:
    found = dates.parse(text)

    assert found is not None
    assert (str(found.at), found.precision, found.offset_minutes) == (expected, precision, None)


@pytest.mark.parametrize(
    "text",
    [
        "0000:00:00 00:00:00",
        "    :  :     :  :  ",
        "2026:13:45 12:00:00",
        "soon",
        "",
        "1700-01-01",
        "2026:02:30",
        "9999:12:31 24:00:00",
        "12345678901",
        None,
        5,
        b"2026",
    ],
)
def test_dates_without_sense_are_none(text: object) -> None:
    assert dates.parse(text) is None


@pytest.mark.parametrize(
    ("text", "zone", "offset"),
    [
        ("2026-07-31T12:00:00-05:00", None, -300),
        ("2026-07-31T12:00:00+0530", None, 330),
        ("2026-07-31T12:00:00+02", None, 120),
        ("2026-07-31T12:00:00Z", None, 0),
        ("2026:07:31 12:00:00", "+02:00", 120),
        ("2026-07-31T12:00:00Z", "+02:00", 0),
        ("2026:07:31 12:00:00", "   :  ", None),
        ("2026:07:31 12:00:00", "+99:00", None),
    ],
)
def test_wall_clock_stays_and_the_zone_stands_beside_it(
    text: str, zone: str | None, offset: int | None
) -> None:
    found = dates.parse(text, zone)

    assert found is not None
    assert (str(found.at), found.offset_minutes) == ("2026-07-31 12:00:00", offset)


@given(st.text() | st.none() | st.binary() | st.integers(), st.text() | st.none())
def test_any_date_is_a_date_or_none(text: object, zone: object) -> None:
    found = dates.parse(text, zone)

    assert found is None or found.at.tzinfo is None
