"""What a photo is said to take before it is decoded is what it takes, or more."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from tests.support import decoding_jobs
from worker.decoding.pool import Decoders
from worker.images import Preprocess

SIZE = (1600, 1200)
PREPROCESS = Preprocess(224, (0.0,) * 3, (1.0,) * 3)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is told by /proc")
@pytest.mark.parametrize(
    ("mode", "extension", "options"),
    [
        ("RGB", ".jpg", {}),
        ("RGB", ".jpg", {"progressive": True}),
        ("CMYK", ".jpg", {"progressive": True}),
        ("RGBA", ".png", {}),
        ("P", ".gif", {}),
        ("RGB", ".webp", {"method": 0}),
        ("RGB", ".tif", {"compression": "tiff_lzw"}),
        ("RGB", ".heic", {"quality": 40, "enc_params": {"preset": "ultrafast"}}),
        ("RGB", ".avif", {"speed": 10}),
    ],
)
def test_estimate_holds(
    decoders: Decoders, tmp_path: Path, mode: str, extension: str, options: dict[str, Any]
) -> None:
    pillow_heif.register_heif_opener()
    rows = np.random.default_rng(0).integers(0, 256, (SIZE[1] // 8, SIZE[0] // 8, 3), np.uint8)
    photo = tmp_path / f"photo{extension}"
    Image.fromarray(rows).resize(SIZE).convert(mode).save(photo, **options)

    reserved, taken = decoders.run(decoding_jobs.measure, photo, PREPROCESS)

    assert taken <= reserved, (taken, reserved)
