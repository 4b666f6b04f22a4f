"""`kadr metadata` as a person types it: policies, writing, comparing, taking out again."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from catalog.cli import status
from catalog.db.database import Database, open_database
from catalog.db.tables import Sidecar, SidecarState
from catalog.errors import NotFoundError, OptionError, SettingsError
from catalog.photos import files, roots
from catalog.said import Keyword, Said
from catalog.tags import decisions, results
from tests.support import photos, readers
from tests.support.catalogue import add_photos, tag_photo
from tests.support.xmp import bag, sidecar
from worker.cli.metadata import app
from worker.errors import SidecarError

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(photos.jpeg_bytes())
    return folder


@pytest.fixture
def catalogue(sqlite_url: str, top: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Two tagged photos, on the first of which a person confirmed "dog"."""
    monkeypatch.setenv("KADR_DATABASE_URL", sqlite_url)
    with open_database(sqlite_url, upgrade=True) as opened:
        with opened.write() as session:
            ids = add_photos(session, "a.jpg", "b.jpg", root=str(top))
            for photo_id in ids:
                tag_photo(session, photo_id, {"dog": 0.9, "sea": 0.5})
            decisions.confirm(session, ids[:1], ["dog"], now=NOW)
        yield opened


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


@pytest.mark.usefixtures("catalogue")
def test_nothing_is_written_before_a_policy_says_what(top: Path) -> None:
    with pytest.raises(OptionError, match="kadr metadata policy ROOT confirmed"):
        run("write")
    with pytest.raises(SettingsError, match="'maybe' is not a policy"):
        run("policy", "photos", "maybe")
    with pytest.raises(NotFoundError, match="no root of that name"):
        run("policy", "elsewhere", "confirmed")
    assert "off (KADR_SIDECARS)" in run("policy").output


@pytest.mark.usefixtures("catalogue")
def test_words_go_into_sidecars_and_out_again(top: Path) -> None:
    assert "1 sidecar to be compared" in run("policy", str(top), "confirmed").output
    assert json.loads(run("policy", "--json").output)[0]["policy"] == "confirmed"
    dry = run("write", "--dry-run").output
    assert "a.jpg.xmp  new: +dog" in dry
    assert "1 sidecar would be written" in dry
    assert not list(top.glob("*.xmp"))

    assert "1 sidecar written" in run("write").output
    assert readers.read_fields(top / "a.jpg.xmp")[readers.DC] == ["dog"]
    assert "1 unchanged" in run("write").output
    readers.add_words(top / "a.jpg.xmp", "theirs")
    shown = run("diff", "a.jpg").output
    assert [line.split() for line in shown.splitlines() if line.startswith(("dog", "theirs"))] == [
        ["dog", "there", "confirmed", "of", "Kadr"],
        ["theirs", "of", "others"],
    ]
    dry = run("withdraw", "--dry-run").output
    assert "a.jpg.xmp  -dog" in dry
    assert readers.read_fields(top / "a.jpg.xmp")[readers.DC] == ["dog", "theirs"]
    output = run("withdraw", "--yes").output
    assert "1 sidecar written" in output
    assert "kadr metadata policy ROOT off" in output
    assert readers.read_fields(top / "a.jpg.xmp")[readers.DC] == ["theirs"]


@pytest.mark.usefixtures("catalogue")
def test_confidence_writes_what_models_say_too(top: Path) -> None:
    run("policy", "photos", "0.7")
    counts = json.loads(run("write", "dog", "--json").output)

    assert (counts["written"], counts["problems"]) == (2, [])
    assert readers.read_fields(top / "b.jpg.xmp")[readers.DC] == ["dog"]


@pytest.mark.usefixtures("catalogue")
def test_failure_is_shown_with_what_to_do(top: Path) -> None:
    run("policy", "photos", "confirmed")
    (top / "a.jpg.xmp").write_bytes(b"<broken")
    output = run("write", code=1).output
    shown = CliRunner().invoke(status.app, [], catch_exceptions=False).output

    assert "1  sidecars that cannot be written" in shown
    assert "0 sidecars written; 1 failed" in output
    assert "a.jpg.xmp: is not well-formed XML" in output.replace("\n", "")
    assert json.loads(run("write", "path:b.jpg", "--json").output)["problems"] == []


def test_sidecars_without_a_photo_are_deleted_if_they_are_ours(
    catalogue: Database, top: Path
) -> None:
    run("policy", "photos", "0.7")
    run("write")
    readers.add_words(top / "b.jpg.xmp", "theirs")
    with catalogue.write() as session:
        root_id = roots.register_root(session, top).id
        files.mark_missing(session, root_id, ["a.jpg", "b.jpg"], now=NOW)

    assert "2 sidecars would be deleted" in run("prune", "--dry-run").output
    assert "1 sidecar deleted; 1 changed by other programs stay" in run("prune", "--yes").output
    assert [path.name for path in top.glob("*.xmp")] == ["b.jpg.xmp"]


def _words_of(photo: str) -> dict[str, list[str]]:
    lines = (line.split() for line in run("diff", photo).output.splitlines())
    return {line[0]: line[1:] for line in lines if line}


@pytest.mark.usefixtures("catalogue")
def test_a_word_that_was_taken_out_is_shown_as_gone_and_of_one_photo(top: Path) -> None:
    run("policy", "photos", "0.7")
    run("write")
    for key in (readers.DC, readers.LR, readers.TAGS):
        readers.set_words(top / "a.jpg.xmp", "theirs", key=key)

    shown = _words_of("a.jpg")

    assert shown["dog"] == ["there", "confirmed"]
    assert shown["theirs"] == ["of", "others"]


def test_withdrawn_words_are_counted_by_the_photos_that_have_them(catalogue: Database) -> None:
    run("policy", "photos", "0.7")
    run("write")
    with catalogue.write() as session:
        row = session.scalars(select(Sidecar).where(Sidecar.path == "a.jpg.xmp")).one()
        row.withdrawn = {"flat": ["dog"]}

    assert json.loads(run("status", "--json").output)["withdrawn"] == 1


@pytest.mark.usefixtures("catalogue")
def test_what_kadr_wrote_itself_is_not_counted_as_refused() -> None:
    run("policy", "photos", "0.7")
    run("write")
    counts = json.loads(run("status", "--json").output)

    assert (counts["sidecars"], counts["written"], counts["refused"]) == (2, 2, 0)
    assert "more" not in run("status").output


@pytest.mark.usefixtures("catalogue")
def test_only_the_photos_of_the_query_are_written(top: Path) -> None:
    run("policy", "photos", "0.7")

    assert "1 sidecar would be written" in run("write", "--dry-run", "path:b.jpg").output
    assert "1 sidecar written" in run("write", "path:b.jpg").output
    assert [path.name for path in top.glob("*.xmp")] == ["b.jpg.xmp"]


def test_a_contested_sidecar_would_be_written_only_by_force(catalogue: Database) -> None:
    run("policy", "photos", "confirmed")
    run("write")
    with catalogue.write() as session:
        row = session.scalars(select(Sidecar).where(Sidecar.path == "a.jpg.xmp")).one()
        row.state = SidecarState.CONTESTED
        decisions.confirm(session, [1], ["sea"], now=NOW)

    assert "0 sidecars would be written" in run("write", "--dry-run").output
    assert "1 sidecar would be written" in run("write", "--dry-run", "--force").output


@pytest.mark.usefixtures("catalogue")
def test_rejected_words_of_others_go_when_asked_and_come_back_from_the_backup(
    catalogue: Database, top: Path, tmp_path: Path
) -> None:
    beside, kept = top / "a.jpg.xmp", tmp_path / "kept"
    beside.write_bytes(sidecar(bag("dc:subject", "Sea", "cow") + "<xmp:Rating>3</xmp:Rating>"))
    with catalogue.write() as session:
        decisions.reject(session, [1], ["sea"], now=NOW)
    run("policy", "photos", "confirmed")
    run("write")
    before = beside.read_bytes()
    asked = CliRunner().invoke(app, ["write", "--remove-rejected", "--backup", str(kept)], "n\n")
    assert "Take 1 rejected keyword that other programs wrote out of 1 sidecar?" in asked.output
    assert (asked.exit_code, beside.read_bytes()) == (1, before)
    assert "-Sea" in run("write", "--remove-rejected", "--dry-run").output

    output = run("write", "--remove-rejected", "--backup", str(kept), "--yes").output
    assert "1 sidecar written" in output
    assert f"kadr metadata restore {kept}" in output
    assert sorted(readers.read_fields(beside)[readers.DC]) == ["cow", "dog"]
    with pytest.raises(OptionError, match="the folder is not empty"):
        run("write", "--remove-rejected", "--backup", str(kept))

    assert "1 sidecar restored" in run("restore", str(kept)).output
    assert beside.read_bytes() == before
    assert "changed since" in run("restore", str(kept)).output
    with pytest.raises(SidecarError, match="not a backup"):
        run("restore", str(top))


@pytest.mark.usefixtures("catalogue")
def test_withdrawal_is_shown_before_it_is_done_and_one_bad_file_ends_nothing(top: Path) -> None:
    run("policy", "photos", "0.7")
    run("write")
    (top / "a.jpg.xmp").write_bytes(b"<broken")
    shown = run("withdraw", "--dry-run").output
    assert "b.jpg.xmp  deleted: -dog" in shown
    assert "0 sidecars would be written; 1 would be deleted" in shown

    output = run("withdraw", "--yes").output
    assert "a.jpg.xmp: is not well-formed XML" in output.replace("\n", "")
    assert [path.name for path in top.glob("*.xmp")] == ["a.jpg.xmp"]


def test_keywords_of_files_are_shown_as_the_catalogue_has_them(
    catalogue: Database, top: Path
) -> None:
    run("policy", "photos", "confirmed")
    run("write")
    readers.add_words(top / "a.jpg.xmp", "theirs")
    with catalogue.write() as session:
        theirs = Said((Keyword("theirs"),), has_keywords=True)
        results.record_metadata(session, {1: theirs}, words={}, now=NOW)

    assert _words_of("a.jpg")["theirs"] == ["from", "metadata", "of", "others"]
