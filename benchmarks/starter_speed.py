"""Measures photos encoded per second by the starter model and by ViT-B-32, on this machine.

Both run in float32 on random pixels; ViT-B-32 has random weights, which does not change its speed.
Rounds alternate, so that other load on the machine affects both. Run:

    python benchmarks/starter_speed.py --rounds 9
"""

import argparse
import os
import statistics
import time

import open_clip
import torch
from torch import nn

from worker.models import clip, device, files

BATCH = 32


def main() -> None:
    """Print photos per second of both models, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device.keep_freed_memory()  # as `clip.load` does
    models = {
        "starter": files.build(files.find(clip.resolve("starter"))),
        "ViT-B-32": open_clip.create_model("ViT-B-32"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for number in range(options.rounds + 1):
        for name, model in models.items():
            taken = measure(model)
            if number:  # the first round warms up
                seconds[name].append(taken)
    rates = {name: BATCH / statistics.median(taken) for name, taken in seconds.items()}
    for name, rate in rates.items():
        print(f"{name:10} {rate:8.1f} photos/s")
    print(f"ratio      {rates['starter'] / rates['ViT-B-32']:8.1f}")


def measure(model: nn.Module) -> float:
    """Return the seconds that a model takes to encode one batch."""
    model.eval().to(memory_format=torch.channels_last)
    size = open_clip.get_model_preprocess_cfg(model)["size"]
    side = size if isinstance(size, int) else size[0]
    pixels = torch.rand(BATCH, 3, side, side).contiguous(memory_format=torch.channels_last)
    began = time.perf_counter()
    with torch.inference_mode():
        model.encode_image(pixels)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
