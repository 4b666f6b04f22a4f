"""Word vectors: encoded once, kept, averaged over prompts, and the same from the cache."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support import models
from worker.models import clip
from worker.scoring import word_vectors
from worker.scoring.word_cache import TextCache
from worker.vocabulary import prompts
from worker.vocabulary.keywords import Keyword

PAPER = prompts.parse(["paper"])


class CountingEncoder:
    """A real model that remembers what it was asked."""

    def __init__(self, model: clip.ClipModel) -> None:
        self._model = model
        self.digest = model.digest
        self.dim = model.dim
        self.asked: list[str] = []

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        return self._model.encode_texts(texts)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> clip.ClipModel:
    return clip.load(str(models.make_tiny_model(tmp_path_factory.mktemp("model"))))


@pytest.fixture
def encoder(model: clip.ClipModel) -> CountingEncoder:
    return CountingEncoder(model)


def keywords(*words: str) -> list[Keyword]:
    return [Keyword(word) for word in words]


def encode(
    encoder: CountingEncoder, words: Sequence[Keyword], cache_dir: Path | None
) -> NDArray[np.float32]:
    return word_vectors.encode_keywords(encoder, words, PAPER, cache_dir=cache_dir)


def test_adding_words_encodes_only_these(encoder: CountingEncoder, tmp_path: Path) -> None:
    encode(encoder, keywords("dog", "cat"), tmp_path)
    encoder.asked.clear()

    encode(encoder, keywords("boat", "dog", "cat", "sea"), tmp_path)

    assert encoder.asked == ["a photo of a boat", "a photo of a sea"]


def test_cached_vectors_equal_fresh_ones(encoder: CountingEncoder, tmp_path: Path) -> None:
    fresh = encode(encoder, keywords("dog", "cat", "boat"), tmp_path)
    cached = encode(encoder, keywords("boat", "dog"), tmp_path)

    np.testing.assert_array_equal(cached, fresh[[2, 0]])


def test_another_prompt_encodes_again(encoder: CountingEncoder, tmp_path: Path) -> None:
    encode(encoder, keywords("dog"), tmp_path)
    word_vectors.encode_keywords(
        encoder, keywords("dog"), prompts.parse(["plain"]), cache_dir=tmp_path
    )

    assert encoder.asked == ["a photo of a dog", "dog"]


def test_another_model_encodes_again(model: clip.ClipModel, tmp_path: Path) -> None:
    other = clip.load(str(models.make_tiny_model(tmp_path / "other", seed=1)))
    first, second = CountingEncoder(model), CountingEncoder(other)
    encode(first, keywords("dog"), tmp_path)
    encode(second, keywords("dog"), tmp_path)

    assert second.asked == ["a photo of a dog"]


def test_vector_is_the_mean_of_the_prompts_unit_vectors(model: clip.ClipModel) -> None:
    both = prompts.parse(["a {word}", "a photo of a {word}"])
    (vector,) = word_vectors.encode_keywords(model, keywords("dog"), both, cache_dir=None)
    mean = model.encode_texts(["a dog", "a photo of a dog"]).mean(axis=0)

    np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-3)
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-6)


def test_templates_of_a_words_own_go_before_the_runs(encoder: CountingEncoder) -> None:
    pet = Keyword("tabby", templates=("a photo of a {word}, a type of pet",))
    encode(encoder, [pet, Keyword("car")], None)

    assert encoder.asked == ["a photo of a tabby, a type of pet", "a photo of a car"]


def test_progress_counts_the_words_to_encode(encoder: CountingEncoder, tmp_path: Path) -> None:
    encode(encoder, keywords("dog"), tmp_path)
    seen: list[tuple[int, int]] = []
    word_vectors.encode_keywords(
        encoder,
        keywords("dog", *(f"word {n}" for n in range(1500))),
        PAPER,
        cache_dir=tmp_path,
        progress=lambda done, total: seen.append((done, total)),
    )

    assert seen == [(1024, 1500), (1500, 1500)]


def test_interrupted_run_goes_on_where_it_was(encoder: CountingEncoder, tmp_path: Path) -> None:
    words = keywords(*(f"word {n}" for n in range(1500)))

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        word_vectors.encode_keywords(encoder, words, PAPER, cache_dir=tmp_path, progress=stop)
    encoder.asked.clear()
    encode(encoder, words, tmp_path)

    assert len(encoder.asked) == 1500 - 1024


def test_no_words_are_no_vectors(encoder: CountingEncoder, tmp_path: Path) -> None:
    assert encode(encoder, [], tmp_path).shape == (0, encoder.dim)


def test_damaged_cache_is_made_again(encoder: CountingEncoder, tmp_path: Path) -> None:
    encode(encoder, keywords("dog"), tmp_path)
    (path,) = tmp_path.glob("texts/*.sqlite3")
    path.write_bytes(b"not a database, " * 100)
    encoder.asked.clear()

    vectors = encode(encoder, keywords("dog"), tmp_path)

    assert encoder.asked == ["a photo of a dog"]
    assert np.isfinite(vectors).all()


def test_cache_that_cannot_be_written_is_done_without(
    encoder: CountingEncoder, tmp_path: Path
) -> None:
    (tmp_path / "texts").write_text("a file where the folder should be")

    assert encode(encoder, keywords("dog"), tmp_path).shape == (1, encoder.dim)


def test_cache_forgets_the_prompts_used_longest_ago(tmp_path: Path) -> None:
    vectors = np.ones((2, 4), np.float16)
    with TextCache(tmp_path, "model", 4) as cache:
        for prompt in ("old", "new"):
            keys = [(prompt, "dog"), (prompt, "cat")]
            cache.fill(keys, vectors.copy())
            cache.store(keys, vectors)
        cache.trim(max_rows=3)

        assert cache.fill([("old", "dog"), ("new", "dog")], vectors.copy()) == [0]


def test_cache_is_an_ordinary_database_of_the_model(
    encoder: CountingEncoder, tmp_path: Path
) -> None:
    encode(encoder, keywords("dog"), tmp_path)
    (path,) = tmp_path.glob("texts/*.sqlite3")
    with sqlite3.connect(path) as database:
        rows = database.execute("SELECT word, length(value) FROM vector").fetchall()
    database.close()

    assert rows == [("dog", 2 * encoder.dim)]
