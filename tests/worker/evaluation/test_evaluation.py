"""Evaluation: figures worked out by hand, words compared after aliases and lemmas, bad input."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from catalog.errors import OutputError
from tests.support import models
from tests.support.photos import lossless_webp, save
from worker import settings
from worker.cli import evaluate as command
from worker.errors import EvaluationError, VocabularyError
from worker.evaluation import contest, labels, quality
from worker.evaluation.quality import Matcher
from worker.images import Preprocess
from worker.vocabulary import file
from worker.vocabulary.keywords import Vocabulary

WORDS = file.parse(
    "dog | doggy | @ru собака < animal\nbeagle < dog < animal\ncat < animal\nbeach\nsea\nmouse",
    name="test",
    source="test",
)[0]


def measure(keywords: list[str], given: list[str], words: Vocabulary = WORDS) -> quality.Quality:
    return quality.evaluate([keywords], [given], Matcher(words))


def test_figures_are_those_of_the_textbook() -> None:
    found = measure(["dog", "cat", "sea"], ["dog", "sea"])

    assert found.precision == {1: 1.0, 5: 2 / 5, 10: 2 / 10}
    assert found.recall == {1: 0.5, 5: 1.0, 10: 1.0}
    assert found.mean_average_precision == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert found.coverage == 1.0


def test_means_are_over_photos() -> None:
    found = quality.evaluate([["dog"], ["cat"]], [["dog"], ["sea"]], Matcher(WORDS))

    assert (found.photos, found.precision[1], found.mean_average_precision) == (2, 0.5, 0.5)


@pytest.mark.parametrize("label", ["dog", "Dogs", "doggy", "собака", "DOG"])
def test_words_are_compared_by_alias_case_and_dictionary_form(label: str) -> None:
    assert measure(["dog"], [label]).precision[1] == 1.0


def test_irregular_plural_is_its_word() -> None:
    assert measure(["mouse"], ["mice"]).precision[1] == 1.0


def test_narrower_keyword_counts_as_the_broader_label() -> None:
    assert measure(["beagle"], ["dog"]).recall[1] == 1.0
    assert measure(["dog"], ["beagle"]).recall[1] == 0.0


def test_two_keywords_of_one_label_find_it_once() -> None:
    found = measure(["beagle", "dog"], ["dog", "sea"])

    assert found.recall[5] == 0.5
    assert found.mean_average_precision == 0.5


def test_label_without_a_word_lowers_coverage_and_recall() -> None:
    found = measure(["dog"], ["dog", "giraffe"])

    assert (found.coverage, found.recall[10]) == (0.5, 0.5)


def test_labels_are_read_with_either_separator_and_rows_of_a_photo_are_joined(
    tmp_path: Path,
) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(
        "Path,Keywords,other\na.jpg,dog|sea,1\nb.jpg, cat ; dog ,2\na.jpg,sand,\nc.jpg,,\n"
    )

    assert labels.read(file) == [
        labels.LabelledPhoto(tmp_path / "a.jpg", ("dog", "sea", "sand")),
        labels.LabelledPhoto(tmp_path / "b.jpg", ("cat", "dog")),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has the columns none and no 'photo'"),
        (b"photo,words\n", "has no photo with words"),
        (b"photo,colour\na.jpg,red\n", "has the columns photo, colour and no 'words'"),
        (b"photo,words\n\xff\xfe,dog\n", "is not UTF-8"),
        (b"photo,words\na.jpg," + "собака".encode("cp1251"), "is not UTF-8"),
        (b'photo,words\n"a.jpg,dog\n', "is not a CSV"),
        (b"photo,words\na.jpg,dog|" + b"x" * 3000, "a.jpg has a word of 3000 characters"),
    ],
)
def test_labels_that_make_no_sense_are_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    file = tmp_path / "labels.csv"
    file.write_bytes(content)
    with pytest.raises(EvaluationError, match=message):
        labels.read(file)


def test_missing_labels_are_said(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="cannot be read"):
        labels.read(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.ones((3, 4), np.float32), "has 3 rows for 2 labelled photos"),
        (np.ones(4, np.float32), "not a table of vectors"),
        (np.ones((2, 4), np.int64), "not a table of vectors"),
        (np.full((2, 4), np.nan, np.float16), "zero or not numbers"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(
    tmp_path: Path, vectors: np.ndarray, message: str
) -> None:
    np.save(tmp_path / "v.npy", vectors)
    with pytest.raises(EvaluationError, match=message), np.errstate(invalid="ignore"):
        contest.read_vectors(tmp_path / "v.npy", 2)


def test_file_that_is_no_vectors_is_refused(tmp_path: Path) -> None:
    (tmp_path / "v.npy").write_text("nothing")
    with pytest.raises(EvaluationError, match=r"not an \.npy file of vectors; write it with"):
        contest.read_vectors(tmp_path / "v.npy", 2)
    with pytest.raises(EvaluationError, match="No such file or directory"):
        contest.read_vectors(tmp_path / "none.npy", 2)


@pytest.fixture
def labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model, a vocabulary, two photos and their labels."""
    monkeypatch.setenv("KADR_CACHE_DIR", str(tmp_path / "cache"))
    models.make_tiny_model(tmp_path / "model")
    (tmp_path / "mine.txt").write_text("dog\ncat\nsea\n")
    for name, colour in (("a.jpg", "red"), ("b.jpg", "blue")):
        Image.new("RGB", (64, 48), colour).save(tmp_path / name)
    (tmp_path / "labels.csv").write_text("photo,words\na.jpg,dog\nb.jpg,sea\nmissing.jpg,cat\n")
    return tmp_path


def run(folder: Path, *arguments: str) -> str:

    named = ["--model", str(folder / "model"), "--vocabulary", str(folder / "mine.txt")]
    result = CliRunner().invoke(command.app, [str(folder / "labels.csv"), *named, *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_command_measures_presets_side_by_side_and_leaves_unreadable_photos_out(
    labelled: Path,
) -> None:
    found = json.loads(run(labelled, "--json"))

    assert [each["preset"] for each in found] == ["default", "paper", "classes"]
    for each in found[:2]:
        assert each["photos"] == 2
        assert each["coverage"] == 1.0
        assert each["recall"]["10"] == 1.0
    assert found[2]["model"] == "efficientnet-lite2"
    assert found[2]["photos"] == 2
    plot = labelled / "plot.html"
    assert "mAP" in run(labelled, "--plot", str(plot))
    assert plot.read_text().count('class="track"') == 3 * 8


def test_vocabulary_that_cannot_be_used_is_told_before_photos_are_encoded(tmp_path: Path) -> None:
    said: list[str] = []
    wanted = contest.contenders(["no model is asked for"], ["none.txt"], ["default"])
    with pytest.raises(VocabularyError, match=r"none\.txt: no such vocabulary"):
        list(contest.assess([], wanted, settings.load(), say=said.append))

    assert said == []


def test_a_photo_that_would_fill_the_memory_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KADR_DECODE_MEMORY", str(256 * 1024 * 1024))
    (tmp_path / "huge.webp").write_bytes(lossless_webp(16383, 12000))
    save(tmp_path / "a.jpg")
    labelled = [labels.LabelledPhoto(tmp_path / name, ()) for name in ("huge.webp", "a.jpg")]
    square = Preprocess(32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    said: list[str] = []

    photos, pixels = contest._decoded(labelled, square, settings.load(), said.append)

    assert (photos, pixels.shape) == (labelled[1:], (1, 32, 32, 3))
    assert "raise KADR_DECODE_MEMORY to include it" in said[0]


@pytest.mark.thorough
def test_plot_that_cannot_be_written_loses_no_figures(labelled: Path) -> None:

    named = ["--model", str(labelled / "model"), "--vocabulary", str(labelled / "mine.txt")]
    named += ["--plot", str(labelled / "none" / "plot.html")]
    result = CliRunner().invoke(command.app, [str(labelled / "labels.csv"), *named])

    assert isinstance(result.exception, OutputError)
    assert "mAP" in result.stdout


def test_command_takes_vectors_instead_of_photos(labelled: Path) -> None:
    (labelled / "labels.csv").write_text("photo,words\nx,dog\ny,sea\n")
    np.save(labelled / "v.npy", np.eye(2, models.DIM, dtype=np.float16))
    found = json.loads(run(labelled, "--json", "--vectors", str(labelled / "v.npy")))

    assert found[0]["photos"] == 2


def test_vectors_of_another_model_are_refused(labelled: Path) -> None:
    (labelled / "labels.csv").write_text("photo,words\nx,dog\n")
    np.save(labelled / "v.npy", np.ones((1, 7), np.float32))
    with pytest.raises(AssertionError):
        run(labelled, "--vectors", str(labelled / "v.npy"))
