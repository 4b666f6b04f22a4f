"""`kadr` as a user runs it: a process of its own with a catalogue of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KADR = str(Path(sys.executable).with_name("kadr"))
PATIENCE_S = 120.0


@dataclass
class Kadr:
    """Runs `kadr` with the settings of one test."""

    settings: dict[str, str]
    cwd: Path
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("KADR_")}
        return clean | {"HF_HUB_OFFLINE": "1", "COLUMNS": "200"} | self.settings | self.extra

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [KADR, *arguments],
            env=self.env,
            cwd=self.cwd,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @contextmanager
    def running(self, *arguments: str, ready: str) -> Iterator[subprocess.Popen[str]]:
        """Run a command until the end of the block, once it has said `ready`; end it by SIGTERM."""
        log = self.cwd / f"{arguments[0]}-{time.monotonic_ns()}.log"
        command = [KADR, *arguments] if arguments[0] != "celery" else self._celery(arguments)
        with log.open("w") as errors:
            process = subprocess.Popen(
                command, env=self.env, cwd=self.cwd, stdout=errors, stderr=errors, text=True
            )
            try:
                eventually(lambda: ready in log.read_text() or _ended(process, log))
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE_S)

    def _celery(self, arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", *arguments]


def eventually(condition: Callable[[], object], *, timeout_s: float = PATIENCE_S) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError(f"still not so after {timeout_s:.0f} s")


def _ended(process: subprocess.Popen[str], log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    return False
