"""The starter model as it ships: what it is, that it needs no network, what it says of photos."""

import socket
from pathlib import Path

import numpy as np
import pytest

from worker import images, scoring, vocabulary
from worker.cli import samples
from worker.images import pixels
from worker.models import clip, names
from worker.models.clip import ClipModel
from worker.scoring import Scorer, calibration
from worker.vocabulary import file, prompts

FOLDER = names.STARTER_FOLDER
#: sha256 over weights and configuration; a new model has another, and old vectors are not mixed.
DIGEST = "f15361431c768d1192ccc617d1ff4ae29652e7b2d85951859851e70f88c65928"
MAX_BYTES = 16_000_000


@pytest.fixture(scope="module")
def model() -> ClipModel:
    return clip.load("starter", device="cpu", precision="float32")


@pytest.fixture(scope="module")
def scorer(model: ClipModel) -> Scorer:
    return scoring.build_scorer(
        model,
        vocabulary.load("starter"),
        prompts.default_for(FOLDER),
        settings=scoring.ScoringSettings(),
        cache_dir=None,
    )


def get_confidences(model: ClipModel, scorer: Scorer, path: Path) -> dict[str, float]:
    pixels = np.stack([images.decode(path, model.preprocess).pixels])
    (tags,) = scorer.score(model.encode_images(pixels))
    return {tag.word: tag.confidence for tag in tags}


def test_shipped_folder_is_the_one_that_was_measured(model: ClipModel) -> None:
    assert model.name == "starter"
    assert model.digest == DIGEST


def test_shipped_folder_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= MAX_BYTES


def test_starter_loads_without_any_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError(f"the network was touched: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    loaded = clip.load("starter", device="cpu", precision="float32")

    assert clip.is_available("starter")
    assert loaded.encode_texts(["a photo of a dog"]).shape == (1, loaded.dim)


def test_every_offered_word_is_known_and_has_a_confidence_of_its_own() -> None:
    offered = vocabulary.load("starter")
    known, _ = file.read(FOLDER / "all-concepts.txt")
    fitted = calibration.find(FOLDER)
    assert fitted is not None
    assert len(offered) >= 1400
    assert set(offered.words) <= set(known.words)
    assert set(offered.words) <= set(fitted.by_word)


@pytest.mark.parametrize(
    ("name", "keyword"),
    [
        ("cat.png", "cat"),
        ("cat.png", "pet"),
        ("breakfast.png", "coffee"),
        ("garage.png", "vehicle"),
        ("garage.png", "motorcycle"),
        ("holiday.jpg", "building"),
        ("portrait.png", "person"),
        ("photographer.png", "tripod"),
    ],
)
def test_sample_photos_get_true_keywords_with_confidence(
    model: ClipModel, scorer: Scorer, name: str, keyword: str
) -> None:
    found = get_confidences(model, scorer, samples.find_samples()[name])

    assert found.get(keyword, 0.0) >= 0.5, found


def test_a_narrow_word_is_found_by_its_broader_ones() -> None:
    parents = {keyword.word: keyword.parents for keyword in vocabulary.load("starter")}

    assert parents["beagle"] == ("dog", "animal")
    assert parents["tench"] == ("fish", "animal")


def test_captions_find_their_photos(model: ClipModel) -> None:
    """Free text of more than a concept's own name, each nearest to its photo of the three."""
    texts = {
        "garage.png": "a red motorcycle parked indoors",
        "cat.png": "the face of an orange cat",
        "breakfast.png": "a cup of coffee on a table",
    }
    found = samples.find_samples()
    pixels = np.stack([images.decode(found[name], model.preprocess).pixels for name in texts])

    likeness = model.encode_texts(list(texts.values())) @ model.encode_images(pixels).T

    assert likeness.argmax(axis=1).tolist() == [0, 1, 2]


def test_noise_gets_no_confident_keyword(model: ClipModel, scorer: Scorer, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / "noise.png"
    pixels.Image.fromarray(noise).save(path)

    assert max(get_confidences(model, scorer, path).values()) < 0.5


@pytest.mark.parametrize(("word", "plural"), [("dog", "dogs"), ("flower", "flowers")])
def test_plural_lies_nearest_to_its_word(model: ClipModel, word: str, plural: str) -> None:
    offered = vocabulary.load("starter").words
    vectors = model.encode_texts([f"a photo of a {each}" for each in offered])

    asked = model.encode_texts([f"a photo of {plural}"])

    assert offered[int((vectors @ asked[0]).argmax())] == word
