"""Commands leave no catalogue open, whether they end well or not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, QueuePool
from typer.testing import CliRunner

from catalog.db import database as databases
from tests.support.catalogue import add_photos, tag_photo
from worker import cli


@pytest.fixture
def engines(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[list[Engine]]:
    """Return the engines that commands make, of a catalogue with one photo; they are kept alive."""
    with databases.open_database(sqlite_url, upgrade=True) as opened, opened.write() as session:
        tag_photo(session, *add_photos(session, "a.jpg"), {"dog": 0.9})
    monkeypatch.setenv("KADR_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("KADR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("KADR_OFFLINE", "1")
    create, made = databases.create, []

    def note(url: str, **options: Any) -> Engine:
        made.append(create(url, **options))
        return made[-1]

    monkeypatch.setattr(databases, "create", note)
    yield made
    for engine in made:
        engine.dispose()


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("search", "dog"), 0),
        (("search", "dog AND ("), 1),
        (("keyword", "undo"), 1),
        (("retry",), 0),
        (("retry", "/nowhere.jpg"), 1),
        (("prune",), 0),
        (("groups", "--refresh"), 0),
        (("db", "upgrade"), 0),
        (("db", "index-vectors"), 1),
        (("doctor",), 0),
        (("tag", "/nowhere"), 1),
        (("watch", "/nowhere"), 1),
        (("retag", "--model", "ViT-B-23"), 1),
    ],
)
def test_command_leaves_no_connection_open(
    engines: list[Engine], arguments: tuple[str, ...], status: int
) -> None:
    done = CliRunner().invoke(cli.build(), arguments)

    assert done.exit_code == status, done.output
    assert engines
    assert [open_connections(engine) for engine in engines] == [0] * len(engines)


def open_connections(engine: Engine) -> int:
    assert isinstance(engine.pool, QueuePool)
    return engine.pool.checkedin() + engine.pool.checkedout()


def test_catalogue_is_closed_after_an_error(sqlite_url: str) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        databases.open_database(sqlite_url, upgrade=True) as opened,
        opened.read(),
    ):
        raise ZeroDivisionError

    assert open_connections(opened.engine) == 0
