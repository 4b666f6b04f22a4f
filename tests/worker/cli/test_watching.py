"""`kadr watch`, `serve` and `demo` watch alike: as the settings say."""

from pathlib import Path

from worker import settings
from worker.cli import watching
from worker.queue import process as processes
from worker.watch.exclusions import Rules


def test_a_watcher_heeds_the_settings_and_reads_what_other_programs_wrote(
    sqlite_url: str, tmp_path: Path
) -> None:
    chosen = settings.load(
        database_url=sqlite_url, exclude="*.tmp.jpg", sidecar_dir=tmp_path, settle_s=7.0
    )
    with processes.open_process(chosen) as process:
        watcher = watching.make_watcher(process)

    assert watcher.rules == Rules(("*.tmp.jpg",), tmp_path)
    assert watcher.intervals.settle_s == 7
    assert watcher.read_metadata == process.read_metadata
    assert watcher.look_up == process.look_up
    assert watcher.ring != watcher.ring_later
