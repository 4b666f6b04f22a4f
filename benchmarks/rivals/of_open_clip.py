"""open_clip as its README and the paper use it: photo by photo, in batches, and its encoder alone.

    python -m benchmarks.rivals.of_open_clip ARCHITECTURE

Everything is float32, as open_clip loads it. Photos are scored against 50,000 words (the number of
the paper): cosines, softmax, the ten best. Weights and word vectors are random.
"""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import open_clip
import torch
from PIL import Image

from benchmarks.rivals.serving import Way, serve

BATCH, WORDS, BEST = 32, 50_000, 10


class Photos(torch.utils.data.Dataset):
    """The photos of a folder, preprocessed."""

    def __init__(self, paths: Sequence[Path], preprocess) -> None:  # noqa: ANN001 - torchvision's
        self._paths, self._preprocess = paths, preprocess

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, place: int) -> torch.Tensor:
        return self._preprocess(Image.open(self._paths[place]))


def load(architecture: str) -> Mapping[str, Way]:
    """Return the three ways of using a model with random weights."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    model, _, preprocess = open_clip.create_model_and_transforms(architecture, device=device)
    model.eval()
    words = torch.nn.functional.normalize(torch.randn(WORDS, model.visual.output_dim), dim=-1)
    words = words.to(device)

    def best_words(images: torch.Tensor) -> list[list[int]]:
        vectors = model.encode_image(images.to(device))
        vectors /= vectors.norm(dim=-1, keepdim=True)
        shares = (100.0 * vectors @ words.T).softmax(dim=-1)
        return shares.topk(BEST).indices.tolist()

    @torch.no_grad()
    def one_by_one(folder: Path) -> tuple[int, float]:
        paths = sorted(folder.iterdir())
        began = time.perf_counter()
        found = [best_words(preprocess(Image.open(path)).unsqueeze(0)) for path in paths]
        return len(found), time.perf_counter() - began

    @torch.no_grad()
    def in_batches(folder: Path) -> tuple[int, float]:
        photos = Photos(sorted(folder.iterdir()), preprocess)
        began = time.perf_counter()
        loader = torch.utils.data.DataLoader(photos, BATCH, num_workers=os.cpu_count() or 1)
        found = [words for batch in loader for words in best_words(batch)]
        return len(found), time.perf_counter() - began

    @torch.no_grad()
    def encoder(folder: Path) -> tuple[int, float]:
        count = sum(1 for _ in folder.iterdir())
        images = torch.randn(BATCH, 3, *model.visual.image_size, device=device)
        began = time.perf_counter()
        for start in range(0, count, BATCH):
            model.encode_image(images[: count - start]).cpu()
        return count, time.perf_counter() - began

    return {"one by one": one_by_one, "in batches": in_batches, "encoder": encoder}


if __name__ == "__main__":
    serve(lambda: load(sys.argv[1]))
