"""Measures photos tagged per second by the whole pipeline and by the model alone, on this machine.

The pipeline is scan, hash, register, claim, decode, encode, score and record, into a new SQLite
catalogue; the model alone encodes pixels in memory. The photos of a folder are repeated until there
are enough: each copy has a few bytes appended, which change its hash but not the picture.

    python benchmarks/tagging.py ~/Pictures --model starter
    python benchmarks/tagging.py ~/Pictures --model random:ViT-B-32    # its speed, random weights
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import open_clip
import safetensors.torch

from benchmarks import folders
from catalog.db import database
from catalog.tags import taggers
from catalog.tags.taggers import TaggerChoice
from worker import extensions, settings
from worker.decoding.guards import Guards
from worker.decoding.pool import Decoders
from worker.tagging import tagger
from worker.tagging.pipeline import Outcome, Pipeline, PipelineSettings
from worker.thumbs.store import ThumbStore
from worker.watch import ingest, roots, scan


def main() -> None:
    """Print photos per second of both and the ratio, medians over the rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--vocabulary", default="starter")
    parser.add_argument("--photos", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        model = make_random(options.model, work)
        chosen = TaggerChoice(model, options.vocabulary, (), "default")
        how = settings.load(cache_dir=work / "cache")
        loaded = tagger.load(chosen, how)
        found = sorted(path for path in options.folder.rglob("*") if extensions.is_photo(path))
        inbox = folders.copy_photos(found, work / "photos", options.photos)
        with Decoders(Guards.of(how)) as decoders:
            whole = [
                tag_all(inbox, work / f"{n}.db", loaded, how, decoders)
                for n in range(options.rounds)
            ]
        alone = [encode_all(loaded.encoder, options.photos) for _ in range(options.rounds)]
    way, encoder = (options.photos / statistics.median(each) for each in (whole, alone))
    print(f"{'the whole way':16}{way:8.1f} photos/s")
    print(f"{'the model alone':16}{encoder:8.1f} photos/s")
    print(f"{'share':16}{way / encoder:8.2f}")


def make_random(spec: str, work: Path) -> str:
    """Return the model to load; `random:ARCHITECTURE` writes one with random weights first."""
    architecture = spec.removeprefix("random:")
    if architecture == spec:
        return spec
    folder = work / "model"
    folder.mkdir()
    model = open_clip.create_model(architecture)
    config = {
        "model_cfg": open_clip.get_model_config(architecture),
        "preprocess_cfg": {"mean": list(open_clip.OPENAI_DATASET_MEAN)}
        | {"std": list(open_clip.OPENAI_DATASET_STD)},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    safetensors.torch.save_file(state, folder / "open_clip_model.safetensors")
    return f"local-dir:{folder}"


def tag_all(
    inbox: Path,
    file: Path,
    loaded: tagger.Tagger,
    how: settings.Settings,
    decoders: Decoders,
    pictures: ThumbStore | None = None,
) -> float:
    """Return the seconds from an empty catalogue to one in which every photo is tagged.

    Raises:
        RuntimeError: Some photos were not tagged.
    """
    opened = database.open_database(f"sqlite:///{file}", upgrade=True)
    chosen = TaggerChoice(loaded.spec.model, loaded.spec.vocabulary, (), "default")
    with opened.write() as session:
        taggers.choose(session, chosen)
    tagger_id = tagger.register(opened, loaded, chosen)
    options = PipelineSettings.of(how)
    pipeline = Pipeline(opened, loaded, tagger_id, options, decoders, pictures=pictures)
    [folder] = roots.register(opened, [str(inbox)])
    began, outcome = time.perf_counter(), Outcome()
    for changed in scan.find_changes(opened, folder.root):
        taken = ingest.take_files(opened, folder.root, changed, lambda _: True)
        outcome += pipeline.tag_photos(taken.photo_ids)
    seconds = time.perf_counter() - began
    opened.close()
    if outcome != Outcome(tagged=sum(1 for _ in inbox.iterdir())):
        raise RuntimeError(f"not all photos were tagged: {outcome}")
    return seconds


def encode_all(model: tagger.Encoder, count: int) -> float:
    """Return the seconds that the model alone takes for so many photos."""
    size = model.preprocess.size
    pixels = np.random.default_rng(0).integers(0, 256, (32, size, size, 3), dtype=np.uint8)
    began = time.perf_counter()
    for start in range(0, count, 32):
        model.encode_images(pixels[: min(32, count - start)])
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
