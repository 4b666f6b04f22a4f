"""Measures how fast stored embeddings are scored, relative to a bare matrix product with top-k.

    python benchmarks/scoring.py --photos 100000 --words 50000 --threads 2

Embeddings are random, since only their shape matters here. Rounds alternate, so that other load on
the machine affects all presets alike. It prints photos per second and the ratio to the bare
product; `--cpu` measures processor time instead of elapsed time, for a busy machine.
"""

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from worker import scoring
from worker.scoring import presets, ranking, selection
from worker.scoring.presets import RankedWords

DIM = 512
AT_ONCE = 512


def main() -> None:
    """Print photos per second of each preset and the ratio to the bare product."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=4096)
    parser.add_argument("--words", type=int, default=50_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cpu", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    clock = time.process_time if options.cpu else time.perf_counter
    photos, words = unit(options.photos, 0), unit(options.words, 1)
    ways = {"bare product and top-k": lambda: bare(photos, words)}
    for preset in scoring.PRESETS:
        scorer = make_scorer(preset, words)
        ways[f"preset {preset}"] = lambda scorer=scorer: scorer.score(photos)
    report(measure(ways, clock, options.rounds), options.photos)


def unit(count: int, seed: int) -> NDArray[np.float32]:
    """Return random unit vectors around a common mean, as CLIP's are: (count, DIM) float32."""
    vectors = np.random.default_rng(seed).standard_normal((count, DIM), np.float32) + 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def bare(photos: NDArray[np.float32], words: NDArray[np.float32]) -> None:
    """Compute the matrix product and the top ten words of each photo."""
    table = torch.from_numpy(words).T
    for start in range(0, len(photos), AT_ONCE):
        torch.topk(torch.from_numpy(photos[start : start + AT_ONCE]) @ table, 10, dim=1)


def make_scorer(preset: str, words: NDArray[np.float32]) -> scoring.Scorer:
    """Return a scorer as `scoring.build_scorer` makes it, for words without names."""
    plain = RankedWords(words, ranking.paper(*words.shape), {})
    whitened = presets.rank_whitened(words, words[:2000], np.zeros(len(words)))
    made = plain if preset == "paper" else whitened
    return scoring.Scorer(
        [f"word {place}" for place in range(len(words))],
        words,
        made.ranking,
        logit_scale=100.0,
        rule=selection.Rule(10, made.max_likeness),
    )


def measure(
    ways: dict[str, Callable[[], object]], clock: Callable[[], float], rounds: int
) -> dict[str, list[float]]:
    """Return the seconds of every round, by name."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, run in ways.items():
            start = clock()
            run()
            taken[name].append(clock() - start)
    return taken


def report(taken: dict[str, list[float]], photos: int) -> None:
    """Print the fastest round of each, and the peak memory of the process."""
    fastest = {name: min(seconds) for name, seconds in taken.items()}
    base = next(iter(fastest.values()))
    for name, seconds in fastest.items():
        print(f"{name:24} {photos / seconds:8,.0f} photos/s  {base / seconds:4.0%} of bare")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:,.0f} MiB")


if __name__ == "__main__":
    main()
