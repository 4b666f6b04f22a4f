"""`kadr doctor` tells of what others on the machine can see."""

from pathlib import Path

import pytest

from worker import settings
from worker.cli import doctor


@pytest.mark.parametrize(("mode", "state"), [(0o644, "note"), (0o640, "ok"), (0o600, "ok")])
def test_a_catalogue_that_everybody_can_read_is_noted(
    sqlite_url: str, tmp_path: Path, mode: int, state: str
) -> None:
    (tmp_path / "kadr.db").chmod(mode)

    found = doctor._database(settings.load(database_url=sqlite_url))

    assert found.state == state
    assert ("chmod 600" in found.advice) == (state == "note")
