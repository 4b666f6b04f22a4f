"""The messages between watcher and workers; the rows of the catalogue are the truth."""

from dataclasses import asdict

from worker import bootstrap, doorbell
from worker.celery import app


@app.task(name="kadr.tag_photos")
def tag_photos(photo_ids: list[int]) -> dict[str, int]:
    """Tag those of the photos that are still pending."""
    return asdict(bootstrap.get_pipeline().tag_photos(photo_ids))


@app.task(name="kadr.sweep")
def sweep() -> int:
    """Free expired leases and ring again for photos whose message was lost."""
    process = bootstrap.get_process()
    return doorbell.sweep(process.database, tag_photos.delay, ring_size=process.settings.ring_size)
