"""Encodes texts for searches by meaning, in a child process that ends when nobody searches.

torch and the weights take a gigabyte, which the web process would keep for ever. The child is
started by the first search, which therefore takes seconds, and ended after ten idle minutes.
"""

import multiprocessing
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING

from worker.errors import ModelError, WorkerError

if TYPE_CHECKING:  # brings NumPy, which the first page does not need
    import numpy as np
    from numpy.typing import NDArray

#: How long the child waits for another text.
IDLE_S = 600.0
#: How long loading a model and encoding may take.
PATIENCE_S = 180.0
_LOOK_EVERY_S = 5.0

#: What the child runs: it answers each list of texts that it receives.
Child = Callable[[str, Connection], None]


@dataclass(frozen=True, slots=True)
class ChildEncoder:
    """The text encoder of a model in a child process."""

    digest: str
    _encode: "Callable[[Sequence[str]], NDArray[np.float32]]"

    def encode_texts(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Encode texts as (n_texts, dim) float32, L2-normalised.

        Raises:
            ModelError: The child ended meanwhile.
        """
        return self._encode(texts)


@dataclass(slots=True)
class _Running:
    model: str
    digest: str
    process: SpawnProcess
    connection: Connection
    used_at: float


class TextEncoders:
    """Starts the child when a text is to be encoded, and ends it when it is idle."""

    def __init__(self, *, idle_s: float = IDLE_S, child: Child | None = None) -> None:
        self._idle_s = idle_s
        self._child = child or _serve
        self._running: _Running | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._watcher: threading.Thread | None = None

    @property
    def is_running(self) -> bool:
        """Whether a child runs now."""
        return self._running is not None

    def load(self, model: str) -> ChildEncoder:
        """Return the encoder of a model by its name; starts the child if it does not run.

        Raises:
            ModelError: The model cannot be loaded.
        """
        with self._lock:
            running = self._start(model)
            return ChildEncoder(running.digest, lambda texts: self._encode(model, texts))

    def end_idle(self, now: float | None = None) -> None:
        """End the child if nobody used it for `idle_s`."""
        at = time.monotonic() if now is None else now
        with self._lock:
            if self._running is not None and at - self._running.used_at >= self._idle_s:
                self._stop()

    def close(self) -> None:
        """End the child."""
        self._over.set()
        with self._lock:
            self._stop()

    def _encode(self, model: str, texts: Sequence[str]) -> "NDArray[np.float32]":
        with self._lock:
            running = self._start(model)
            running.used_at = time.monotonic()
            found = self._ask(running, list(texts))
        if isinstance(found, str):
            raise ModelError(found)
        import numpy as np  # noqa: PLC0415 - see above

        return np.asarray(found, dtype=np.float32)

    def _start(self, model: str) -> _Running:
        running = self._running
        if running is not None and running.model == model and running.process.is_alive():
            return running
        self._stop()
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=self._child, args=(model, theirs), daemon=True)
        process.start()
        theirs.close()
        running = _Running(model, "", process, ours, time.monotonic())
        self._running = running
        answer = self._ask(running, None)
        if not isinstance(answer, tuple):
            self._stop()
            raise ModelError(str(answer))
        running.digest = str(answer[0])
        self._watch()
        return running

    def _ask(self, running: _Running, asked: list[str] | None) -> object:
        """Send what is asked, and return the answer; a child that fails is ended.

        Raises:
            ModelError: The child ended, or took too long.
        """
        try:
            if asked is not None:
                running.connection.send(asked)
            if running.connection.poll(PATIENCE_S):
                answer: object = running.connection.recv()
                return answer
        except (EOFError, OSError) as error:
            self._stop()
            raise ModelError(
                "the process that encodes texts ended; search again, or run `kadr doctor`"
            ) from error
        self._stop()
        raise ModelError("the text encoder takes too long; search again, or run `kadr doctor`")

    def _stop(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.connection.close()  # the child ends when it reads the end
            running.process.join(5.0)
            if running.process.is_alive():
                running.process.kill()
                running.process.join()

    def _watch(self) -> None:
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._end_when_idle, daemon=True)
            self._watcher.start()

    def _end_when_idle(self) -> None:
        while not self._over.wait(_LOOK_EVERY_S):
            self.end_idle()


def _serve(model: str, connection: Connection) -> None:
    """Load a model and answer texts until the other end closes; runs in the child process."""
    from worker import settings  # noqa: PLC0415 - in the child alone
    from worker.models import loading  # noqa: PLC0415 - brings torch, in the child alone

    try:
        encoder = loading.load_model(model, settings.load())
    except WorkerError as error:
        connection.send(str(error))
        return
    connection.send((encoder.digest,))
    while True:
        try:
            texts = connection.recv()
        except EOFError:
            return
        connection.send(encoder.encode_texts(texts))
