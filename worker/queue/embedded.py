"""Runs a Celery worker inside this process: the same tasks as in a fleet, without a server.

`kadr tag`, `kadr watch` and `kadr demo` use it if the broker is `memory://`.
"""

import threading
from datetime import UTC, datetime
from typing import Self

from celery.worker import WorkController

from catalog.photos import lifecycle
from worker.celery import app
from worker.queue import process
from worker.queue.process import Process

_GRACE_S = 0.8


class EmbeddedWorker:
    """A worker thread that takes messages one after another; a context manager.

    Leaving it ends the running task after its batch; photos it has claimed ahead are released.
    Left by an error or Ctrl-C, it waits no longer than `_GRACE_S`: what the task has claimed is
    released, and what it may still compute is dropped.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._controller: WorkController | None = None
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        with self._process.database.write() as session:
            lifecycle.make_all_due(session, now=datetime.now(UTC))
        process.set_process(self._process)
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._process.stop()
        if self._controller is not None:
            self._controller.stop()
        self._thread.join(None if kind is None else _GRACE_S)
        if self._thread.is_alive():
            self._process.give_back()
        app.close()
        process.set_process(None)

    def _run(self) -> None:
        self._controller = WorkController(
            app=app,
            hostname="kadr@embedded",
            pool="solo",
            concurrency=1,
            loglevel="WARNING",
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            ready_callback=lambda _: self._ready.set(),
        )
        try:
            self._controller.start()
        finally:
            self._ready.set()
