"""The library's errors are said in the person's language, and without commands on pages."""

import pytest
from sqlalchemy.orm import Session

from catalog.db.database import Database
from catalog.errors import CatalogError
from catalog.groups import kinds
from catalog.language import parser
from catalog.query import photo
from catalog.tags import browse, decisions
from catalog.web import messages
from tests.support.catalogue import NOW

WRONG = (
    "a" * 5000,
    " OR ".join(["a"] * 300),
    "dog AND (",
    "dog AND",
    '"dog',
    "dog)",
    "(dog AND )",
    "taken:[2023]",
    "taken:[2023 to 2024]",
    "dog^3",
    "tag:[a TO b]",
    "do*g",
    "dog~",
    "/dog/",
    "[a TO b]",
    "nosuch:3",
    "widht:3",
    "width:wide",
    "taken:soon",
    "taken:2023-02-31",
    "taken:-9999y",
    "width:[5 TO 3]",
    "taken:[2024 TO 2023]",
    "is:nice",
    "near:3",
    'near:"100,200,10km"',
    "\x01",
)


@pytest.mark.parametrize("text", WRONG, ids=[each[:20] for each in WRONG])
def test_what_is_wrong_with_a_query_is_said_in_russian(text: str):
    with pytest.raises(CatalogError) as caught:
        parser.parse(text, now=NOW)

    said = messages.translate(str(caught.value), "ru")
    assert said != str(caught.value)
    assert "{" not in said
    assert not {"is", "the", "write", "not", "here"} & set(said.split())


def _miss(session: Session, what: str) -> None:
    match what:
        case "photo":
            photo.get_photo_by_id(session, 7)
        case "group":
            kinds.get_group(session, 7, kind="events")
        case "keyword":
            browse.find_tag_id(session, "dog")
        case "undo":
            decisions.undo(session, now=NOW)


@pytest.mark.parametrize("what", ["photo", "group", "keyword", "undo"])
def test_what_is_not_there_is_said_without_commands(database: Database, what: str):
    with database.write() as session, pytest.raises(CatalogError) as caught:
        _miss(session, what)

    assert "`" not in messages.translate(str(caught.value), "en")
    assert messages.translate(str(caught.value), "ru") != str(caught.value)
