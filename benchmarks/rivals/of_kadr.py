"""Kadr as `kadr tag` runs it, and its parts alone.

    python -m benchmarks.rivals.of_kadr ARCHITECTURE CACHE

Words: the 50,000 of the pack `english-50k`, with random vectors. A round begins with an empty
catalogue, and ends when keywords and embeddings of all photos are rows of it. The model with random
weights is kept in CACHE.
"""

import itertools
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import tagging
from benchmarks.rivals.serving import Way, serve
from catalog.vectors import unit
from worker import scoring, settings, vocabulary
from worker.decoding import jobs
from worker.decoding.guards import Guards
from worker.decoding.pool import Decoders
from worker.errors import PhotoError
from worker.models import clip, loading
from worker.tagging import tagger
from worker.thumbs.store import ThumbStore
from worker.vocabulary import prompts

WORDS = "english-50k"


class RandomWords:
    """The text side of a model, with random vectors: encoding words is not what is measured."""

    def __init__(self, model: clip.ClipModel) -> None:
        self.digest, self.dim, self.device = model.digest, model.dim, model.device
        self.logit_scale, self.logit_bias = model.logit_scale, model.logit_bias
        self.folder = model.folder
        self._random = np.random.default_rng(0)

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n, dim) random unit vectors."""
        return unit(self._random.standard_normal((len(texts), self.dim), np.float32))


def load_tagger(spec: str, how: settings.Settings) -> tagger.Tagger:
    """Return a tagger like `worker.tagging.tagger.load` does, with random vectors of words."""
    model = loading.load_model(spec, how)
    known = vocabulary.load(WORDS)
    asked = prompts.default_for(model.folder)
    options = scoring.ScoringSettings(top_k=how.top_k)
    scorer = scoring.build_scorer(
        RandomWords(model), known, asked, settings=options, cache_dir=None
    )
    return tagger.assemble(model, known, asked, options, scorer)


def load(architecture: str, cache: Path, work: Path, decoders: Decoders) -> Mapping[str, Way]:
    """Return the whole way, with and without small pictures, and its two halves."""
    how = settings.load(cache_dir=cache)
    folder = cache / architecture
    spec = f"local-dir:{folder / 'model'}"
    if not (folder / "model").exists():
        folder.mkdir(parents=True)
        tagging.make_random(f"random:{architecture}", folder)
    loaded = load_tagger(spec, how)
    rounds = itertools.count()

    def whole(folder: Path) -> tuple[int, float]:
        file = work / f"{next(rounds)}.db"
        seconds = tagging.tag_all(folder, file, loaded, how, decoders)
        return sum(1 for _ in folder.iterdir()), seconds

    def with_pictures(folder: Path) -> tuple[int, float]:
        number = next(rounds)
        pictures = ThumbStore(work / f"pictures-{number}")
        file = work / f"{number}.db"
        seconds = tagging.tag_all(folder, file, loaded, how, decoders, pictures)
        return sum(1 for _ in folder.iterdir()), seconds

    def decode(folder: Path) -> tuple[int, float]:
        began = time.perf_counter()
        paths = sorted(folder.iterdir())
        opened = decoders.run_all(jobs.open_photo, paths, loaded.encoder.preprocess)
        sound = [each for each in opened if not isinstance(each, PhotoError) and each.decoded]
        return len(sound), time.perf_counter() - began

    def encode(folder: Path) -> tuple[int, float]:
        count = sum(1 for _ in folder.iterdir())
        return count, tagging.encode_all(loaded.encoder, count)

    return {"whole": whole, "with pictures": with_pictures, "decode": decode, "encode": encode}


if __name__ == "__main__":
    guards = Guards.of(settings.load())
    with tempfile.TemporaryDirectory() as name, Decoders(guards) as opened:
        serve(lambda: load(sys.argv[1], Path(sys.argv[2]), Path(name), opened))
