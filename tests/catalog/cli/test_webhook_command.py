"""`kadr webhook list` shows what servers answered, and nothing of it commands the terminal."""

import pytest
from typer.testing import CliRunner

from catalog.cli import lazy
from catalog.cli.commands import COMMANDS
from catalog.db.database import open_database
from catalog.requests import webhooks
from tests.support.catalogue import NOW


def test_an_answer_of_a_server_cannot_command_the_terminal(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KADR_DATABASE_URL", sqlite_url)
    with open_database(sqlite_url, upgrade=False) as opened, opened.write() as session:
        webhooks.add(session, "https://a.example/hook", ["tagged"])
        (hook,) = webhooks.claim(session, now=NOW)
        webhooks.note_failure(session, hook.id, "HTTP Error 500: \x1b[2J[/] \x9b1m", now=NOW)

    done = CliRunner().invoke(lazy.build(COMMANDS), ["webhook", "list"], catch_exceptions=False)

    assert "fails: HTTP Error 500: \\x1b[2J[/] \\x9b1m" in done.stdout
    assert "\x1b" not in done.stdout
    assert "\x9b" not in done.stdout
