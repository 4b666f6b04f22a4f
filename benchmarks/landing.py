"""Measures how soon a photo that lands in a watched folder is announced in an open page.

    python benchmarks/landing.py [--photos 20]

It runs `kadr serve FOLDER` with the starter model, opens the gallery in Chromium and moves photos
into the folder one by one. For each, it prints the seconds until its keywords are rows, and from
then until the page counts it. Then keys are pressed and photos selected in the grid, and the
longest time from an input to the next frame is printed (INP, https://web.dev/articles/inp).
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from playwright.sync_api import Page, sync_playwright
from sqlalchemy import select

from catalog.db import database
from catalog.db.database import Database
from catalog.db.tables import Photo
from worker.cli import samples

_FLAGS = ["--no-sandbox", "--disable-background-networking"]
_KEYS = ("ArrowRight", "ArrowDown", "Space", "ArrowLeft", "ArrowUp", "Space", "?", "Escape")
_OBSERVE = """
    window.inputs = {};
    new PerformanceObserver((list) => {
      for (const each of list.getEntries()) {
        if (each.interactionId) {
          window.inputs[each.interactionId] =
            Math.max(window.inputs[each.interactionId] || 0, each.duration);
        }
      }
    }).observe({type: "event", durationThreshold: 16, buffered: true});
"""


@contextmanager
def serving(folder: Path, home: Path) -> Iterator[tuple[str, Database]]:
    """Run `kadr serve FOLDER`; yield its address and its catalogue once a photo is tagged."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"sqlite:///{home}/kadr.db"
    env = os.environ | {"KADR_DATABASE_URL": url, "KADR_CACHE_DIR": str(home / "cache")}
    env |= {"KADR_MODEL": "starter", "KADR_OFFLINE": "1"}
    command = [str(Path(sys.executable).with_name("kadr")), "serve", str(folder)]
    running = subprocess.Popen([*command, "--port", str(port)], env=env, stderr=subprocess.DEVNULL)
    try:
        while not (home / "kadr.db").exists():
            time.sleep(0.1)
        with database.open_database(url, upgrade=True) as opened:
            while count(opened) == 0:
                if running.poll() is not None:
                    raise RuntimeError(f"kadr serve ended with status {running.returncode}")
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}", opened
    finally:
        running.terminate()
        running.wait(30)


def count(opened: Database) -> int:
    """Return how many photos are tagged."""
    with opened.read() as session:
        return len(session.scalars(select(Photo.id).where(Photo.tagged_at.is_not(None))).all())


def newest(opened: Database) -> datetime:
    """Return when the last photo was tagged."""
    with opened.read() as session:
        query = select(Photo.tagged_at).where(Photo.tagged_at.is_not(None))
        return session.scalars(query.order_by(Photo.tagged_at.desc())).first() or datetime.now(UTC)


def prepare(folder: Path, number: int) -> list[Path]:
    """Return so many photos that differ, made from the samples."""
    sources = list(samples.find_samples().values())
    made = []
    for n in range(number):
        with Image.open(sources[n % len(sources)]) as image:
            photo = ImageOps.expand(image.convert("RGB"), n // len(sources) + 1, "white")
        made.append(folder / f"{n:03d}.jpg")
        photo.save(made[-1], quality=90)
    return made


def land(page: Page, opened: Database, photos: list[Path], folder: Path) -> None:
    """Move photos in one by one, and print how soon the page counts each."""
    tagged, shown = [], []
    for n, photo in enumerate(photos, 1):
        landed = datetime.now(UTC)
        shutil.move(photo, folder / photo.name)
        page.wait_for_function(
            "n => (document.querySelector('.pill')?.textContent || '').startsWith(n + ' ')",
            arg=str(n),
            polling=20,
        )
        seen, committed = datetime.now(UTC), newest(opened)
        tagged.append((committed - landed).total_seconds())
        shown.append((seen - committed).total_seconds())
    for kind, took in (("landed to tagged", tagged), ("tagged to shown", shown)):
        figures = {"p50_s": np.percentile(took, 50), "p95_s": np.percentile(took, 95)}
        rounded = {name: round(float(value), 2) for name, value in figures.items()}
        print(json.dumps({"kind": kind, "photos": len(took)} | rounded), flush=True)


def interact(page: Page, address: str) -> None:
    """Press keys and select photos, and print the longest time until a frame showed it."""
    page.goto(f"{address}/")
    page.wait_for_selector("html.ready")
    page.locator(".cell").first.focus()
    for key in _KEYS * 3:
        page.keyboard.press(key)
        page.wait_for_timeout(100)
    page.wait_for_timeout(500)
    inputs = sorted(page.evaluate("Object.values(window.inputs)"))
    line = {"kind": "input to frame", "inputs": len(inputs), "longest_ms": inputs[-1:]}
    print(json.dumps(line | {"over_16_ms": inputs}), flush=True)


def main() -> None:
    """Print one JSON line each for landing, showing, and inputs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=20)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        watched, waiting = Path(home, "watched"), Path(home, "waiting")
        watched.mkdir()
        waiting.mkdir()
        first, *rest = prepare(waiting, options.photos + 1)
        shutil.move(first, watched / first.name)
        with serving(watched, Path(home)) as (address, opened):
            browser = playwright.chromium.launch(executable_path=options.chromium, args=_FLAGS)
            page = browser.new_page(bypass_csp=True)
            page.add_init_script(_OBSERVE)
            page.goto(f"{address}/")
            page.wait_for_selector("html.ready")
            land(page, opened, rest, watched)
            interact(page, address)
            browser.close()


if __name__ == "__main__":
    main()
