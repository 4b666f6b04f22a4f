"""`kadr compare`: one page and one JSON, three ways of tagging, and what cannot be had."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import timm
from PIL import Image
from typer.testing import CliRunner

from tests.support import models
from tests.support.photos import lossless_webp
from worker.cli import compare as command
from worker.errors import EvaluationError, ModelError
from worker.evaluation import classifier, compare


@pytest.fixture(scope="module")
def tiny_classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as timm saves one: 3 labels, random weights."""
    folder = tmp_path_factory.mktemp("classifier")
    model = timm.create_model("test_efficientnet", num_classes=3)
    timm.models.save_for_hf(
        model,
        folder,
        model_config={"num_classes": 3, "label_names": ["dog", "cat", "<sea>"]},
        safe_serialization=True,
    )
    return folder


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two photos, a file that is none and one that fills the memory, a model, and no network."""
    monkeypatch.setenv("KADR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("KADR_OFFLINE", "1")
    monkeypatch.setattr("worker.vocabulary.packs._ENGLISH_WORDS", 200)
    folder = tmp_path / "photos"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "a.jpg")
    Image.new("RGB", (64, 48), "blue").save(folder / "b <i>.jpg")
    (folder / "broken.jpg").write_bytes(b"no photo")
    (folder / "huge.webp").write_bytes(lossless_webp(16383, 12000))
    monkeypatch.setenv("KADR_DECODE_MEMORY", str(256 * 1024 * 1024))
    (folder / "notes.txt").write_text("no photo")
    models.make_tiny_model(tmp_path / "model")
    (tmp_path / "mine.txt").write_text("dog\ncat\nbeach\n")
    return folder


def run(photos: Path, *arguments: str) -> str:
    options = ["--model", str(photos.parent / "model")]
    options += ["--vocabulary", str(photos.parent / "mine.txt")]
    result = CliRunner().invoke(
        command.app, [str(photos), *options, *arguments], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.stdout


def test_json_has_every_photo_and_way(photos: Path, tiny_classifier: Path) -> None:
    found = json.loads(run(photos, "--json", "--classifier", str(tiny_classifier)))

    assert [each["title"] for each in found["columns"]] == ["Kadr", "Paper", "Classifier"]
    assert [Path(each["path"]).name for each in found["photos"]] == ["a.jpg", "b <i>.jpg"]
    keywords = found["photos"][0]["keywords"]
    assert len(keywords["Paper"]) == 10
    assert {each["word"] for each in keywords["Classifier"]} == {"dog", "cat", "<sea>"}
    assert sum(each["value"] for each in keywords["Classifier"]) == pytest.approx(1.0, abs=1e-5)
    assert any("broken.jpg" in note for note in found["notes"])
    assert any("raise KADR_DECODE_MEMORY to include it" in note for note in found["notes"])
    assert any("ViT-L/14 cannot be had here" in note for note in found["notes"])


def test_page_needs_no_other_file_and_escapes_what_it_shows(
    photos: Path, tiny_classifier: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    run(photos, "-o", str(page), "--classifier", str(tiny_classifier))
    text = page.read_text(encoding="utf-8")

    assert text.count("data:image/jpeg;base64,") == 2
    assert "b &lt;i&gt;.jpg" in text
    assert "&lt;sea&gt;" in text
    assert "<sea>" not in text
    assert not re.search(r"(src|href)=.(?!data:)", text)


def test_backbone_of_the_starter_stands_in_for_a_classifier_that_cannot_be_had(
    photos: Path,
) -> None:
    found = json.loads(run(photos, "--json"))

    assert [each["title"] for each in found["columns"]] == ["Kadr", "Paper", "Classifier"]
    assert "efficientnet-lite2" in found["columns"][2]["note"]
    assert all(len(photo["keywords"]["Classifier"]) == 5 for photo in found["photos"])
    assert any("so EfficientNet-Lite2 stands in" in n for n in found["notes"])


def test_classifier_that_was_asked_for_must_be_had(photos: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be downloaded .* use --classifier FOLDER"):
        run(photos, "--classifier", "efficientnet_b0.ra_in1k")


def test_unknown_classifier_gives_the_nearest() -> None:
    with pytest.raises(ModelError, match="no such timm model or folder; did you mean"):
        classifier.load("efficientnet_b33")


def test_folder_with_pickled_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ModelError, match=r"has no model\.safetensors"):
        classifier.load(str(tmp_path))


def test_papers_classifier_takes_300_pixels() -> None:
    known = timm.get_pretrained_cfg(classifier.PAPER)

    assert known is not None
    assert known.input_size == (3, 300, 300)


@pytest.mark.thorough
def test_sample_is_spread_over_all_photos(photos: Path) -> None:
    many = [Path(f"{n}.jpg") for n in range(10)]

    assert compare.sample(many, 4) == [Path(f"{n}.jpg") for n in (0, 2, 5, 7)]
    assert compare.sample(many, 10) == many
    assert len(json.loads(run(photos, "--json", "--limit", "1"))["photos"]) == 1


def test_no_photos_are_said(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="no photos there"):
        compare.find_photos([tmp_path])
    with pytest.raises(EvaluationError, match="no such file or folder"):
        compare.find_photos([tmp_path / "none"])
