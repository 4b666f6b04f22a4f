"""Measures the gallery and its API through a real server: docs/gallery.md shows the figures.

    python benchmarks/catalogue_of_a_million.py sqlite:////tmp/million.db --photos 1000000
    python benchmarks/web.py sqlite:////tmp/million.db

It starts `kadr serve` on a free port, asks each kind of question one after another, then with
several people at a time, and prints one JSON line each: milliseconds until the first byte and the
last, and the processor's time that the server took for one request, which depends less on what else
the machine does. The server's memory and start are printed, too.
"""

import argparse
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
import psutil
from sqlalchemy import select

from catalog.db import database
from catalog.db.tables import PhotoTag, Tag

QUESTIONS = 60
PEOPLE, PAGES_EACH = 20, 5
#: Seconds that a person looks at a page of 100 photos.
LOOK_S = 2.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came, and the seconds until its first byte and its last."""

    first_s: float
    last_s: float
    content: bytes


@dataclass(frozen=True, slots=True)
class Server:
    """A running `kadr serve`."""

    port: int
    process: psutil.Process
    started_s: float

    @property
    def cpu_s(self) -> float:
        """Seconds of a processor that the server has taken."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def ask(self, path: str, body: object = None) -> Answer:
        """Ask once, over a connection of its own.

        Raises:
            RuntimeError: The answer is an error.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        headers = {"Origin": f"http://127.0.0.1:{self.port}", "Content-Type": "application/json"}
        begun = time.perf_counter()
        if body is None:
            connection.request("GET", path)
        else:
            connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        first = time.perf_counter() - begun
        content = answer.read()
        last = time.perf_counter() - begun
        connection.close()
        if answer.status >= 400:
            raise RuntimeError(f"{path}: {answer.status} {content[:300]!r}")
        return Answer(first, last, content)


@contextmanager
def serving(url: str, cache_dir: Path) -> Iterator[Server]:
    """Run `kadr serve` on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = os.environ | {"KADR_DATABASE_URL": url, "KADR_CACHE_DIR": str(cache_dir)}
    command = [str(Path(sys.executable).with_name("kadr")), "serve", "--port", str(port)]
    begun = time.perf_counter()
    running = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.02)
        yield Server(port, psutil.Process(running.pid), time.perf_counter() - begun)
    finally:
        running.terminate()
        running.wait(30)


def draw(url: str) -> tuple[list[list[str]], list[str], int]:
    """Return words of random photos, the commonest words, and the highest id of a photo."""
    opened = database.open_database(url, upgrade=False)
    drawn = random.Random(0)
    with opened.read() as session:
        last = session.scalar(select(PhotoTag.photo_id).order_by(PhotoTag.photo_id.desc()).limit(1))
        words = []
        for _ in range(QUESTIONS):
            named = select(Tag.name).join(PhotoTag, PhotoTag.tag_id == Tag.id)
            photo_id = drawn.randint(1, last or 1)
            words.append(list(session.scalars(named.where(PhotoTag.photo_id == photo_id))))
        common = list(session.scalars(select(Tag.name).order_by(Tag.photos.desc()).limit(5)))
    opened.close()
    return words, common, last or 1


def report(kind: str, took: list[Answer], cpu_s: float, target_ms: float | None = None) -> None:
    """Print what requests of one kind took, all of them `cpu_s` of the server's processor."""
    first = 1000 * np.array([each.first_s for each in took])
    last = 1000 * np.array([each.last_s for each in took])
    line = {
        "kind": kind,
        "requests": len(took),
        "first_byte_p95": round(float(np.percentile(first, 95)), 1),
        "p50": round(float(np.percentile(last, 50)), 1),
        "p95": round(float(np.percentile(last, 95)), 1),
        "cpu_ms": round(1000 * cpu_s / len(took), 1),
        "bytes": int(np.median([len(each.content) for each in took])),
    }
    print(json.dumps(line | ({} if target_ms is None else {"target_p95": target_ms})), flush=True)


def measure(server: Server, words: list[list[str]], common: list[str], last: int) -> None:
    """Ask every kind of question."""
    drawn = random.Random(1)
    pairs = [quote(" ".join(each[:2])) for each in words]

    def ask_all(kind: str, paths: list[str], target_ms: float | None = None, warm: int = 2) -> None:
        for path in paths[:warm]:
            server.ask(path)
        time_all(kind, [(path, None) for path in paths], target_ms)

    def time_all(
        kind: str, asked: list[tuple[str, object]], target_ms: float | None = None
    ) -> None:
        before = server.cpu_s
        took = [server.ask(path, body) for path, body in asked]
        report(kind, took, server.cpu_s - before, target_ms)

    ask_all("page of a search", [f"/?q={q}" for q in pairs], 150)
    ask_all("page of everything", ["/"] * 20, 150)
    five = quote(" ".join(common))
    ask_all("page, five commonest words", [f"/?q={five}"] * 10, 450)
    ask_all("API page of 100", [f"/api/v1/photos?q={q}&limit=100" for q in pairs], 120)
    ask_all("completion", [f"/api/v1/complete?text={quote(each[0][:4])}" for each in words], 30)
    ask_all("count", [f"/api/v1/photos/count?q={q}" for q in pairs])
    ask_all("facets", [f"/api/v1/facets?q={q}" for q in pairs])
    time_all("timeline of everything, first", [("/api/v1/timeline", None)], 300)
    ask_all("timeline of everything, kept", ["/api/v1/timeline"] * 10)
    ask_all("photo", [f"/api/v1/photos/{drawn.randint(1, last)}" for _ in range(QUESTIONS)])
    ask_all("review of a word", [f"/api/v1/review?word={quote(each[0])}" for each in words[:20]])
    time_all("words to review, first", [("/api/v1/review/words", None)])
    ask_all("status", ["/status"] * 5)
    ask_all("page of a photo", [f"/photo/{drawn.randint(1, last)}" for _ in range(20)])
    ask_all("pages of keywords", ["/keywords", "/keywords?view=tree"] * 3)
    ids = [drawn.randint(1, last) for _ in range(QUESTIONS)]
    one = [{"action": "confirm", "words": [words[0][0]], "photos": [each]} for each in ids]
    time_all("decision of 1", [("/api/v1/decisions", each) for each in one], 60)
    many = {
        "action": "add",
        "words": [f"benchmark {time.time():.0f}"],  # a word that no photo has
        "photos": list(range(1, min(last, 10_000) + 1)),
    }
    time_all("decision of 10,000", [("/api/v1/decisions", many)], 3000)


def measure_people(server: Server, words: list[list[str]], *, look_s: float) -> None:
    """Have people scroll at the same time, each through some pages, which they look at."""
    took: list[Answer] = []

    def scroll(number: int) -> None:
        q = quote(words[number % len(words)][0])
        after = ""
        time.sleep(look_s * number / PEOPLE)
        for _ in range(PAGES_EACH):
            took.append(server.ask(f"/api/v1/photos?q={q}&limit=100{after}"))
            cursor = json.loads(took[-1].content)["next"]
            after = f"&after={quote(cursor)}" if cursor else ""
            time.sleep(look_s)

    threads = [threading.Thread(target=scroll, args=(n,)) for n in range(PEOPLE)]
    before = server.cpu_s
    run_all(threads)
    pause = f"a page each {look_s:g} s" if look_s else "without a pause"
    report(f"{PEOPLE} people, {pause}", took, server.cpu_s - before, 400)


def run_all(threads: list[threading.Thread]) -> None:
    """Start threads and wait for all of them."""
    calls: list[Callable[[], None]] = [each.start for each in threads]
    calls += [each.join for each in threads]
    for call in calls:
        call()


def main() -> None:
    """Print one JSON line for each kind of question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir(), "kadr-web"))
    options = parser.parse_args()
    words, common, last = draw(options.url)
    load = os.getloadavg()[0]
    with serving(options.url, options.cache) as server:
        rss = server.process.memory_info().rss / 2**20
        print(
            json.dumps({"start_s": round(server.started_s, 2), "rss_mib": round(rss), "load": load})
        )
        measure(server, words, common, last)
        measure_people(server, words, look_s=LOOK_S)
        measure_people(server, words, look_s=0)
        rss = server.process.memory_info().rss / 2**20
        print(json.dumps({"rss_mib_after": round(rss), "load": os.getloadavg()[0]}))


if __name__ == "__main__":
    main()
