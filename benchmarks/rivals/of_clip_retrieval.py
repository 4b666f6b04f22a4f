"""clip-retrieval's inference, as `clip-retrieval inference` does it of a folder of photos.

    ENVIRONMENT/bin/python benchmarks/rivals/of_clip_retrieval.py DATA

It runs in an environment with clip-retrieval, and imports nothing of Kadr. The weights, random ones
of OpenAI's ViT-B/32, are written into DATA at the first start. A round begins with an empty folder,
and ends when the embeddings are in files. Its reader, mapper and writer are put together as its
worker does it, but for the log: that is a process which takes seconds to start.
"""

import itertools
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from serving import Way, serve

#: Its default is 256, with which a round is one batch: nothing is decoded while another is encoded.
BATCH = 32


class NoLog:
    """What its runner tells how long each batch took."""

    def start(self) -> None:
        """Begin."""

    def __call__(self, stats: Mapping[str, float]) -> None:
        """Take the seconds of a batch."""

    def end(self) -> None:
        """End."""


def load(data: Path, work: Path) -> Mapping[str, Way]:
    """Return the way of clip-retrieval's inference."""
    import numpy as np
    from all_clip import load_clip
    from clip_retrieval.clip_inference.mapper import ClipMapper
    from clip_retrieval.clip_inference.reader import FilesReader
    from clip_retrieval.clip_inference.runner import Runner
    from clip_retrieval.clip_inference.writer import NumpyWriter

    weights, rounds = data / "ViT-B-32.pt", itertools.count()
    if not weights.exists():
        write_weights(weights)
    # Its loader remembers models by these arguments, so that the mapper has this one.
    model = {"clip_model": str(weights), "use_jit": False}
    model |= {"warmup_batch_size": BATCH, "clip_cache_path": None}
    _, preprocess, tokenizer = load_clip(**model)
    parts = {"enable_image": True, "enable_text": False, "enable_metadata": False}
    mapper = ClipMapper(use_mclip=False, mclip_model="", **parts, **model)

    def inference(folder: Path) -> tuple[int, float]:
        output = work / str(next(rounds))
        began = time.perf_counter()
        run = Runner(
            lambda sampler: FilesReader(
                sampler, preprocess, tokenizer, str(folder), BATCH, os.cpu_count() or 1, **parts
            ),
            lambda: mapper,
            lambda number: NumpyWriter(number, str(output), output_partition_count=1, **parts),
            lambda _number: NoLog(),
            output_partition_count=1,
        )
        run(0)
        seconds = time.perf_counter() - began
        files = sorted((output / "img_emb").glob("*.npy"))
        return sum(len(np.load(file)) for file in files), seconds

    return {"inference": inference}


def write_weights(file: Path) -> None:
    """Write random weights of OpenAI's ViT-B/32, whole or not at all."""
    import torch
    from clip.model import CLIP

    file.parent.mkdir(parents=True, exist_ok=True)
    begun = file.with_suffix(".part")
    torch.manual_seed(0)
    model = CLIP(
        embed_dim=512,
        image_resolution=224,
        vision_layers=12,
        vision_width=768,
        vision_patch_size=32,
        context_length=77,
        vocab_size=49408,
        transformer_width=512,
        transformer_heads=8,
        transformer_layers=12,
    )
    torch.save(model.state_dict(), begun)
    begun.replace(file)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        serve(lambda: load(Path(sys.argv[1]), Path(name)))
