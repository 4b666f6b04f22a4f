"""The training of the starter model, end to end on a few generated photos."""

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from tests.support.models import make_tiny_model
from worker.models import clip
from worker.scoring import calibration, word_vectors
from worker.starter import (
    commands,
    crops,
    folder,
    index,
    metrics,
    plurals,
    run,
    schedule,
    student,
    targets,
    teacher,
    train,
    vectors,
)
from worker.vocabulary import file, prompts
from worker.vocabulary.keywords import Keyword

COLOURS = {"sky": (90, 160, 250), "grass": (40, 160, 40), "rose": (220, 20, 60)}
N_PHOTOS = 63


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    noise = np.random.default_rng(0)
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "labels", "source"])
        for number in range(N_PHOTOS):
            label, colour = list(COLOURS.items())[number % len(COLOURS)]
            pixels = np.clip(noise.normal(colour, 25, (48, 64, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
            rows.writerow([f"{number}.png", f"{label}; nature", "generated"])
    return folder


@pytest.fixture(scope="module")
def taught(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data with a teacher beside it, who says chance things of every photo."""
    folder = tmp_path_factory.mktemp("taught")
    for path in data.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "teacher").mkdir()
    chance = np.random.default_rng(0)
    boxes = np.tile(np.float32([0, 0, 1, 1]), (N_PHOTOS, 4, 1))
    boxes[:, 1] = [0, 0, 0.5, 0.5]
    np.savez(
        folder / "teacher" / "imagenet_top20.npz",
        classes=chance.integers(0, 1000, (N_PHOTOS, 4, 20)),
        logits=chance.normal(5, 1, (N_PHOTOS, 4, 20)).astype(np.float16),
        logsumexp=np.full((N_PHOTOS, 4), 9.0, np.float32),
        boxes=boxes,
    )
    np.savez(
        folder / "teacher" / "features_center.npz",
        features=chance.integers(-99, 99, (N_PHOTOS, 16)).astype(np.int8),
        scale=np.float32(0.1),
    )
    np.savez(
        folder / "teacher" / "imagenet_to_concept.npz",
        imagenet_class=np.array([1, 2]),
        concept=np.array([0, 1]),
        weight=np.float32([1, 1]),
    )
    return folder


def make_plan(data: Path, out: Path, *, epochs: float = 1.0, processes: int = 1) -> run.Plan:
    budget = train.Budget(epochs=epochs)
    work = out.with_name("work")
    return run.Plan(data, out, work, budget, processes=processes, text_steps=1)


def read_step(work: Path) -> int:
    step, _, _ = torch.load(work / train.CHECKPOINT, weights_only=True)["clock"]
    return int(step)


def test_index_becomes_a_folder_that_loads_and_knows_its_words(data: Path, tmp_path: Path) -> None:
    run.make_starter(make_plan(data, tmp_path / "out"))

    model = clip.load(f"local-dir:{tmp_path / 'out'}", device="cpu", precision="float32")
    known, _ = file.read(tmp_path / "out" / "all-concepts.txt")
    fitted = calibration.find(tmp_path / "out")
    assert model.preprocess.size == make_plan(data, tmp_path).schedule.last_size
    assert sorted(known.words) == ["grass", "nature", "rose", "sky"]
    assert fitted is not None
    assert set(fitted.by_word) == set(known.words)


def test_stopped_training_goes_on_from_its_checkpoint(data: Path, tmp_path: Path) -> None:
    plan = make_plan(data, tmp_path / "out")
    run.make_starter(plan)
    first = read_step(plan.work)

    run.make_starter(make_plan(data, tmp_path / "out", epochs=4.0))

    assert first > 0
    assert read_step(plan.work) > first


def test_training_goes_on_from_a_finished_folder(data: Path, tmp_path: Path) -> None:
    first = make_plan(data, tmp_path / "first" / "out")
    run.make_starter(first)
    second = make_plan(data, tmp_path / "second" / "out")

    one_step = train.Budget(epochs=1e-9)  # the learning rate is still next to nothing
    run.make_starter(dataclasses.replace(second, start=first.out, seed=1, budget=one_step))

    model = clip.load(f"local-dir:{second.out}", device="cpu", precision="float32")
    assert model.preprocess.size == schedule.CONTINUED.last_size
    before, after = (
        safetensors.torch.load_file(plan.out / folder.WEIGHTS)["visual.trunk.conv_stem.weight"]
        for plan in (first, second)
    )
    torch.testing.assert_close(after, before, atol=1e-3, rtol=0)


def test_a_finished_folder_is_read_as_it_was_written(data: Path, tmp_path: Path) -> None:
    plan = make_plan(data, tmp_path / "out")
    run.make_starter(plan)
    words = index.read_index(data).concepts
    learner = student.Student(plan.tower, torch.randn(len(words), vectors.DIM)).eval()

    folder.read_image_tower(plan.out, learner, words)

    size = plan.schedule.last_size
    pixels = torch.rand(2, 3, size, size)
    model = clip.load(f"local-dir:{plan.out}", device="cpu", precision="float32")
    seen = model.encode_images((pixels * 255).byte().permute(0, 2, 3, 1).numpy())
    said = word_vectors.encode_keywords(
        model, [Keyword(word) for word in words], prompts.default_for(plan.out), cache_dir=None
    )
    expected = seen @ said.T * model.logit_scale + (model.logit_bias or 0.0)
    with torch.no_grad():
        logits = learner((pixels * 255).byte() / 255).concepts.numpy()
    np.testing.assert_allclose(logits, expected, atol=0.01)


def test_a_folder_of_another_kind_is_refused(data: Path, tmp_path: Path) -> None:
    learner = student.Student(run.TOWER, torch.randn(2, vectors.DIM))
    tiny = make_tiny_model(tmp_path / "tiny")

    with pytest.raises(ValueError, match="was not made by this training"):
        folder.read_image_tower(tiny, learner, ["sky", "rose"])


def test_data_that_are_not_there_are_told_in_a_line(tmp_path: Path) -> None:
    arguments = ["--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]

    with pytest.raises(SystemExit, match=r"^worker\.starter: .*nowhere/index\.csv"):
        commands.main(arguments)


def test_same_seed_gives_the_same_weights(data: Path, tmp_path: Path) -> None:
    digests = []
    for name in ("a", "b"):
        plan = make_plan(data, tmp_path / name / "out")
        run.make_starter(plan)
        digests.append(clip.load(f"local-dir:{plan.out}", precision="float32").digest)

    assert digests[0] == digests[1]


def test_two_processes_take_the_same_steps_on_photos_of_their_own(
    taught: Path, tmp_path: Path
) -> None:
    plan = make_plan(taught, tmp_path / "out", processes=2)

    run.make_starter(plan)

    _, seen, _ = torch.load(plan.work / train.CHECKPOINT, weights_only=True)["clock"]
    assert seen == read_step(plan.work) * 2 * train.BATCH


def test_evaluation_prints_figures_beside_baselines(
    taught: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run.make_starter(make_plan(taught, tmp_path / "out"))
    capsys.readouterr()

    arguments = ["evaluate", "--data", str(taught), "--model", str(tmp_path / "out"), "--json"]
    commands.main(arguments)

    report = json.loads(capsys.readouterr().out)
    assert report["ranking"]["all"]["photos"] == 7
    assert set(report["baselines"]) == {"frequency", "cosine", "teacher"}
    assert set(report["offered"]["all"]) >= {"precision", "coverage", "ece"}


def test_no_photo_of_the_dev_split_is_learnt_from(taught: Path, tmp_path: Path) -> None:
    read = index.read_index(taught)
    spoken = teacher.read_teacher(taught, len(read.concepts))
    unseen = np.concatenate([read.get_rows("dev"), read.get_rows("holdout")])

    wanted = targets.get_targets(read, spoken, tmp_path)

    assert len(unseen) > 0
    assert not wanted[torch.from_numpy(unseen)].any()
    assert not targets.get_draw_weights(read)[torch.from_numpy(unseen)].any()


def test_crop_takes_the_classes_of_the_view_that_overlaps_it(taught: Path) -> None:
    read = index.read_index(taught)
    spoken = teacher.read_teacher(taught, len(read.concepts))
    assert spoken is not None
    rows = torch.tensor([0])

    shares = crops.get_class_targets(spoken, rows, torch.tensor([[0.0, 0.0, 0.5, 0.5]]))

    best = int(shares.argmax())
    assert best == int(spoken.classes[0, 1, spoken.probabilities[0, 1].argmax()])


def test_ranking_figures_are_those_of_a_worked_example() -> None:
    scores = np.float32([[3, 2, 1, 0, -1, -2], [0, 5, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]])
    labels = np.float32([[1, 0, 0, 0, 0, 1], [0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]])

    figures = metrics.get_ranking_figures(scores, labels)

    assert figures["photos"] == 2
    assert figures["r_at_5"] == pytest.approx(0.75)
    assert figures["p_at_5"] == pytest.approx(0.2)
    assert figures["first_right"] == 1.0


def test_perfect_confidence_has_no_calibration_error() -> None:
    labels = np.float32([[1, 0], [0, 1]])

    figures = metrics.get_confidence_figures(labels, labels)

    assert figures["precision"] == 1.0
    assert figures["ece"] == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("word", "plural"),
    [
        ("dog", "dogs"),
        ("woman", "women"),
        ("butterfly", "butterflies"),
        ("beach", "beaches"),
        ("golf ball", "golf balls"),
        ("shorts", None),
        ("running", None),
        ("broccoli", None),
    ],
)
def test_plurals_are_those_that_people_use(word: str, plural: str | None) -> None:
    assert plurals.get_plural(word) == plural
