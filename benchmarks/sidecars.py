"""Measures how fast sidecars are read, and how long an unchanged folder with sidecars takes.

    python benchmarks/sidecars.py --photos 10000

Photos are small generated files, so that the disk and the decoder count for little. `find -printf`
over the same folder, which only lists names, sizes and times, is what a scan cannot be faster than.
"""

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from sqlalchemy import func, select

from catalog.db.database import Database, open_database
from catalog.db.tables import PhotoTag, Source
from worker import log
from worker.watch import ingest, roots, scan
from worker.watch.roots import Folder

FOLDER = 1_000
SIDECAR = """<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:DateCreated="2019-07-31T12:00:00">
<dc:subject><rdf:Bag>{words}</rdf:Bag></dc:subject>
<lr:hierarchicalSubject><rdf:Bag>{paths}</rdf:Bag></lr:hierarchicalSubject>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def sidecar(number: int) -> str:
    """Return a sidecar with six keywords, as Lightroom writes it."""
    words = [f"word {number * step % 997}" for step in (3, 5, 7, 11, 13, 17)]
    items = "".join(f"<rdf:li>{word}</rdf:li>" for word in words)
    paths = "".join(f"<rdf:li>things|{word}</rdf:li>" for word in words)
    return SIDECAR.format(words=items, paths=paths)


def generate(top: Path, count: int) -> list[Path]:
    """Write photos, each another picture, in folders of a thousand."""
    photos = []
    for number in range(count):
        photo = top / f"{number // FOLDER:03}" / f"IMG_{number:06}.png"
        photo.parent.mkdir(parents=True, exist_ok=True)
        colour = (number % 256, number // 256 % 256, number // 65536)
        Image.new("RGB", (4, 4), colour).save(photo)
        photos.append(photo)
    return photos


def take(database: Database, folder: Folder) -> int:
    """Bring the catalogue in step with a folder; return how many files were new or changed."""
    files = 0
    for changed in scan.find_changes(database, folder.root):
        ingest.take_files(database, folder.root, changed, lambda _: True)
        files += len(changed)
    return files


def timed(what: str, work: Callable[[], int]) -> float:
    """Print how long something took, and how many files a second that is."""
    began = time.perf_counter()
    files = work()
    took = time.perf_counter() - began
    print(f"{what:40} {took:8.2f} s {files / took:10.0f} files/s")
    return took


def main() -> None:
    """Run the measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=10_000)
    log.configure("WARNING", as_json=False)
    parser.add_argument("--database", help="by default SQLite in a temporary folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kadr-sidecars-") as folder:
        top = Path(folder, "photos")
        photos = generate(top, given.photos)
        url = given.database or f"sqlite:///{folder}/kadr.db"
        with open_database(url, upgrade=True) as database:
            [root] = roots.register(database, [str(top)])
            timed("register photos", lambda: take(database, root))
            for number, photo in enumerate(photos):
                photo.with_name(photo.name + ".xmp").write_text(sidecar(number), encoding="utf-8")
            timed("read sidecars that came later", lambda: take(database, root))
            with database.read() as session:
                rows = select(func.count()).where(PhotoTag.source == Source.METADATA)
                print(f"{session.scalar(rows):,} keywords")
            command = ["find", str(top), "-printf", "%p %s %T@ %C@\\n"]
            files = 2 * given.photos
            for _ in range(2):
                timed("rescan, nothing changed", lambda: take(database, root) or files)
                timed(
                    "find -printf",
                    lambda: (
                        subprocess.run(command, check=True, capture_output=True).returncode or files
                    ),
                )


if __name__ == "__main__":
    main()
