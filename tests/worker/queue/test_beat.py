"""Beat keeps its schedule in memory: Celery's own file of pickles could run code."""

from pathlib import Path

import pytest
from celery import beat

from worker.celery import app


def test_the_schedule_is_kept_in_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    service = beat.Service(app, scheduler_cls=app.conf.beat_scheduler)

    assert "sweep" in service.scheduler.schedule
    service.sync()
    assert list(tmp_path.iterdir()) == []
