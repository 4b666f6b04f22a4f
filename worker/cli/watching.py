"""What `watch`, `serve` and `demo` share: the watcher, and the loop that writes sidecars."""

from worker.queue import tasks
from worker.queue.process import Process
from worker.sidecars.loop import SidecarLoop
from worker.sidecars.writer import Options as SidecarOptions
from worker.watch.exclusions import Rules
from worker.watch.roots import Folder
from worker.watch.watcher import Intervals, Watcher


def make_watcher(process: Process) -> Watcher:
    """Return a watcher as the settings of a process want it: what arrives overtakes the rest."""
    settings = process.settings
    bell = tasks.doorbell_of(process)
    return Watcher(
        process.database,
        bell.ring,
        Intervals(settings.settle_s, settings.reconcile_s, settings.poll_s),
        process.read_metadata,
        process.look_up,
        Rules.of_settings(settings),
        ring_later=bell.ring_later,
    )


def make_sidecar_loop(process: Process, folders: list[Folder]) -> SidecarLoop:
    """Return the loop that writes the sidecars below some folders, where their policy wants it."""
    root_ids = frozenset(folder.root.id for folder in folders)
    return SidecarLoop(process.database, SidecarOptions.of(process.settings), root_ids)
