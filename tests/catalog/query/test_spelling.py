"""Words are compared without what is not seen and, where nothing else is found, without accents."""

from datetime import datetime

import pytest
from sqlalchemy import update

from catalog import query, spelling
from catalog.db.database import Database
from catalog.db.tables import Photo
from catalog.said import TakenPrecision
from tests.support import catalogue, generated

ZERO_WIDTH_SPACE, BYTE_ORDER_MARK, DIRECTION_MARK = "\u200b", "\ufeff", "\u200f"
APOSTROPHE = "\u2019"


def fill(database: Database, *words: str) -> list[int]:
    with database.write() as session:
        ids = catalogue.add_photos(session, *(f"{n}.jpg" for n in range(len(words))))
        for photo_id, word in zip(ids, words, strict=True):
            catalogue.tag_photo(session, photo_id, {}, keywords=(word,))
    return ids


def find(database: Database, text: str) -> list[int]:
    with database.read() as session:
        return sorted(query.find_ids(session, text, now=generated.NOW))


def test_characters_that_are_not_seen_make_no_other_word() -> None:
    marks = [ZERO_WIDTH_SPACE, BYTE_ORDER_MARK, DIRECTION_MARK]

    assert {spelling.clean(f"{mark}Zebrapark{mark}") for mark in marks} == {"Zebrapark"}
    assert spelling.fold("\u2764\ufe0f") == spelling.fold("\u2764")


def test_signs_that_are_joined_stay_joined() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467 family"

    assert spelling.clean(family) == family
    assert spelling.clean("\ufe0f\u200d") == ""


def test_keyword_with_an_invisible_character_is_one_keyword(database: Database) -> None:
    ids = fill(database, "Zebrapark", f"Zebrapark{ZERO_WIDTH_SPACE}")

    assert find(database, "zebrapark") == ids


def test_curved_apostrophe_is_like_the_straight_one(database: Database) -> None:
    ids = fill(database, f"Mother{APOSTROPHE}s Day")

    assert find(database, '"mother\'s day"') == ids


@pytest.mark.parametrize(
    ("word", "asked"),
    [
        ("Malm\u00f6", "malmo"),
        ("\u0130stanbul", "istanbul"),
        ("\u0141\u00f3d\u017a", "lodz"),
        ("Pr\u016fhonice", "pruhonice"),
        ("Stra\u00dfenbahn", "strassenbahn"),
        (
            "\u03b8\u03ac\u03bb\u03b1\u03c3\u03c3\u03b1",
            "\u03b8\u03b1\u03bb\u03b1\u03c3\u03c3\u03b1",
        ),
        ("Malmo", "malm\u00f6"),
    ],
)
def test_word_without_its_accents_is_found(database: Database, word: str, asked: str) -> None:
    ids = fill(database, word)

    assert find(database, asked) == ids


def test_word_that_is_written_so_comes_before_one_with_accents(database: Database) -> None:
    plain, accented = fill(database, "resume", "r\u00e9sum\u00e9")

    assert find(database, "resume") == [plain]
    assert find(database, "r\u00e9sum\u00e9") == [accented]


def test_several_words_that_differ_by_accents_are_all_found(database: Database) -> None:
    ids = fill(database, "caf\u00e9", "caf\u00e8")

    assert find(database, "cafe") == ids


def test_date_of_which_a_part_is_known_is_found_by_that_part(database: Database) -> None:
    year, month, day, second = fill(database, "a", "b", "c", "d")
    known = {
        year: TakenPrecision.YEAR,
        month: TakenPrecision.MONTH,
        day: TakenPrecision.DAY,
        second: TakenPrecision.SECOND,
    }
    with database.write() as session:
        for photo_id, precision in known.items():
            at = datetime(1987, 1, 1)  # noqa: DTZ001  a camera's clock
            columns = {"taken_at": at, "taken_precision": precision}
            session.execute(update(Photo).where(Photo.id == photo_id).values(columns))

    assert find(database, "taken:1987") == [year, month, day, second]
    assert find(database, "taken:>=1987") == [year, month, day, second]
    assert find(database, "taken:1987-01") == [month, day, second]
    assert find(database, "taken:<1987-07") == [month, day, second]
    assert find(database, "taken:1987-01-01") == [day, second]
    assert find(database, "taken:1986") == []
