"""Writes the image side of rclip's model with random weights, where rclip looks for its own.

    python -m benchmarks.rivals.rclip_weights DATA ONNX_PACKAGES

As rclip's authors make theirs: ViT-B/32 at 256 pixels from open_clip, float32, exported by torch's
TorchScript exporter with opset 18 and a batch of any size. The exporter needs the package `onnx`,
which Kadr does not: ONNX_PACKAGES is a folder that has it.
"""

import sys
from pathlib import Path

ARCHITECTURE = "ViT-B-32-256"
#: Relative to rclip's data folder.
FILE = Path("ViT-B-32-256-datacomp_s34b_b86k", "visual.onnx")


def main(data: Path, packages: str) -> None:
    """Write the file, whole or not at all."""
    import open_clip
    import torch

    sys.path.append(packages)
    file = data / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    begun = file.with_suffix(".part")
    torch.manual_seed(0)
    model = open_clip.create_model(ARCHITECTURE).eval()
    torch.onnx.export(
        model.visual,
        (torch.randn(1, 3, *model.visual.image_size),),
        begun,
        input_names=["input"],
        output_names=["output"],
        dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
        opset_version=18,
        dynamo=False,
    )
    begun.replace(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
