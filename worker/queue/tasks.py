"""The Celery tasks: tag photos, and sweep. Workers run them; the rows of the catalogue decide.

A message only names photos that may be pending; a task that comes twice or too late does nothing.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from celery import signals

from catalog.errors import CatalogError
from worker.celery import BACKFILL, app
from worker.errors import WorkerError
from worker.queue import broker
from worker.queue import process as processes
from worker.queue.doorbell import Doorbell
from worker.queue.process import Process


@app.task(name="kadr.tag_photos")  # type: ignore[untyped-decorator]
def tag_photos(photo_ids: list[int]) -> dict[str, Any]:
    """Tag those of the photos that are still pending; a failed task is repeated by the sweep."""
    return _tag(photo_ids, is_overtaken=lambda: False)


@app.task(name="kadr.tag_backfill", priority=BACKFILL)  # type: ignore[untyped-decorator]
def tag_backfill(photo_ids: list[int]) -> dict[str, Any]:
    """Tag photos as `tag_photos` does, but give way to those that arrive, after each batch."""
    return _tag(photo_ids, is_overtaken=broker.has_arrivals)


def _tag(photo_ids: list[int], is_overtaken: Callable[[], bool]) -> dict[str, Any]:
    process = processes.get_process()
    try:
        outcome = process.get_pipeline().tag_photos(photo_ids, is_overtaken=is_overtaken)
        doorbell_of(process).ring_later(outcome.left)
        return asdict(outcome)
    except (CatalogError, WorkerError) as error:
        process.report(error)
        return {}


@app.task(name="kadr.sweep")  # type: ignore[untyped-decorator]
def sweep() -> int:
    """Release expired leases and ring again for photos whose message was lost."""
    process = processes.get_process()
    return doorbell_of(process).sweep(process.database)


def doorbell_of(process: Process) -> Doorbell:
    """Return the doorbell that sends `tag_photos` messages."""
    settings = process.settings
    if settings.is_embedded:  # messages live and die with this process
        return Doorbell(
            tag_photos.delay, settings.ring_size, tag_backfill.delay, leases=process.leases
        )
    return Doorbell(
        tag_photos.delay,
        settings.ring_size,
        tag_backfill.delay,
        broker.is_queue_empty,
        leases=process.leases,
    )


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def _ring_for_what_waits(**_: object) -> None:
    """Ring for photos whose messages were lost while no worker was there."""
    process = processes.get_process()
    if process.settings.is_embedded:
        return
    try:
        doorbell_of(process).sweep(process.database)
    except CatalogError as error:
        process.report(error)


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _end_after_batch(**_: object) -> None:
    """On SIGTERM, end after the current batch and release the photos claimed ahead."""
    processes.stop_process()
