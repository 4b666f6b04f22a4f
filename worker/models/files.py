"""Finds the files of a model and builds its module from them: the steps of `clip.load`."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import open_clip
import safetensors
import safetensors.torch
import torch
from torch.overrides import TorchFunctionMode

from worker import digests
from worker.errors import ModelError
from worker.images import Preprocess
from worker.models import backbone, hub
from worker.models.names import ModelName

#: In a folder's configuration: sha256 of the backbone that its own tensors sit on.
BACKBONE_KEY = "backbone_sha256"
_TRUNK, _TOKENS, _TOKEN_IDS = "visual.trunk.", "text.token_embedding.weight", "text.token_ids"
#: Keys about pixels in open_clip's table of pretrained models.
_PIXEL_KEYS = ("mean", "std", "interpolation", "resize_mode")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Where the files of a model lie on this machine, and what identifies them."""

    name: ModelName
    weights: Path
    #: The folder that `local-dir:` loads; None for a model of open_clip's table.
    folder: Path | None
    #: sha256 over weights and configuration, wherever they lie.
    digest: str


class WithoutInitialisation(TorchFunctionMode):
    """A context in which `torch.nn.init` leaves tensors as they are, for weights that a file fills.

    Random numbers for all of a model's weights take longer than to read them: of the 1.7 seconds
    that it takes to build ViT-B/32, they are one.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        """Call any other function; return an initialiser's tensor untouched."""
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == torch.nn.init.__name__:
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)


def with_trained_activation(name: ModelName) -> ModelName:
    """Return the name with the architecture whose activation the weights were trained with.

    open_clip only warns where `ViT-L-14/openai` runs plain GELU instead of QuickGELU, and
    computes other vectors.
    """
    if name.kind != "table":
        return name
    quick = bool(open_clip.get_pretrained_cfg(name.source, name.tag).get("quick_gelu", False))
    config = open_clip.get_model_config(name.source)
    if quick == bool(config.get("quick_gelu", False)):
        return name
    plain = name.source.removesuffix("-quickgelu")
    return ModelName("table", f"{plain}-quickgelu" if quick else plain, name.tag)


def are_available(name: ModelName) -> bool:
    """Return, within about three seconds, whether the files are here or can be downloaded."""
    if name.kind == "folder":
        folder = Path(name.source)
        return _weights_in(folder) is not None and (
            not has_backbone(folder) or backbone.is_installed()
        )
    repository, filenames = _repository(name)
    cached = hub.find_cached_weights(repository, filenames)
    return cached is not None or hub.is_reachable(repository)


def find(name: ModelName, *, cache_dir: Path | None = None) -> ModelFiles:
    """Return the model's files, downloaded if needed.

    Raises:
        ModelError: They cannot be found, downloaded or read.
    """
    folder: Path | None = None
    match name.kind:
        case "table":
            weights = hub.fetch_weights(*_repository(name))
            config = open_clip.get_model_config(name.source) | _pixels(name)
        case "hub":
            folder = hub.fetch_config(name.source).parent
            weights = hub.fetch_weights(name.source)
            config = _read_config(folder)
        case "folder":
            folder = Path(name.source)
            config = _read_config(folder)
            weights = _require_weights(folder)
    digest = digests.digest_of(
        digests.file_digest(weights, cache_dir=cache_dir), json.dumps(config, sort_keys=True)
    )
    return ModelFiles(name=name, weights=weights, folder=folder, digest=digest)


def build(files: ModelFiles) -> torch.nn.Module:
    """Build the module in float32 on the CPU, and load its weights.

    Raises:
        ModelError: The weights or the configuration cannot be loaded.
    """
    name = files.name
    try:
        with WithoutInitialisation():
            module = _build(files)
    except (
        RuntimeError,
        ValueError,
        KeyError,
        OSError,
        ImportError,
        safetensors.SafetensorError,
    ) as error:
        raise ModelError(_cannot_load(name, error)) from error
    return module.eval().requires_grad_(requires_grad=False)


def _build(files: ModelFiles) -> torch.nn.Module:
    if files.folder is None:
        module = open_clip.create_model(
            files.name.source,
            pretrained=str(files.weights),
            force_preprocess_cfg=_pixels(files.name),
            require_pretrained=True,
        )
    elif has_backbone(files.folder):
        module = _build_on_backbone(files, files.folder)
    else:
        module = open_clip.create_model(f"local-dir:{files.folder}", require_pretrained=True)
    return cast("torch.nn.Module", module)


def has_backbone(folder: Path) -> bool:
    """Return whether the folder holds a head and a text tower for the backbone of a package."""
    return (folder / hub.CONFIG_FILE).is_file() and BACKBONE_KEY in _read_config(folder)


def build_on_backbone(config: dict[str, Any]) -> open_clip.CustomTextCLIP:
    """Build the module that `config` describes on the backbone; head and text tower are random.

    Raises:
        ModelError: The backbone is not installed, or `config` was made for another.
    """
    if config[BACKBONE_KEY] != backbone.SHA256:
        raise ModelError("made for another backbone than this Kadr has")
    model_config = {key: each for key, each in config["model_cfg"].items() if key != "custom_text"}
    module = open_clip.CustomTextCLIP(**model_config)
    trunk = backbone.build()
    trunk.reset_classifier(0, "avg")  # type: ignore[operator]
    module.visual.trunk = trunk
    open_clip.model.set_model_preprocess_cfg(
        module,
        {"size": config["model_cfg"]["vision_cfg"]["image_size"], **config["preprocess_cfg"]},
    )
    return module


def own_state(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return what of a module on the backbone is kept beside its configuration: all but the trunk.

    Token embeddings are most of a small text tower, and nearly all of them were never trained:
    only rows that are not zero are kept, with their numbers.
    """
    state = {key: each for key, each in module.state_dict().items() if not key.startswith(_TRUNK)}
    table = state.pop(_TOKENS)
    used = table.ne(0).any(dim=1).nonzero().squeeze(1)
    return state | {_TOKENS: table[used], _TOKEN_IDS: used.to(torch.int32)}


def _build_on_backbone(files: ModelFiles, folder: Path) -> torch.nn.Module:
    """Build a model of two files: the package's backbone, and the folder's own tensors."""
    module = build_on_backbone(_read_config(folder))
    own = dict(safetensors.torch.load_file(files.weights))
    used = own.pop(_TOKEN_IDS).long()
    table = torch.zeros_like(module.state_dict()[_TOKENS])
    own[_TOKENS] = table.index_copy_(0, used, own[_TOKENS].float())
    trunk = {key: each for key, each in module.state_dict().items() if key.startswith(_TRUNK)}
    module.load_state_dict(trunk | {key: each.float() for key, each in own.items()})
    return cast("torch.nn.Module", module)


def tokenizer(files: ModelFiles) -> Callable[[list[str]], torch.Tensor]:
    """Return the function from texts to (n, context) int64 tokens.

    Raises:
        ModelError: The tokenizer cannot be loaded.
    """
    source = files.name.source if files.folder is None else f"local-dir:{files.folder}"
    if files.name.kind == "hub" and _wants_hub_tokenizer(_read_config(Path(str(files.folder)))):
        source = str(files.name)
    try:
        return cast("Callable[[list[str]], torch.Tensor]", open_clip.get_tokenizer(source))
    except (RuntimeError, ValueError, OSError, ImportError) as error:
        raise ModelError(_cannot_load(files.name, error)) from error


def preprocess(module: torch.nn.Module, name: ModelName) -> Preprocess:
    """Return the pixels that the model expects.

    Raises:
        ModelError: Kadr cannot produce such pixels.
    """
    config = open_clip.get_model_preprocess_cfg(module)
    size = config["size"]
    width, height = (size, size) if isinstance(size, int) else size
    if width != height:
        raise ModelError(f"{name}: takes {width} x {height} pixels; choose a square model")
    for key, known in (
        ("interpolation", ("bicubic", "bilinear")),
        ("resize_mode", ("shortest", "longest", "squash")),
    ):
        if config[key] not in known:
            raise ModelError(f"{name}: {key} {config[key]} is none of {', '.join(known)}")
    mean, std = (tuple(float(value) for value in config[key]) for key in ("mean", "std"))
    return Preprocess(
        size=int(width),
        mean=cast("tuple[float, float, float]", mean),
        std=cast("tuple[float, float, float]", std),
        interpolation=cast('Literal["bicubic", "bilinear"]', config["interpolation"]),
        resize_mode=cast('Literal["shortest", "longest", "squash"]', config["resize_mode"]),
    )


def logit_terms(module: torch.nn.Module) -> tuple[float, float | None]:
    """Return exp(logit_scale) and the logit bias, which only sigmoid models have."""
    scale, bias = module.logit_scale, module.logit_bias
    exact = cast("torch.Tensor", scale).float().exp().item()
    return exact, None if bias is None else cast("torch.Tensor", bias).float().item()


def _repository(name: ModelName) -> tuple[str, tuple[str, ...]]:
    """Return the hub's repository and the names its safetensors may have."""
    if name.kind == "hub":
        return name.source, hub.WEIGHTS_FILES
    location = str(open_clip.get_pretrained_cfg(name.source, name.tag).get("hf_hub", ""))
    repository, _, filename = location.rpartition("/")
    if not repository:
        raise ModelError(f"{name}: its weights are not on the hub; choose another tag")
    return repository, (f"{Path(filename).stem}.safetensors",) if filename else hub.WEIGHTS_FILES


def _pixels(name: ModelName) -> dict[str, Any]:
    config = open_clip.get_pretrained_cfg(name.source, name.tag)
    return {key: config[key] for key in _PIXEL_KEYS if key in config}


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / hub.CONFIG_FILE
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{folder}: no open_clip model, it has no {hub.CONFIG_FILE}") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); download the model again") from error
    if not isinstance(config, dict) or "model_cfg" not in config:
        raise ModelError(f"{path}: has no model_cfg; it is not a configuration of open_clip")
    if _asks_for_code(config):
        raise ModelError(
            f"{path}: asks to run code of its own (trust_remote_code), which Kadr never does; "
            "choose another model"
        )
    return config


def _asks_for_code(config: object) -> bool:
    """Return whether a configuration has transformers run code from the model's repository."""
    if isinstance(config, dict):
        return bool(config.get("trust_remote_code")) or any(map(_asks_for_code, config.values()))
    return isinstance(config, list) and any(map(_asks_for_code, config))


def _wants_hub_tokenizer(config: dict[str, Any]) -> bool:
    return bool(config["model_cfg"].get("text_cfg", {}).get("hf_tokenizer_name"))


def _require_weights(folder: Path) -> Path:
    weights = _weights_in(folder)
    if weights is None:
        raise ModelError(
            f"{folder}: has no {hub.WEIGHTS_FILES[0]}; put safetensors there "
            "(pickled .bin and .pt weights can run code and are not opened)"
        )
    return weights


def _weights_in(folder: Path) -> Path | None:
    """Return the safetensors that open_clip will load: it prefers some pickles to other names."""
    named = [folder / name for name in hub.WEIGHTS_FILES if (folder / name).is_file()]
    if named:
        return named[0]
    pickles = [*folder.glob("*.bin"), *folder.glob("*.pth")]
    found = sorted(folder.glob("*.safetensors"))
    return found[0] if len(found) == 1 and not pickles else None


def _cannot_load(name: ModelName, error: Exception) -> str:
    if "transformers" in str(error):
        return f"{name}: needs the package transformers; run `pip install transformers`"
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return f"{name}: cannot be loaded ({reason[:300]}); download it again or choose another model"
