"""Models: names, files, safety, and vectors that do not depend on how they were computed."""

import json
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import load_file

from tests.support import models
from worker import digests
from worker.errors import ModelError
from worker.models import clip, device, files, hub, names, text_tower
from worker.models.names import ModelName

TEXTS = ["dog", "a photo of a dog", "a photo of a very long dog that runs over the beach", ""]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.make_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def model(folder: Path) -> clip.ClipModel:
    return clip.load(str(folder), precision="float32")


def noise(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)


def test_paper_models_have_their_trained_activation() -> None:
    for name in names.PAPER_MODELS:
        found = clip.resolve(name)
        assert str(found) == f"{name.replace('/', '-')}-quickgelu/openai"
        assert open_clip.get_model_config(found.source)["quick_gelu"]


@pytest.mark.parametrize("spec", ["ViT-B-32/openai", "ViT-B-32:openai", "vit-b/32", "ViT-B/32"])
def test_openai_weights_are_found_under_every_name(spec: str) -> None:
    assert str(clip.resolve(spec)) == "ViT-B-32-quickgelu/openai"


def test_weights_of_plain_gelu_keep_it() -> None:
    assert str(clip.resolve("ViT-B-32/laion2b_s34b_b79k")) == "ViT-B-32/laion2b_s34b_b79k"


def test_bare_architecture_gets_its_best_weights() -> None:
    assert names.resolve("ViT-B-16", {"ViT-B-16": ["openai", "dfn2b"]}).tag == "dfn2b"


def test_unknown_model_gives_the_nearest_names() -> None:
    with pytest.raises(ModelError, match=r"ViT-B-23: no such model or folder; did you mean ViT-B"):
        clip.resolve("ViT-B-23")


def test_unknown_weights_give_those_there_are() -> None:
    with pytest.raises(ModelError, match="has no weights 'opanai'; it has openai"):
        clip.resolve("RN50/opanai")


def test_hub_name_without_organisation_is_refused() -> None:
    with pytest.raises(ModelError, match="hf-hub:ORGANISATION/NAME"):
        clip.resolve("hf-hub:model")


def test_missing_folder_is_said() -> None:
    with pytest.raises(ModelError, match="no such folder; give one that holds open_clip_config"):
        clip.resolve("local-dir:/nowhere/at/all")


def test_folder_is_named_by_its_path(folder: Path, model: clip.ClipModel) -> None:
    assert clip.resolve(f"local-dir:{folder}") == ModelName("folder", str(folder))
    assert model.name == f"local-dir:{folder}"
    assert model.folder == folder


def test_missing_weights_say_what_was_tried_and_where_to_put_a_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KADR_OFFLINE", "1")
    with pytest.raises(ModelError) as error:
        clip.load("RN50x64")

    for part in ("cannot be downloaded from", "--model local-dir:PATH", "--model starter"):
        assert part in str(error.value)


def test_availability_is_told_without_loading(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KADR_OFFLINE", "1")

    assert clip.is_available(str(folder))
    assert not clip.is_available("RN50x64")
    assert not hub.is_reachable("any/model")


def test_pickled_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "pickled"
    copy.mkdir()
    (copy / "open_clip_config.json").write_bytes((folder / "open_clip_config.json").read_bytes())
    torch.save({}, copy / "open_clip_pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pickled \.bin and \.pt weights can run code"):
        clip.load(str(copy))


def test_folder_without_configuration_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"it has no open_clip_config\.json"):
        clip.load(str(tmp_path))


def test_damaged_weights_are_an_error_of_one_sentence(tmp_path: Path) -> None:
    folder = models.make_tiny_model(tmp_path / "model")
    (folder / "open_clip_model.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="cannot be loaded"):
        clip.load(str(folder))


def test_a_model_that_asks_to_run_code_of_its_own_is_refused(tmp_path: Path) -> None:
    text = {"hf_tokenizer_name": "a/b", "tokenizer_kwargs": {"trust_remote_code": True}}
    config = {"model_cfg": {"embed_dim": 4, "text_cfg": text}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    (tmp_path / "open_clip_model.safetensors").write_bytes(b"")

    with pytest.raises(ModelError, match="asks to run code of its own"):
        clip.load(str(tmp_path))


def test_weights_that_do_not_fit_the_configuration_are_an_error(tmp_path: Path) -> None:
    folder = models.make_tiny_model(tmp_path / "model")
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["embed_dim"] = 99
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="cannot be loaded"):
        clip.load(str(folder))


def test_weights_are_the_files_alone(folder: Path) -> None:
    found = files.find(clip.resolve(str(folder)))
    module = files.build(found)
    saved = load_file(found.weights)
    state = module.state_dict()
    assert sorted(state) == sorted(saved)
    assert all(each.equal(saved[name]) for name, each in state.items())


def test_weights_that_a_file_fills_get_no_random_numbers() -> None:
    before = torch.get_rng_state()
    with files.WithoutInitialisation():
        layer = torch.nn.Linear(8, 4)
        assert layer(torch.ones(2, 8)).shape == (2, 4)
    assert torch.get_rng_state().equal(before)
    torch.nn.Linear(8, 4)
    assert not torch.get_rng_state().equal(before)


def test_vectors_are_of_unit_length(model: clip.ClipModel) -> None:
    assert model.dim == models.DIM
    for vectors in (model.encode_images(noise(3)), model.encode_texts(TEXTS)):
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_image_vectors_are_open_clips_own(folder: Path, model: clip.ClipModel) -> None:
    pixels = noise(2)
    module = open_clip.create_model(f"local-dir:{folder}").eval()
    mean = torch.tensor(model.preprocess.mean).view(3, 1, 1)
    std = torch.tensor(model.preprocess.std).view(3, 1, 1)
    batch = (torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255 - mean) / std
    with torch.no_grad():
        expected = module.encode_image(batch, normalize=True).numpy()

    np.testing.assert_allclose(model.encode_images(pixels), expected, atol=1e-5)


def test_vectors_do_not_depend_on_the_batch(model: clip.ClipModel) -> None:
    pixels = noise(5)
    apart = np.concatenate([model.encode_images(pixels[n : n + 1]) for n in range(5)])

    np.testing.assert_allclose(model.encode_images(pixels), apart, atol=1e-5)


@pytest.mark.parametrize("custom_text", [False, True])
def test_cut_context_gives_the_vectors_of_the_full_one(tmp_path: Path, custom_text: bool) -> None:  # noqa: FBT001
    folder = models.make_tiny_model(tmp_path / "model", custom_text=custom_text)
    model = clip.load(str(folder), precision="float32")
    module = open_clip.create_model(f"local-dir:{folder}").eval()
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(TEXTS)
    with torch.no_grad():
        full = module.encode_text(tokens, normalize=True).numpy()

    assert text_tower.is_causal(module)
    np.testing.assert_allclose(model.encode_texts(TEXTS), full, atol=1e-5)
    cut = tokens[:, : int(text_tower.pooled_positions(module, tokens).max()) + 1]
    assert cut.shape[1] < 20 < tokens.shape[1]


def test_text_tower_that_sees_both_ways_is_not_cut(tmp_path: Path) -> None:
    folder = models.make_tiny_model(tmp_path / "model", causal=False, custom_text=True)
    model = clip.load(str(folder), precision="float32")
    module = open_clip.create_model(f"local-dir:{folder}").eval()
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(TEXTS)
    with torch.no_grad():
        full = module.encode_text(tokens, normalize=True).numpy()

    assert not text_tower.is_causal(module)
    assert model.logit_bias == pytest.approx(-10.0)
    np.testing.assert_allclose(model.encode_texts(TEXTS), full, atol=1e-5)


def test_texts_keep_their_order_and_progress_is_told(model: clip.ClipModel) -> None:
    texts = [f"{'very ' * (n % 5)}dog {n}" for n in range(200)]
    seen: list[tuple[int, int]] = []
    vectors = model.encode_texts(texts, progress=lambda done, total: seen.append((done, total)))

    np.testing.assert_allclose(vectors[7], model.encode_texts([texts[7]])[0], atol=1e-5)
    assert seen == [(128, 200), (200, 200)]


def test_text_longer_than_the_context_is_cut_off(model: clip.ClipModel) -> None:
    assert np.isfinite(model.encode_texts(["word " * 3000])).all()


def test_nothing_to_encode_gives_no_vectors(model: clip.ClipModel) -> None:
    assert model.encode_texts([]).shape == (0, models.DIM)
    assert model.encode_images(noise(0)).shape == (0, models.DIM)


def test_pixels_of_the_wrong_size_are_refused(model: clip.ClipModel) -> None:
    with pytest.raises(ValueError, match=r"not \(n, 32, 32, 3\) uint8"):
        model.encode_images(np.zeros((1, 16, 16, 3), np.uint8))


def test_digest_is_of_weights_and_configuration(folder: Path, tmp_path: Path) -> None:
    same = clip.load(str(models.make_tiny_model(tmp_path / "same")))
    other = clip.load(str(models.make_tiny_model(tmp_path / "other", seed=1)))

    assert same.digest == clip.load(str(folder)).digest
    assert same.digest != other.digest


def test_digest_is_remembered_until_the_file_changes(tmp_path: Path) -> None:
    path, cache = tmp_path / "weights", tmp_path / "cache"
    path.write_bytes(b"one")
    first = digests.file_digest(path, cache_dir=cache)
    assert digests.file_digest(path, cache_dir=cache) == first
    assert len(list(cache.glob("digests/*.json"))) == 1

    path.write_bytes(b"three")
    assert digests.file_digest(path, cache_dir=cache) == digests.file_digest(path) != first


def test_precision_and_device_are_checked() -> None:
    assert device.parse_precision("auto") is None
    assert device.choose_device("cpu").type == "cpu"
    with pytest.raises(ModelError, match="no such precision"):
        device.parse_precision("int3")
    with pytest.raises(ModelError, match="no such device"):
        device.choose_device("toaster")
    with pytest.raises(ModelError, match="this machine has no such device"):
        device.choose_device("cuda:99")


def test_precision_is_measured_once_for_a_model_on_a_kind_of_device(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []

    def measure(*_: object) -> device.Precision:
        measured.append("bfloat16")
        return "bfloat16"

    def load() -> device.Precision:
        return clip.load(str(folder), device="cpu", cache_dir=tmp_path).precision

    monkeypatch.setattr(device, "candidates", lambda _: ("bfloat16",))
    monkeypatch.setattr(device, "measure_precision", measure)
    assert (load(), load(), len(measured)) == ("bfloat16", "bfloat16", 1)

    monkeypatch.setattr(device, "describe", lambda _: "another processor")
    assert (load(), len(measured)) == ("bfloat16", 2)

    for memo in (tmp_path / "precisions").iterdir():
        memo.write_text(memo.read_text().replace("bfloat16", "int3"))
    assert (load(), len(measured)) == ("bfloat16", 3)


def test_precision_is_the_first_that_agrees_and_is_faster() -> None:
    exact = np.eye(2, dtype=np.float32)
    wrong = np.full((2, 2), np.nan, np.float32)

    def prepare(precision: device.Precision) -> object:
        return lambda: wrong if precision != "float32" else exact

    assert device.measure_precision(torch.device("mps"), prepare) == "float32"  # type: ignore[arg-type]


def test_tiny_model_is_the_same_for_a_seed(tmp_path: Path) -> None:
    first = models.make_tiny_model(tmp_path / "a", seed=3) / "open_clip_model.safetensors"
    second = models.make_tiny_model(tmp_path / "b", seed=3) / "open_clip_model.safetensors"
    left, right = load_file(first), load_file(second)

    assert all(torch.equal(left[name], right[name]) for name in left)
