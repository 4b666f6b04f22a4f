"""`kadr keyword ...` as a person types it."""

import json
from collections.abc import Collection
from pathlib import Path

import pytest
from typer.testing import CliRunner

from catalog import query
from catalog.cli import catalogue as opening
from catalog.cli import lazy
from catalog.cli.commands import COMMANDS
from catalog.cli.options import Loaders
from catalog.db.database import Database, open_database
from catalog.errors import NotFoundError, QueryError
from catalog.tags.store import TagSpec
from tests.support.catalogue import add_photos, tag_photo


@pytest.fixture
def catalogue(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Three photos with keywords, in the catalogue that commands open."""
    monkeypatch.setenv("KADR_DATABASE_URL", sqlite_url)
    opened = open_database(sqlite_url, upgrade=True)
    with opened.write() as session:
        for photo_id in add_photos(session, "a.jpg", "b.jpg", "c.jpg"):
            tag_photo(session, photo_id, {"dog": 0.9, "beach": 0.5})
    return opened


def look_up(_chosen: object, keys: Collection[str]) -> dict[str, TagSpec]:
    return {key: TagSpec("airplane", (("plane", None),)) for key in keys if "plane" in key}


def run(*arguments: str, typed: str | None = None) -> str:
    app = lazy.build(COMMANDS, Loaders(lexicon=look_up))
    asked = ["keyword", *arguments]
    result = CliRunner().invoke(app, asked, input=typed, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def find(catalogue: Database, text: str) -> int:
    with catalogue.read() as session:
        return len(query.find_ids(session, text))


def test_photo_gets_loses_and_regains_keywords(catalogue: Database) -> None:
    assert "2 keywords on 1 photo changed" in run("add", "a.jpg", "Rex", "summer holiday")
    assert find(catalogue, 'rex AND "summer holiday"') == 1

    run("reject", "a.jpg", "dog")
    assert find(catalogue, "dog") == 2
    assert "1 keyword on 1 photo as before" in run("undo")
    assert find(catalogue, "dog") == 3


def test_alias_of_a_keyword_is_said_to_be_one(catalogue: Database) -> None:
    assert "plane is an alias of airplane" in run("add", "a.jpg", "plane")
    assert json.loads(run("reject", "b.jpg", "plane", "--json"))["meant"] == {"plane": "airplane"}
    assert find(catalogue, "tag:=airplane") == 1


def test_search_decides_about_all_that_it_finds(catalogue: Database) -> None:
    done = json.loads(run("reject", "--where", "dog", "dog", "--json"))

    assert (done["changed"], done["photos"]) == (3, 3)
    assert find(catalogue, "dog") == 0
    assert "nothing to change" in run("reject", "--where", "beach", "dog")


def test_search_decides_only_about_what_the_threshold_lets_it_find(
    catalogue: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KADR_MIN_CONFIDENCE", "0.6")

    assert "3 keywords" in run("add", "--where", "dog", "pet")
    assert "nothing to change" in run("add", "--where", "beach", "trip")


def test_wrong_search_is_shown_with_a_mark(
    catalogue: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(QueryError), opening.writing() as session:
        query.find_ids(session, "dog widht:>3")

    assert "  dog widht:>3\n      ^\n" in capsys.readouterr().err


def test_photos_may_come_from_standard_input(catalogue: Database) -> None:
    run("add", "-", "trip", typed="a.jpg\nb.jpg\n")

    assert find(catalogue, "trip") == 2


def test_decisions_go_to_a_file_and_back(catalogue: Database, tmp_path: Path) -> None:
    file = tmp_path / "decisions.jsonl"
    run("add", "a.jpg", "Rex")
    run("reject", "b.jpg", "dog")
    assert "2 decisions written" in run("export", "-o", str(file))
    run("undo")
    run("undo")

    assert "2 keywords changed; 0 photos not in this catalogue" in run("import", str(file))
    assert run("export").splitlines() == file.read_text(encoding="utf-8").splitlines()


def test_machine_keywords_are_dropped_only_after_a_yes(catalogue: Database) -> None:
    run("confirm", "a.jpg", "dog")
    assert "5 keywords deleted" in run("drop-machine", typed="y\n")

    assert find(catalogue, "dog") == 1


def test_photo_without_a_keyword_is_not_enough(catalogue: Database) -> None:
    result = CliRunner().invoke(lazy.build(COMMANDS), ["keyword", "add", "a.jpg"])

    assert result.exit_code == 2
    assert "at least one keyword" in result.output


def test_unknown_photo_changes_nothing(catalogue: Database) -> None:
    with pytest.raises(NotFoundError, match="no such photo"):
        run("add", "-", "trip", typed="a.jpg\nnowhere.jpg\n")

    assert find(catalogue, "trip") == 0
