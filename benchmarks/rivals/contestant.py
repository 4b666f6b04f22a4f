"""The side of a contestant that asks: starts its process, and times a round with it."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self


class ContestantError(Exception):
    """A contestant cannot be installed or started, or failed in a round; says why in a line."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """A process that has its model loaded, and waits for the next round."""

    process: subprocess.Popen[str]
    #: What it prints.
    log: IO[str]

    @classmethod
    def start(cls, command: Sequence[str | Path], log: Path) -> Self:
        """Start a contestant and wait until its model is loaded.

        Raises:
            ContestantError: It ended before.
        """
        output = log.open("w", encoding="utf-8")
        process = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
        )
        started = cls(process, output)
        try:
            started._read_answer()
        except ContestantError:
            started.close()
            raise
        return started

    def rate(self, way: str, folder: Path) -> float:
        """Return the photos per second of a round with the photos of a folder.

        Raises:
            ContestantError: It failed, or left photos out.
        """
        question = json.dumps({"way": way, "folder": str(folder)})
        try:
            self.process.stdin.write(question + "\n")
            self.process.stdin.flush()
        except OSError:
            raise ContestantError("its process ended") from None
        answer = self._read_answer()
        expected = sum(1 for _ in folder.iterdir())
        if answer["photos"] != expected:
            raise ContestantError(f"it finished {answer['photos']} of {expected} photos")
        return answer["photos"] / answer["seconds"]

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def _read_answer(self) -> dict:
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": f"its process ended; see {self.log.name}"}
        if "error" in answer:
            raise ContestantError(answer["error"])
        return answer
