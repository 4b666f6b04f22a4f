"""The JSON of Google Takeout says when and where the photo beside it was taken."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.said import Said, Taken, TakenPrecision
from worker.metadata import takeout

LONG = "a photo with a name that is rather long for Google's taste.jpg"


@pytest.mark.parametrize(
    ("name", "photos", "owner"),
    [
        ("IMG.jpg.json", ["IMG.jpg"], "IMG.jpg"),
        ("IMG.jpg.supplemental-metadata.json", ["IMG.jpg"], "IMG.jpg"),
        ("IMG.jpg.suppl.json", ["IMG.jpg"], "IMG.jpg"),
        ("IMG.jpg(1).json", ["IMG.jpg", "IMG(1).jpg"], "IMG(1).jpg"),
        ("IMG.jpg.supplemental-metadata(2).json", ["IMG.jpg", "IMG(2).jpg"], "IMG(2).jpg"),
        ("IMG.jpg.json", ["IMG.png"], None),
        (f"{LONG[:46]}.json", [LONG], LONG),
        (f"{LONG[:46]}.json", [LONG, LONG.replace("taste", "tasks")], None),
        (f"{LONG[:46]}(1).json", [LONG, LONG.replace(".jpg", "(1).jpg")], LONG[:-4] + "(1).jpg"),
        ("metadata.json", ["metadata.jpg"], None),
    ],
)
def test_owner_is_found(name: str, photos: list[str], owner: str | None) -> None:
    assert takeout.owner_of(name, photos) == owner


@pytest.mark.parametrize(
    "name", ["IMG.jpg.json", "IMG.HEIC.supplemental-m.JSON", LONG[:46] + ".json"]
)
def test_json_of_a_photo_is_known_by_its_name(name: str) -> None:
    assert takeout.is_takeout(name)


@pytest.mark.parametrize("name", ["package.json", "IMG.json", ".IMG.jpg.json", "IMG.jpg"])
def test_other_json_is_left_alone(name: str) -> None:
    assert not takeout.is_takeout(name)


def said(**changes: object) -> Said:
    data = {
        "title": "IMG.jpg",
        "description": "not, keywords",
        "photoTakenTime": {"timestamp": "1603022400", "formatted": "18.10.2020"},
        "geoData": {"latitude": 48.85, "longitude": 2.35, "altitude": 0.0},
    }
    return takeout.parse(json.dumps(data | changes).encode())


def test_date_and_position_are_read() -> None:
    found = said()

    assert found.taken is not None
    assert str(found.taken.at) == "2020-10-18 12:00:00"
    assert found.taken == Taken(found.taken.at, TakenPrecision.SECOND, 0)
    assert found.position == (48.85, 2.35)
    assert not found.has_keywords


def test_place_of_the_camera_serves_where_google_knows_none() -> None:
    nowhere = {"latitude": 0.0, "longitude": 0.0}

    assert said(geoData=nowhere, geoDataExif={"latitude": -1, "longitude": 2}).position == (-1, 2)
    assert said(geoData=nowhere).position is None


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"[]", b"{}", b'{"photoTakenTime": 5}', b"[" * 100_000, b'{"photoTakenTime": {}}'),
        b'{"photoTakenTime": {"timestamp": "1e99"}, "geoData": {"latitude": NaN, "longitude": 1}}',
    ],
)
def test_other_json_says_nothing(data: bytes) -> None:
    assert takeout.parse(data) == Said()


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing(data: bytes) -> None:
    takeout.parse(data)
    takeout.parse(b'{"photoTakenTime": {"timestamp": ' + data + b"}}")
