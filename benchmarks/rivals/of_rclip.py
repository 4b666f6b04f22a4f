"""rclip's index, as `rclip` makes it of the folder in which it is called.

    ENVIRONMENT/bin/python benchmarks/rivals/of_rclip.py DATA

It runs in an environment with rclip, and imports nothing of Kadr. DATA is rclip's data folder, and
`rclip_weights.py` has put a model for photos into it. A round begins with an
empty index.
"""

import itertools
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from serving import Way, serve

#: The default of `rclip --indexing-batch-size`.
BATCH = 8


def load(work: Path) -> Mapping[str, Way]:
    """Return the way of rclip's index."""
    from rclip import db, main, model

    clip, rounds = model.Model(), itertools.count()

    def index(folder: Path) -> tuple[int, float]:
        database = db.DB(work / f"{next(rounds)}.sqlite3")
        rclip = main.RClip(clip, database, BATCH, exclude_dirs=None)
        began = time.perf_counter()
        rclip.ensure_index(str(folder))
        seconds = time.perf_counter() - began
        count = sum(1 for _ in database.get_image_vectors_by_dir_path(str(folder)))
        rclip.close()
        database.close()
        return count, seconds

    return {"index": index}


if __name__ == "__main__":
    os.environ["RCLIP_DATADIR"] = sys.argv[1]
    with tempfile.TemporaryDirectory() as name:
        serve(lambda: load(Path(name)))
