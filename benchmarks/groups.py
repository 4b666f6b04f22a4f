"""Measures grouping by shared tags: seconds, memory, and agreement with the planted groups.

    python benchmarks/groups.py sqlite:////tmp/million.db --photos 1000000

The database must come from `catalogue_of_a_million.py`, with the same number of photos. Agreement
is the adjusted Rand index: 1 for identical groups, about 0 for random ones.
"""

import argparse
import json
import resource
import time

import catalogue_of_a_million
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

from catalog import query
from catalog.db import database
from catalog.groups import communities, keyword_groups, matrix


def best_group(members: sparse.csr_array) -> NDArray[np.int64]:
    """Return the number of each photo's strongest group: (n_photos,) int64.

    A photo without a group gets a negative number of its own.
    """
    alone = -np.arange(1, members.shape[0] + 1)
    most = members.max(axis=1).toarray().ravel()
    return np.where(most > 0, np.asarray(members.argmax(axis=1)).ravel(), alone)


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--photos", type=int, required=True)
    options = parser.parse_args()
    opened = database.open_database(options.url, upgrade=False)
    with opened.read() as session:
        started, used = time.perf_counter(), time.process_time()
        made = keyword_groups.make(session)
        done = {
            "seconds": round(time.perf_counter() - started, 1),
            "cpu_seconds": round(time.process_time() - used, 1),
            "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        }
        found = matrix.load(session, query.prepare(session, ""))
    place = {int(tag): n for n, tag in enumerate(found.tag_ids)}
    sets = [np.array([place[tag] for tag in each.tag_ids]) for each in made.groups]
    photos_of = np.asarray(found.has.sum(axis=0), dtype=np.float64).ravel()
    weights = communities.tell_weights(photos_of, len(found.photo_ids))
    label = best_group(communities.assign_photos(found.rated, weights, sets))
    planted = catalogue_of_a_million.plant(options.photos).groups[found.photo_ids - 1]
    told = {
        "photos": len(label),
        "groups": len(made.groups),
        "planted": int(planted.max()) + 1,
        "ungrouped": round(float((label < 0).mean()), 4),
        "adjusted_rand": round(float(adjusted_rand_score(planted, label)), 4),
    }
    print(json.dumps(told | done))


if __name__ == "__main__":
    main()
