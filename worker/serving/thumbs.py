"""Makes the small pictures that are missing, in guarded decoding processes, and keeps them.

Each picture is made once however many ask for it at a moment. A photo that cannot be decoded, or
with which decoders crash or hang, is not tried again for an hour.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from catalog.errors import DatabaseUnavailableError
from catalog.web.services import ThumbBusyError, ThumbFailedError, ThumbKey
from worker.errors import PhotoError, PhotoStalledError, WorkerError
from worker.settings import Settings
from worker.thumbs.store import ThumbStore

if TYPE_CHECKING:
    from worker.decoding.pool import Decoders

#: Pictures that may wait to be made.
MAX_WAITING = 200
#: How long a photo that cannot be decoded is not tried again.
FORGIVE_S = 3600.0
#: The same for one that could not be read now: its disk did not answer.
FORGIVE_STALLED_S = 60.0
_MAX_FAILURES = 10_000
#: How long thumbhashes are collected before they are written in one transaction.
_COLLECT_S = 2.0

_log = structlog.get_logger()

Note = Callable[[Mapping[bytes, bytes]], None]


class ThumbMaker:
    """Small pictures: from the cache, or made by decoding processes; used by one event loop."""

    def __init__(
        self,
        store: ThumbStore,
        settings: Settings,
        *,
        processes: int | None = None,
        note: Note | None = None,
        shared: "Callable[[], Decoders] | None" = None,
    ) -> None:
        """Prepare the pool; its processes start with the first picture.

        Args:
            store: Where pictures are kept.
            settings: The limits within which photos are decoded.
            processes: How many make pictures at a time; all processors but one if None.
            note: Stores the thumbhashes of photos, by the sha256 of their content.
            shared: Returns the pool in which this process tags photos, which its owner closes: one
                limit of memory holds for both. Without it the pictures have a pool of their own.
        """
        self._store = store
        self._settings = settings
        self._note = note
        self._shared = shared
        self._hashes: dict[bytes, bytes] = {}
        self._noting: asyncio.Task[None] | None = None
        self._processes = processes or max(1, (os.cpu_count() or 2) - 1)
        self._threads = ThreadPoolExecutor(self._processes, "thumbs")
        self._decoders: Decoders | None = None
        self._lock = threading.Lock()
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
        """End the decoding processes; no picture is made any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            if self._decoders is not None:
                self._decoders.close()
        self._threads.shutdown(wait=True)

    async def _make(self, key: ThumbKey, places: Sequence[Path]) -> bytes:
        if not places:
            raise ThumbFailedError("no file of this photo is there now")
        reason, forgive_s = "", FORGIVE_S
        for place in (*self._larger(key), *places):
            try:
                content, thumbhash = await self._render(key, place)
            except PhotoError as error:
                reason = str(error)
                is_stalled = isinstance(error, PhotoStalledError) and not error.is_to_blame
                forgive_s = FORGIVE_STALLED_S if is_stalled else FORGIVE_S
            except WorkerError as error:  # no process can be started now
                raise ThumbBusyError(str(error)) from error
            else:
                await asyncio.to_thread(self._store.keep, key, content)
                self._note_later(bytes.fromhex(key.sha256), thumbhash)
                return content
        self._remember(key, reason, forgive_s)
        raise ThumbFailedError(reason)

    def _larger(self, key: ThumbKey) -> list[Path]:
        """Return the picture that tagging made, if a smaller one is wanted: it opens at once."""
        made = ThumbKey(key.sha256, 360)
        if key.size < made.size and self._store.has(made):
            return [self._store.path_of(made)]
        return []

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
            PhotoError: It cannot be decoded within the limits.
            ThumbBusyError: The server is ending.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._open, key, place)

    def _open(self, key: ThumbKey, place: Path) -> tuple[bytes, bytes]:
        from worker.decoding.pool import DecodersClosedError  # noqa: PLC0415 - brings decoders
        from worker.thumbs import rendering  # noqa: PLC0415 - as above

        try:
            return self._get_decoders().run(rendering.render, place, key.size, key.format)
        except DecodersClosedError as error:
            raise ThumbBusyError("the gallery is ending; ask again in a moment") from error

    def _get_decoders(self) -> "Decoders":
        """Return the decoding processes; the first picture pays for loading what they need."""
        if self._shared is not None:
            return self._shared()
        from worker.decoding.guards import Guards  # noqa: PLC0415 - brings decoders
        from worker.decoding.pool import Decoders  # noqa: PLC0415 - as above

        with self._lock:
            if self._decoders is None:
                guards = Guards.of(self._settings)
                self._decoders = Decoders(replace(guards, processes=self._processes))
            return self._decoders

    def _require_hope(self, key: ThumbKey) -> None:
        until, reason = self._failed.get(key.sha256, (0.0, ""))
        if time.monotonic() < until:
            raise ThumbFailedError(reason)

    def _remember(self, key: ThumbKey, reason: str, forgive_s: float) -> None:
        if len(self._failed) >= _MAX_FAILURES:
            self._failed.clear()
        self._failed[key.sha256] = (time.monotonic() + forgive_s, reason)
