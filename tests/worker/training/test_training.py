"""The training of the starter model, end to end on a few generated photos."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from worker.errors import TrainingError
from worker.models import backbone, clip
from worker.scoring import calibration, word_vectors
from worker.training import (
    cli,
    confidence,
    data,
    features,
    figures,
    head,
    report,
    run,
    taxonomy,
    text_tower,
    train,
)
from worker.vocabulary import file as vocabulary_file
from worker.vocabulary import prompts
from worker.vocabulary.keywords import Keyword

COLOURS = {"sky": (90, 160, 250), "grass": (40, 160, 40), "rose": (220, 20, 60)}
N_PHOTOS = 63


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    noise = np.random.default_rng(0)
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "labels", "source", "captions"])
        for number in range(N_PHOTOS):
            label, colour = list(COLOURS.items())[number % len(COLOURS)]
            pixels = np.clip(noise.normal(colour, 25, (48, 64, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
            caption = f"a {label} of one colour | nothing but {label}"
            rows.writerow([f"{number}.png", f"{label}; nature", "generated", caption])
    return folder


def make_plan(photos: Path, out: Path) -> run.Plan:
    """Plan a training as short as can be; the features are shared by all tests of the module."""
    work = photos.with_name(f"{photos.name}.work")
    return run.Plan(photos, out, work, epochs=1, text_steps=2, polish_steps=2, processes=1)


@pytest.fixture(scope="module")
def trained(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "out"
    run.make_starter(make_plan(photos, out))
    return out


def make_material(index: data.Index) -> tuple[train.Material, train.Classifier]:
    """Return material with chance features, and a classifier of chance."""
    chance = np.random.default_rng(0)
    whole = chance.random((len(index.photos), 16)).astype(np.float16)
    weight = torch.from_numpy(chance.normal(size=(1000, 16)).astype(np.float32))
    return train.gather(index, whole, whole), train.Classifier(weight, torch.zeros(1000))


def test_index_becomes_a_folder_that_loads_and_knows_its_words(trained: Path) -> None:
    model = clip.load(f"local-dir:{trained}", device="cpu", precision="float32")
    known, _ = vocabulary_file.read(trained / "all-concepts.txt")
    fitted = calibration.find(trained)

    assert model.preprocess.size == features.SEEN_SIZE
    assert model.preprocess.resize_mode == "squash"
    assert {"grass", "nature", "rose", "sky", "tench"} <= set(known.words)
    assert fitted is not None
    assert {word.lower() for word in known.words} <= set(fitted.by_word)


def test_a_finished_folder_is_a_few_megabytes(trained: Path) -> None:
    """The backbone stays in its package, and tokens that no text uses are left out."""
    assert sum(path.stat().st_size for path in trained.iterdir()) < 20_000_000


@pytest.mark.thorough
def test_same_seed_gives_the_same_weights(photos: Path, trained: Path, tmp_path: Path) -> None:
    run.make_starter(make_plan(photos, tmp_path / "again"))

    first, again = (
        clip.load(f"local-dir:{folder}", precision="float32").digest
        for folder in (trained, tmp_path / "again")
    )
    assert first == again


def test_features_are_computed_once(photos: Path, trained: Path, tmp_path: Path) -> None:
    plan = make_plan(photos, trained)
    index = data.read_index(photos)
    before = {path: path.stat().st_mtime_ns for path in plan.work.iterdir()}

    found = features.compute(index, "whole", plan.work, n_processes=1)

    assert found.shape == (N_PHOTOS, backbone.N_FEATURES)
    assert {path: path.stat().st_mtime_ns for path in plan.work.iterdir()} == before


def test_a_head_is_read_back_as_it_was_trained(tmp_path: Path) -> None:
    torch.manual_seed(0)
    seen = torch.rand(8, 16)
    trained = head.Head(
        seen, torch.randn(1000, 16), torch.eye(1000)[:, :20], torch.full((20,), 0.1)
    )
    names = trained.eval().export()

    with torch.no_grad():
        hidden = torch.nn.functional.gelu(
            seen @ names["visual.head.mlp.fc1.weight"].T + names["visual.head.mlp.fc1.bias"]
        )
        written = hidden @ names["visual.head.mlp.fc2.weight"].T
        written = torch.nn.functional.normalize(written + names["visual.head.mlp.fc2.bias"])
        torch.testing.assert_close(written, trained.embed(seen), atol=1e-4, rtol=0)


@pytest.mark.thorough
def test_evaluation_prints_figures_and_lists_what_no_label_confirms(
    photos: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "unconfirmed.csv"
    arguments = ["evaluate", "--data", str(photos), "--model", str(trained), "--json"]

    cli.main([*arguments, "--unconfirmed", str(target)])

    figures_of = json.loads(capsys.readouterr().out)
    assert figures_of["ranking"]["all"]["photos"] == 7
    assert set(figures_of["offered"]["all"]) >= {"precision", "coverage", "ece"}
    assert figures_of["retrieval"]["texts"] == 14
    assert figures_of["retrieval"]["photos"] == 7
    with target.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        listed = list(reader)
    assert set(reader.fieldnames or ()) >= {"path", "labels", "unconfirmed"}
    assert all(row["unconfirmed"] or row["first_right"] == "no" for row in listed)


def test_sure_keywords_that_no_label_confirms_are_listed_for_a_person() -> None:
    photos = tuple(
        data.LabelledPhoto(Path(f"{n}.png"), "s", "dev", labels)
        for n, labels in enumerate([("dog",), ("dog",), ()])
    )
    index = data.Index(photos, ("dog", "grass", "ball"), {}, ())
    sureness = np.float32([[3, 2, 4], [3, -2, -1], [3, 3, 3]])
    rows, unused = np.arange(3), np.zeros((3, 1), np.float32)
    # the ball is known, but not offered
    tried = report.Tried(None, index, rows, unused, sureness, np.array([0, 1]))  # type: ignore[arg-type]

    (found,) = report.find_unconfirmed(tried)

    assert found == report.Unconfirmed(photos[0], ("grass",), first_right=False, n_sure=2)


def test_data_that_are_not_there_are_told_in_a_line(tmp_path: Path) -> None:
    arguments = ["--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]

    with pytest.raises(SystemExit, match=r"^worker\.training: .*nowhere: no training data"):
        cli.main(arguments)


def test_an_unknown_kind_of_coverage_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text("path,labels\na.png,sky\n")
    (tmp_path / "coverage.csv").write_text("source,kind,exhaustive_concepts\nphotos,most,\n")

    with pytest.raises(TrainingError, match="unknown kind most"):
        data.read_index(tmp_path)


def test_absence_counts_only_where_a_source_labels_such_things(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text(
        "path,labels,source,split\na.png,dog;chair,boxes,train\nb.png,tench,tags,train\n"
    )
    (tmp_path / "coverage.csv").write_text(
        "source,kind,exhaustive_concepts\nboxes,exhaustive,dog;chair\ntags,partial,chair\n"
    )
    index = data.read_index(tmp_path)
    column = {word: number for number, word in enumerate(index.concepts)}

    weights, source = index.get_absence_weights()

    boxes, tags = weights[source[0]], weights[source[1]]
    assert boxes[column["chair"]] == tags[column["chair"]] == 1.0
    assert tags[column["dog"]] == pytest.approx(data.ABSENCE["partial"])
    assert index.are_complete().tolist() == [True, False]


def test_photos_of_dev_and_holdout_are_not_learnt_from(photos: Path) -> None:
    index = data.read_index(photos)
    material, _ = make_material(index)
    unseen = len(index.get_rows("dev")) + len(index.get_rows("holdout"))

    assert unseen > len(index.get_rows("holdout")) > 0
    assert len(material.whole) == len(material.labels) == N_PHOTOS - unseen


def test_every_class_has_a_concept_and_a_readable_name(photos: Path) -> None:
    index = data.read_index(photos)

    assert index.get_class_map().sum(1).min() >= 1
    assert "ear" not in index.concepts
    assert {"corn", "swimsuit", "rooster"} <= set(index.concepts)
    assert len({word.lower() for word in index.concepts}) == len(index.concepts)


def test_a_head_learns_labels_and_keeps_the_classes(photos: Path) -> None:
    index = data.read_index(photos)
    material, classifier = make_material(index)
    column = {word: number for number, word in enumerate(index.concepts)}
    red = material.labels[:, column["rose"]]
    material.whole[:, 0] = material.varied[:, 0] = 4 * red

    taught = train.train(material, classifier, epochs=30, seed=0)

    with torch.no_grad():
        logits = taught(material.whole)[:, column["rose"]]
    assert logits[red > 0].min() > logits[red == 0].max()
    started = head.Head(
        material.whole, classifier.weight, material.class_map, material.labels.mean(0)
    )
    torch.testing.assert_close(
        taught.first.weight[: taught.n_class_units], started.first.weight[: taught.n_class_units]
    )


def test_broader_words_are_kinds_that_hold_all_classes_of_a_word() -> None:
    concepts = ("animal", "dog", "beagle", "boxer", "coffee", "mug")
    meanings = ((0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (0, 2), (1, 3), (3, 4), (4, 4), (3, 5))
    index = data.Index((), concepts, {}, meanings)

    broader = taxonomy.get_broader(index)

    assert broader["beagle"] == ("dog", "animal")
    assert broader["dog"] == ("animal",)
    assert "mug" not in broader


def test_confidence_is_fitted_to_how_often_a_word_is_right() -> None:
    chance = np.random.default_rng(0)
    logits = chance.normal(0, 2, (4000, 2)).astype(np.float32)
    true = 1 / (1 + np.exp(-(0.5 * logits - 1)))
    labels = (chance.random(true.shape) < true).astype(np.float32)

    fitted = confidence.fit(logits, labels)

    np.testing.assert_allclose(fitted.get_confidence(logits), true, atol=0.04)


def test_calibration_takes_in_the_bias_of_each_concept() -> None:
    fitted = confidence.Calibration(np.float32([2, 2]), np.float32([0.5, 0]))
    bias, logits = np.float32([-3, 1]), np.float32([[1, 2]])

    np.testing.assert_allclose(
        fitted.with_bias(bias).get_confidence(logits), fitted.get_confidence(logits + bias)
    )


def test_a_word_that_is_mostly_wrong_is_not_offered() -> None:
    sure = np.full((40, 3), 0.9, np.float32)
    labels = np.zeros((40, 3), np.float32)
    labels[:, 1] = labels[:, 2] = 1.0
    n_labelled = np.float32([50, 50, 0])

    offered = confidence.choose_offered(sure, labels, n_labelled, np.array([False, False, False]))

    assert offered.tolist() == [False, True, False]


def test_text_tower_writes_its_words_and_keeps_the_rest_of_the_tokens_zero(trained: Path) -> None:
    model = clip.load(f"local-dir:{trained}", device="cpu", precision="float32")
    table = model._module.text.token_embedding.weight
    used = text_tower.get_tokenizer()(["a photo of grass"]).flatten().unique()

    words = [Keyword("grass"), Keyword("sky")]
    vectors = word_vectors.encode_keywords(
        model, words, prompts.default_for(trained), cache_dir=None
    )

    assert vectors.shape == (2, head.DIM)
    assert table[used[used != 0]].abs().sum(1).min() > 0
    assert (table.abs().sum(1) == 0).sum() > 40_000


def test_ranking_figures_are_those_of_a_worked_example() -> None:
    scores = np.float32([[3, 2, 1, 0, -1, -2], [0, 5, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]])
    labels = np.float32([[1, 0, 0, 0, 0, 1], [0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]])

    found = figures.get_ranking_figures(scores, labels)

    assert found["photos"] == 2
    assert found["r_at_5"] == pytest.approx(0.75)
    assert found["p_at_5"] == pytest.approx(0.2)
    assert found["first_right"] == 1.0


def test_retrieval_figures_are_those_of_a_worked_example() -> None:
    photos = np.eye(3, dtype=np.float32)
    texts = np.float32([[1, 0, 0], [0.9, 0.1, 0], [0, 0.2, 0.8]])

    found = figures.get_retrieval_figures(texts, photos, np.array([0, 1, 2]))

    assert found["r_at_1"] == pytest.approx(2 / 3)
    assert found["r_at_5"] == 1.0


def test_perfect_confidence_has_no_calibration_error() -> None:
    labels = np.float32([[1, 0], [0, 1]])

    found = figures.get_confidence_figures(labels, labels)

    assert found["precision"] == 1.0
    assert found["ece"] == pytest.approx(0.0)
