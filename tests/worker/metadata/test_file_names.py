"""A date is read from the name that a phone or a messenger gave a photo."""

import pytest

from catalog.said import TakenPrecision
from worker.metadata import file_names

DAY, SECOND = TakenPrecision.DAY, TakenPrecision.SECOND


@pytest.mark.parametrize(
    ("name", "expected", "precision"),
    [
        ("IMG-20201018-WA0007.jpg", "2020-10-18 00:00:00", DAY),
        ("2011-07-19 11.36.39.jpg", "2011-07-19 11:36:39", SECOND),
        ("PXL_20230514_101112.jpg", "2023-05-14 10:11:12", SECOND),
        ("PXL_20230514_101112345.MP.jpg", "2023-05-14 10:11:12", SECOND),
        ("IMG_20230514_101112.jpg", "2023-05-14 10:11:12", SECOND),
        ("20230514_101112.jpg", "2023-05-14 10:11:12", SECOND),
        ("IMG20230514101112.jpg", "2023-05-14 10:11:12", SECOND),
        ("Screenshot_20201018-120000.png", "2020-10-18 12:00:00", SECOND),
        ("Screenshot_2020-10-18-12-00-00.png", "2020-10-18 12:00:00", SECOND),
        ("Screenshot 2020-10-18 at 12.00.00.png", "2020-10-18 12:00:00", SECOND),
        ("photo_2020-10-18_12-00-00.jpg", "2020-10-18 12:00:00", SECOND),
        ("WhatsApp Image 2020-10-18 at 12.00.jpg", "2020-10-18 12:00:00", SECOND),
        ("signal-2020-10-18-120000.jpg", "2020-10-18 12:00:00", SECOND),
        ("1987-06-14 Grandma.jpg", "1987-06-14 00:00:00", DAY),
    ],
)
def test_date_is_read(name: str, expected: str, precision: TakenPrecision) -> None:
    found = file_names.taken(name)

    assert found is not None
    assert (str(found.at), found.precision) == (expected, precision)


def test_names_of_pixel_phones_are_in_utc() -> None:
    found = file_names.taken("PXL_20230514_101112.jpg")

    assert found is not None
    assert found.offset_minutes == 0


@pytest.mark.parametrize(
    "name",
    [
        *("IMG_0001.jpg", "DSC_20991399.jpg", "12345678901234567890.jpg", "20200000_101112.jpg"),
        *("IMG_2020-13-18.jpg", "1920x1080.jpg", "", "19701020304050.jpg", "order-30201018.jpg"),
    ],
)
def test_other_numbers_are_no_dates(name: str) -> None:
    assert file_names.taken(name) is None
