"""Makes the small pictures that are missing, in child processes, and keeps them.

Each picture is made once however many ask for it at a moment. A photo whose decoder kills its child
is not tried again for an hour.
"""

import asyncio
import multiprocessing
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import structlog

from catalog.errors import DatabaseUnavailableError
from catalog.web.services import ThumbBusyError, ThumbFailedError, ThumbFormat, ThumbKey, ThumbSize
from worker.errors import PhotoError
from worker.thumbs.store import ThumbStore

#: Pictures that may wait to be made.
MAX_WAITING = 200
#: How long a photo that cannot be decoded is not tried again.
FORGIVE_S = 3600.0
_MAX_FAILURES = 10_000
#: How long thumbhashes are collected before they are written in one transaction.
_COLLECT_S = 2.0

_log = structlog.get_logger()

Note = Callable[[Mapping[bytes, bytes]], None]


class ThumbMaker:
    """Small pictures: from the cache, or made by a pool of processes; used by one event loop."""

    def __init__(
        self,
        store: ThumbStore,
        *,
        max_pixels: int,
        max_bytes: int,
        processes: int | None = None,
        note: Note | None = None,
    ) -> None:
        """Prepare the pool; its processes start with the first picture.

        Args:
            store: Where pictures are kept.
            max_pixels: Larger photos are refused.
            max_bytes: Larger files are refused.
            processes: How many make pictures at a time; all processors but one if None.
            note: Stores the thumbhashes of photos, by the sha256 of their content.
        """
        self._store = store
        self._note = note
        self._hashes: dict[bytes, bytes] = {}
        self._noting: asyncio.Task[None] | None = None
        self._limits = (max_pixels, max_bytes)
        self._processes = processes or max(1, (os.cpu_count() or 2) - 1)
        self._pool: ProcessPoolExecutor | None = None
        self._making: dict[ThumbKey, asyncio.Task[bytes]] = {}
        self._failed: dict[str, tuple[float, str]] = {}

    def find(self, key: ThumbKey) -> bytes | None:
        """Return the picture if it is in the cache."""
        return self._store.find(key)

    async def make(self, key: ThumbKey, places: Sequence[Path]) -> bytes:
        """Return the picture, made from the first file that can be read.

        Raises:
            ThumbBusyError: `MAX_WAITING` pictures wait already.
            ThumbFailedError: No file is there, or none can be decoded.
        """
        self._require_hope(key)
        task = self._making.get(key)
        if task is None:
            if len(self._making) >= MAX_WAITING:
                raise ThumbBusyError("too many pictures are being made; ask again in a moment")
            task = asyncio.create_task(self._make(key, places))
            self._making[key] = task
            task.add_done_callback(lambda _: self._making.pop(key, None))
        return await asyncio.shield(task)

    def close(self) -> None:
        """End the child processes."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    async def _make(self, key: ThumbKey, places: Sequence[Path]) -> bytes:
        if not places:
            raise ThumbFailedError("no file of this photo is there now")
        reason = ""
        for place in places:
            try:
                content, thumbhash = await self._render(key, place)
            except PhotoError as error:
                reason = str(error)
            else:
                await asyncio.to_thread(self._store.keep, key, content)
                self._note_later(bytes.fromhex(key.sha256), thumbhash)
                return content
        self._remember(key, reason)
        raise ThumbFailedError(reason)

    def _note_later(self, sha256: bytes, thumbhash: bytes) -> None:
        """Store a thumbhash together with those of the next seconds."""
        if self._note is None:
            return
        self._hashes[sha256] = thumbhash
        if self._noting is None or self._noting.done():
            self._noting = asyncio.create_task(self._note_collected(self._note))

    async def _note_collected(self, note: Note) -> None:
        await asyncio.sleep(_COLLECT_S)
        hashes, self._hashes = self._hashes, {}
        try:
            await asyncio.to_thread(note, hashes)
        except DatabaseUnavailableError as error:
            _log.warning("thumbhashes_not_noted", photos=len(hashes), reason=str(error))

    async def _render(self, key: ThumbKey, place: Path) -> tuple[bytes, bytes]:
        """Return the picture of one file, and its thumbhash.

        Raises:
            PhotoError: It cannot be decoded, or its decoder ended the process.
        """
        loop = asyncio.get_running_loop()
        pool = self._get_pool()
        asked = (place, key.size, key.format, *self._limits)
        try:
            return await loop.run_in_executor(pool, _render, *asked)
        except BrokenProcessPool:
            if self._pool is pool:
                self._pool = None
        with self._new_pool(1) as alone:  # whose fault it was shows when it is alone
            try:
                return await loop.run_in_executor(alone, _render, *asked)
            except BrokenProcessPool as error:
                raise PhotoError(f"{place.name}: its decoder ended unexpectedly") from error

    def _get_pool(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = self._new_pool(self._processes)
        return self._pool

    @staticmethod
    def _new_pool(processes: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"))

    def _require_hope(self, key: ThumbKey) -> None:
        until, reason = self._failed.get(key.sha256, (0.0, ""))
        if time.monotonic() < until:
            raise ThumbFailedError(reason)

    def _remember(self, key: ThumbKey, reason: str) -> None:
        if len(self._failed) >= _MAX_FAILURES:
            self._failed.clear()
        self._failed[key.sha256] = (time.monotonic() + FORGIVE_S, reason)


def _render(
    place: Path, size: ThumbSize, form: ThumbFormat, max_pixels: int, max_bytes: int
) -> tuple[bytes, bytes]:
    """Make a picture and its thumbhash, in a child process."""
    from worker.images import Limits  # noqa: PLC0415 - decoders are loaded in the child alone
    from worker.thumbs import rendering  # noqa: PLC0415 - decoders are loaded in the child alone

    content = rendering.render(place, size, form, Limits(max_pixels, max_bytes))
    return content, rendering.hash_of(content)
