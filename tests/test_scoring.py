"""Scoring: the paper's exactly, the same however it is cut, and without repetitions."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from catalog.errors import SettingsError
from tests import models
from worker import scoring
from worker.errors import ModelError
from worker.models import clip
from worker.scoring import Scorer, ScoringSettings, prior, ranking, selection, whitening
from worker.scoring.calibration import Calibration
from worker.scoring.ranking import Ranking
from worker.vocabulary import english, prompts
from worker.vocabulary.keywords import Alias, Keyword, Vocabulary

DIM = 24
SCALE = 100.0
PROMPTS = prompts.parse(["paper"])
DOGS = Vocabulary(
    "dogs",
    tuple(Keyword(word) for word in ("dog", "cat", "beach", "sea", "car", "tree", "house", "boat")),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> clip.ClipModel:
    return clip.load(str(models.make_tiny_model(tmp_path_factory.mktemp("model"))))


def unit(n: int, seed: int, dim: int = DIM) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(n, dim)) + 0.5
    rows: NDArray[np.float32] = vectors.astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def make_scorer(
    words: NDArray[np.float32], preset: str, *, at_once: int = 8192, top_k: int = 5
) -> Scorer:
    return Scorer(
        [f"w{place}" for place in range(len(words))],
        words,
        make_ranking(words, preset),
        logit_scale=SCALE,
        rule=selection.Rule(top_k, None if preset == "paper" else 0.8),
        words_at_once=at_once,
    )


def make_ranking(words: NDArray[np.float32], preset: str) -> Ranking:
    if preset == "paper":
        return ranking.paper(*words.shape)
    prior = np.random.default_rng(9).normal(size=len(words))
    if preset == "calibrated":
        return ranking.affine(1 + 0.1 * prior, prior, words.shape[1])
    return whitening.build(words, words, prior, sigmoid=(1.0, -5.0))


def test_paper_preset_is_the_softmax_over_the_whole_vocabulary() -> None:
    words, photos = unit(300, 1), unit(7, 2)
    cosines = photos.astype(np.float64) @ words.T.astype(np.float64)
    shares = np.exp(SCALE * cosines)
    shares /= shares.sum(axis=1, keepdims=True)

    found = make_scorer(words, "paper").score(photos)

    for photo, tags in enumerate(found):
        best = np.argsort(-shares[photo])[:5]
        assert [tag.word for tag in tags] == [f"w{place}" for place in best]
        assert [tag.score for tag in tags] == pytest.approx(shares[photo, best], rel=1e-4)
        assert [tag.similarity for tag in tags] == pytest.approx(cosines[photo, best], abs=1e-12)
        assert [tag.confidence for tag in tags] == [0.5 + tag.score / 2 for tag in tags]


@settings(max_examples=40, deadline=None)
@given(
    preset=st.sampled_from(["paper", "default", "calibrated"]),
    at_once=st.integers(1, 130),
    split=st.integers(0, 9),
    seed=st.integers(0, 5),
)
def test_keywords_do_not_depend_on_batch_or_chunk(
    preset: str, at_once: int, split: int, seed: int
) -> None:
    words, photos = unit(120, seed), unit(9, seed + 100)
    whole = make_scorer(words, preset).score(photos)
    chunked = make_scorer(words, preset, at_once=at_once)

    parts = chunked.score(photos[:split]) + chunked.score(photos[split:])

    assert [[tag.word for tag in tags] for tags in parts] == [
        [tag.word for tag in tags] for tags in whole
    ]
    for ours, theirs in zip(sum(parts, ()), sum(whole, ()), strict=True):
        assert ours.similarity == pytest.approx(theirs.similarity, abs=1e-12)
        assert ours.score == pytest.approx(theirs.score, rel=1e-4)
        assert ours.confidence == pytest.approx(theirs.confidence, rel=1e-4)


def test_default_ranks_as_the_formula_written_out() -> None:
    words, photos = unit(60, 3), unit(4, 4)
    prior = np.linspace(0, 2, 60)
    made = whitening.build(words, words, prior, sigmoid=(1.0, 0.0), shrinkage=2.0, rank=DIM)
    exact = words.astype(np.float64)
    units = exact - exact.mean(axis=0)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    values, axes = np.linalg.eigh(np.cov(units.T, bias=True))
    values = values + 2.0 * values.mean()
    values[0] = values[:1].mean()  # the one direction that is not damped
    half = axes @ np.diag(values**-0.5) @ axes.T
    white = units @ half
    white /= np.linalg.norm(white, axis=1, keepdims=True)
    similarity = photos @ half @ white.T
    similarity -= similarity.mean(axis=1, keepdims=True)
    similarity /= similarity.std(axis=1, keepdims=True)

    everything = np.tile(np.arange(60), (4, 1))
    scores = made.score(everything, photos @ exact.T, made.project(photos))

    np.testing.assert_allclose(scores, similarity + prior, atol=2e-3)


def test_shares_are_right_where_exponentials_leave_the_range_of_floats() -> None:
    one = unit(1, 1)
    words = np.repeat(np.concatenate([-one, one]), [600, 1], axis=0)  # the last is in no sample
    (tags,) = make_scorer(words, "paper").score(unit(1, 1))

    assert tags[0].word == "w600"
    assert tags[0].score == pytest.approx(1.0, rel=1e-4)


def test_equal_vectors_come_in_the_order_of_the_vocabulary() -> None:
    words = np.repeat(unit(4, 1), 3, axis=0)
    (tags,) = make_scorer(words, "paper", at_once=2).score(words[:1])

    assert [tag.word for tag in tags[:3]] == ["w0", "w1", "w2"]


def test_near_duplicates_of_a_better_keyword_are_dropped() -> None:
    words = unit(40, 1)
    words[7] = words[3] + 0.02 * unit(1, 2)[0]
    words[7] /= np.linalg.norm(words[7])
    (tags,) = make_scorer(words, "default", top_k=40).score(words[3:4])

    assert ("w3" in {tag.word for tag in tags}) != ("w7" in {tag.word for tag in tags})


def test_broader_word_is_not_repeated_after_its_narrower_one() -> None:
    vocabulary = Vocabulary(
        "v", (Keyword("dog"), Keyword("beagle", parents=("dog", "animal")), Keyword("car"))
    )
    words = np.eye(3, DIM, dtype=np.float32)
    photo = np.array([[0.5, 0.8, 0.1] + [0.0] * (DIM - 3)], np.float32)
    scorer = Scorer(
        vocabulary.words,
        words,
        ranking.affine(np.ones(3), np.zeros(3), DIM),
        logit_scale=SCALE,
        rule=selection.Rule.of(vocabulary, 10, max_likeness=0.9),
    )

    (tags,) = scorer.score(photo)

    assert [tag.word for tag in tags] == ["beagle", "car"]


def test_narrower_word_is_kept_after_its_broader_one() -> None:
    vocabulary = Vocabulary("v", (Keyword("dog"), Keyword("beagle", parents=("dog",))))
    scorer = Scorer(
        vocabulary.words,
        np.eye(2, DIM, dtype=np.float32),
        ranking.affine(np.ones(2), np.zeros(2), DIM),
        logit_scale=SCALE,
        rule=selection.Rule.of(vocabulary, 10, max_likeness=0.9),
    )

    (tags,) = scorer.score(np.array([[0.8, 0.5] + [0.0] * (DIM - 2)], np.float32))

    assert [tag.word for tag in tags] == ["dog", "beagle"]


def test_confidence_of_a_word_does_not_depend_on_the_vocabulary(model: clip.ClipModel) -> None:
    photos = unit(5, 0, dim=model.dim)
    more = Vocabulary("more", (*DOGS.keywords, Keyword("lamp"), Keyword("glacier")))
    found = [
        scoring.build_scorer(model, words, PROMPTS, settings=ScoringSettings(), cache_dir=None)
        for words in (DOGS, more)
    ]
    confidences = [
        {(photo, tag.word): tag.confidence for photo, tags in enumerate(each) for tag in tags}
        for each in (scorer.score(photos) for scorer in found)
    ]

    shared = confidences[0].keys() & confidences[1].keys()
    assert shared
    for key in shared:
        assert confidences[0][key] == pytest.approx(confidences[1][key], rel=1e-4)


@pytest.mark.parametrize("preset", scoring.PRESETS)
def test_scores_of_a_real_model_are_in_range(
    model: clip.ClipModel, tmp_path: Path, preset: str
) -> None:
    scorer = scoring.build_scorer(
        model, DOGS, PROMPTS, settings=ScoringSettings(preset, top_k=3), cache_dir=tmp_path
    )
    found = scorer.score(model.encode_images(np.zeros((2, 32, 32, 3), np.uint8)))

    assert [1 <= len(tags) <= 3 for tags in found] == [True, True]
    for tag in sum(found, ()):
        assert 0 <= tag.score <= 1
        assert -1.001 <= tag.similarity <= 1.001
        assert 0 <= tag.confidence <= 1


def test_vocabulary_smaller_than_top_k_gives_what_there_is(model: clip.ClipModel) -> None:
    pair = Vocabulary("pair", DOGS.keywords[:2])
    scorer = scoring.build_scorer(
        model, pair, PROMPTS, settings=ScoringSettings("paper"), cache_dir=None
    )
    (tags,) = scorer.score(unit(1, 0, dim=model.dim))

    assert len(tags) == 2
    assert sum(tag.score for tag in tags) == pytest.approx(1.0)


def test_no_photos_have_no_keywords() -> None:
    assert make_scorer(unit(9, 1), "default").score(np.zeros((0, DIM), np.float32)) == []


def test_digest_tells_what_changes_the_scores(model: clip.ClipModel) -> None:
    def digest(preset: str, top_k: int) -> str:
        chosen = ScoringSettings(preset, top_k)
        return scoring.build_scorer(model, DOGS, PROMPTS, settings=chosen, cache_dir=None).digest

    assert digest("paper", 10) == digest("paper", 10)
    assert len({digest("paper", 10), digest("paper", 9), digest("default", 10)}) == 3


def test_model_with_a_calibration_is_ranked_by_its_confidence(tmp_path: Path) -> None:
    folder = models.make_tiny_model(tmp_path / "model", causal=False)
    calibration = {"slope": 1.0, "intercept": 0.0, "words": {"Boat": [1.0, 1e6]}}
    (folder / "calibration.json").write_text(json.dumps(calibration))
    model = clip.load(str(folder))
    scorer = scoring.build_scorer(model, DOGS, PROMPTS, settings=ScoringSettings(), cache_dir=None)

    (tags,) = scorer.score(unit(1, 0, dim=model.dim))

    assert tags[0].word == "boat"
    assert tags[0].confidence == pytest.approx(1.0)
    logit = model.logit_scale * tags[1].similarity + (model.logit_bias or 0)
    assert tags[1].confidence == pytest.approx(1 / (1 + np.exp(-logit)), rel=1e-4)


def test_calibration_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    folder = models.make_tiny_model(tmp_path / "model")
    (folder / "calibration.json").write_text('{"slope": "steep"}')
    with pytest.raises(ModelError, match="is not a calibration"):
        scoring.build_scorer(
            clip.load(str(folder)), DOGS, PROMPTS, settings=ScoringSettings(), cache_dir=None
        )


def test_calibration_of_a_word_is_found_in_any_spelling() -> None:
    calibration = Calibration(1.0, 0.0, {"palm tree": (2.0, 3.0)}, "")
    slopes, intercepts = calibration.terms(["Palm  Tree", "dog"])

    assert slopes.tolist() == [2.0, 1.0]
    assert intercepts.tolist() == [3.0, 0.0]


@pytest.mark.parametrize(
    ("preset", "top_k", "message"),
    [("best", 10, "there are default, paper"), ("paper", 0, "from 1 to 1000")],
)
def test_settings_that_cannot_be_are_refused(preset: str, top_k: int, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        ScoringSettings(preset, top_k)


def test_prior_follows_how_common_a_word_is_and_has_bounds() -> None:
    words = ("dog", "beagle", "xqzzyv", "the", "dog house")
    dog, beagle, name, the, phrase = prior.build(Vocabulary("v", tuple(map(Keyword, words))))

    assert the == prior.WEIGHT * prior.ZIPF_RANGE[1]
    assert the > dog > beagle > name == prior.WEIGHT * prior.ZIPF_RANGE[0]
    assert phrase < dog - prior.WEIGHT * 0.9


def test_function_words_of_the_papers_vocabulary_are_not_raised() -> None:
    found = prior.build(Vocabulary("english-50k", (Keyword("the"), Keyword("dogs"))))

    assert found.tolist() == [prior.WEIGHT * prior.ZIPF_RANGE[0], pytest.approx(4.9, abs=0.5)]


def test_prior_knows_other_languages_and_is_flat_where_it_does_not() -> None:
    assert english.zipf("собака", "ru") > english.zipf("такса", "ru") > 0
    assert english.zipf("a", "xx") == english.zipf("b", "xx") == 0


def test_aliases_of_a_keyword_are_not_scored() -> None:
    vocabulary = Vocabulary("v", (Keyword("dog", aliases=(Alias("dogs"),)), Keyword("cat")))

    assert vocabulary.words == ["dog", "cat"]
