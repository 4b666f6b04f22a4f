"""A fleet of real processes that a test breaks, and the judgement of what is left once it is quiet.

`Fleet` starts watchers and workers and kills them; `judge` compares the rows with the disk and with
those of a run without faults. Nothing here waits for a time: `wait_until_quiet` waits for rows.
"""

import hashlib
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from sqlalchemy import func, select

from catalog.db import database as databases
from catalog.db.database import Database
from catalog.db.tables import Photo, PhotoEvent, PhotoFile, PhotoState, PhotoTag, Source, Tag
from catalog.errors import DatabaseUnavailableError
from tests.support.kadr import Forked, Kadr, eventually
from tests.support.moments import Moment

#: Every so many photos one that no decoder reads, and one that is a copy of another.
_BROKEN_EVERY, _COPY_EVERY = 13, 17

#: A second less at each start: workers of the tests need not know one another.
_AT_ONCE = ("--without-mingle", "--without-gossip")

#: (path, sha256 of the content) of files.
Files = set[tuple[str, bytes]]
#: By content and keyword: share, cosine, confidence.
Scores = dict[tuple[bytes, str], tuple[float, float, float]]


@dataclass
class Photos:
    """A folder that a seed fills: photos, copies of photos, and files that are none."""

    folder: Path
    seed: int = 0
    _made: int = 0

    def add(self, n: int) -> None:
        """Write so many more files, whatever was written before."""
        self.folder.mkdir(exist_ok=True)
        for number in range(self._made, self._made + n):
            path = self.folder / f"{number:05}.png"
            if number % _BROKEN_EVERY == 5:
                path.write_bytes(b"\x89PNG\r\n\x1a\n" + f"broken {self.seed} {number}".encode())
            elif number % _COPY_EVERY == 7:
                path.write_bytes((self.folder / f"{number - 3:05}.png").read_bytes())
            else:
                self._paint(number).save(path, compress_level=1)
        self._made += n

    def _paint(self, number: int) -> Image.Image:
        rng = random.Random(f"{self.seed} {number}")
        image = Image.new("RGB", (64, 48), tuple(rng.randbytes(3)))
        image.putpixel((0, 0), (number % 256, number // 256, self.seed % 256))
        return image

    def files(self) -> Files:
        """Return what is on the disk now."""
        return {
            (path.name, hashlib.sha256(path.read_bytes()).digest())
            for path in self.folder.iterdir()
        }


@dataclass
class Fleet:
    """Watchers and workers of one catalogue, by name."""

    kadr: Kadr
    photos: Photos
    running: dict[str, Forked] = field(default_factory=dict)
    _logs: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.database: Database = databases.open_database(
            self.kadr.settings["KADR_DATABASE_URL"], upgrade=False
        )

    def watch(self, name: str = "watcher", moment: Moment | None = None) -> Forked:
        """Start a watcher of the photos; it may not be ready yet."""
        return self._start(name, moment, "watch", str(self.photos.folder), "-q")

    def work(self, name: str = "worker", moment: Moment | None = None) -> Forked:
        """Start a worker; it may not be ready yet."""
        return self._start(name, moment, "worker", "-n", f"{name}@%h", *_AT_ONCE)

    def restart(self, name: str) -> Forked:
        """Start again what was killed."""
        return self.watch(name) if name.startswith("watcher") else self.work(name)

    def kill(self, name: str) -> None:
        """End a process without asking it."""
        self.running[name].kill()
        self.running.pop(name).wait()

    def wait_for_death(self, name: str) -> int:
        """Wait until a process dies at its moment; return its exit status."""
        process = self.running[name]
        eventually(lambda: process.poll() is not None)
        return self.running.pop(name).wait()

    def wait_for_line(self, name: str, line: str) -> None:
        """Wait until a process has written a line."""
        eventually(lambda: line in self.log(name) or self._raise_if_dead(name))

    def log(self, name: str) -> str:
        """Return what a process has written since it was last started."""
        return self._logs[name].read_text(errors="replace")

    def logs(self) -> str:
        """Return what all processes ever wrote."""
        return "\n".join(
            f"== {path.name}\n{path.read_text(errors='replace')}"
            for path in sorted(self.kadr.cwd.glob("*.log"))
        )

    def close(self) -> None:
        """End all processes as a user does, also those that a test has frozen."""
        for process in self.running.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(60)
            finally:
                process.kill()
        self.running.clear()
        self.database.close()

    def count(self, *states: PhotoState) -> int:
        """Return how many photos are in one of the states."""
        with self.database.read() as session:
            found = select(func.count(Photo.id)).where(Photo.state.in_(states))
            return session.scalar(found) or 0

    def is_quiet(self) -> bool:
        """Return whether every file is registered and no photo is waiting or in hand."""
        try:
            if self.count(PhotoState.PENDING, PhotoState.LEASED):
                return False
            return {name for name, _ in self.rows()} == {
                path.name for path in self.photos.folder.iterdir()
            }
        except DatabaseUnavailableError:
            return False

    def wait_until_quiet(self, *, bound_s: float) -> float:
        """Wait until nothing is left to do and return the seconds it took.

        Raises:
            AssertionError: It took longer than `bound_s`.
        """
        began = time.monotonic()
        try:
            eventually(self.is_quiet, timeout_s=bound_s)
        except AssertionError as error:
            for process in self.running.values():
                process.send_signal(signal.SIGUSR1)  # each writes where its threads are
                time.sleep(1)
            raise AssertionError(f"{error}: {self._describe()}\n{self.logs()[-12_000:]}") from None
        return time.monotonic() - began

    def rows(self) -> Files:
        """Return the files that the catalogue knows, with the content of each."""
        with self.database.read() as session:
            query = (
                select(PhotoFile.path, Photo.sha256)
                .join(Photo, Photo.id == PhotoFile.photo_id)
                .where(PhotoFile.missing_since.is_(None))
            )
            return {(path, sha256) for path, sha256 in session.execute(query)}

    def _start(self, name: str, moment: Moment | None, *arguments: str) -> Forked:
        log = self.kadr.cwd / f"{name}-{time.monotonic_ns()}.log"
        self._logs[name] = log
        env = moment.env if moment else None
        self.running[name] = self.kadr.start(*arguments, log=log, extra=env)
        return self.running[name]

    def _raise_if_dead(self, name: str) -> bool:
        assert self.running[name].poll() is None, self.log(name)
        return False

    def _describe(self) -> str:
        with self.database.read() as session:
            states = session.execute(select(Photo.state, func.count()).group_by(Photo.state))
            return ", ".join(f"{n} {state.value}" for state, n in states)


@dataclass(frozen=True)
class Verdict:
    """What a fault did to the photos; `tried` counts files."""

    tried: int
    lost: int
    #: Files that were put aside although a run without faults tags them.
    aside: int
    #: Photos that were tagged more than once.
    twice: int

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.aside or self.twice)


def judge(fleet: Fleet, expected: Scores) -> Verdict:
    """Compare the rows of a quiet fleet with the disk and with a run without faults.

    Raises:
        AssertionError: A lease is left, or keywords differ from those of the other run.
    """
    on_disk, states = fleet.photos.files(), read_states(fleet.database)
    tags = read_scores(fleet.database)
    tagged = {sha256 for sha256, state in states.items() if state is PhotoState.TAGGED}
    aside = {sha256 for sha256, state in states.items() if state is PhotoState.QUARANTINED}
    good = {sha256 for sha256, _ in expected}
    assert count_leases(fleet.database) == 0
    decided = {(sha256, word) for sha256, word, _ in read_decisions(fleet.database)}
    differing = _differing(
        {key: row for key, row in tags.items() if key not in decided},
        {key: row for key, row in expected.items() if key[0] in tagged and key not in decided},
    )
    assert not differing, f"{len(differing)} keywords differ, such as {differing[:3]}"
    known = {pair for pair in fleet.rows() if pair[1] in tagged | aside}
    return Verdict(
        tried=len(on_disk),
        lost=len(on_disk ^ known),
        aside=sum(sha256 in aside & good for _, sha256 in on_disk),
        twice=sum(times > 1 for times in count_taggings(fleet.database).values()),
    )


def expect(kadr: Kadr, photos: Photos) -> Scores:
    """Return the keywords of a run without faults, in one process on a catalogue of its own."""
    url = f"sqlite:///{kadr.cwd / 'expected.db'}"
    settings = kadr.settings | {"KADR_DATABASE_URL": url, "KADR_BROKER_URL": "memory://localhost/"}
    done = Kadr(settings, kadr.cwd).run("tag", str(photos.folder))
    assert "Traceback" not in done.stderr, done.stderr
    with databases.open_database(url, upgrade=False) as database:
        return read_scores(database)


def read_states(database: Database) -> dict[bytes, PhotoState]:
    with database.read() as session:
        query = select(Photo.sha256, Photo.state)
        return {row[0]: row[1] for row in session.execute(query)}


def read_scores(database: Database) -> Scores:
    """Return the keywords that the model gave."""
    columns = (Photo.sha256, Tag.name, PhotoTag.score, PhotoTag.similarity, PhotoTag.confidence)
    with database.read() as session:
        query = (
            select(*columns)
            .join(PhotoTag, PhotoTag.photo_id == Photo.id)
            .join(Tag, Tag.id == PhotoTag.tag_id)
            .where(PhotoTag.source == Source.CLIP)
        )
        return {(sha, word): (a, b, c) for sha, word, a, b, c in session.execute(query)}


def read_decisions(database: Database) -> set[tuple[bytes, str, str]]:
    """Return what people decided: content, keyword, decision."""
    with database.read() as session:
        query = (
            select(Photo.sha256, Tag.name, PhotoTag.decision)
            .join(PhotoTag, PhotoTag.photo_id == Photo.id)
            .join(Tag, Tag.id == PhotoTag.tag_id)
            .where(PhotoTag.decision.is_not(None))
        )
        return {(sha, word, str(decision)) for sha, word, decision in session.execute(query)}


def count_leases(database: Database) -> int:
    with database.read() as session:
        held = Photo.lease_token.is_not(None) | (Photo.state == PhotoState.LEASED)
        return session.scalar(select(func.count(Photo.id)).where(held)) or 0


def count_taggings(database: Database) -> Counter[int]:
    """Return how often each photo was tagged, by id."""
    with database.read() as session:
        query = (
            select(PhotoEvent.photo_id, func.count())
            .where(PhotoEvent.kind == "tagged")
            .group_by(PhotoEvent.photo_id)
        )
        return Counter({row[0]: row[1] for row in session.execute(query)})


def find_decoders(folder: Path) -> list[psutil.Process]:
    """Return the decoding processes of a fleet, told by its working folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if "worker.decoding.server" in (process.info["cmdline"] or []) and _is_in(process, folder)
    ]


def _is_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return Path(process.cwd()) == folder
    except psutil.Error:
        return False


def _differing(found: Scores, expected: Scores) -> list[tuple[bytes, str]]:
    """Return the keywords that only one run gave, or that score differently."""
    both = found.keys() & expected.keys()
    apart = [key for key in both if not np.allclose(found[key], expected[key], atol=1e-3)]
    return sorted(found.keys() ^ expected.keys()) + sorted(apart)
