"""Resolves the names that a person may give a model. Loads nothing and imports no torch.

`clip.resolve` calls it with open_clip's table of models.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from worker.errors import ModelError

#: The model that comes with the package and needs no download, and its folder.
STARTER = "starter"
STARTER_FOLDER = Path(__file__).parent / "starter"

#: The eight models of the paper by the names OpenAI gave them.
PAPER_MODELS = (
    "RN50",
    "RN101",
    "RN50x4",
    "RN50x16",
    "RN50x64",
    "ViT-B/32",
    "ViT-B/16",
    "ViT-L/14",
)

#: They were trained with QuickGELU: open_clip's plain architectures load the same weights but
#: compute other vectors.
_PAPER_ARCHITECTURES = {
    name.lower(): f"{name.replace('/', '-')}-quickgelu" for name in PAPER_MODELS
}

#: Best first, by zero-shot ImageNet accuracy in open_clip's own table of results.
_BEST_TAGS = ("dfn5b", "dfn2b", "webli", "datacomp_xl_s13b_b90k", "laion2b_s34b_b88k", "openai")


@dataclass(frozen=True, slots=True)
class ModelName:
    """The exact name of a model in open_clip's table, on the Hugging Face hub or in a folder."""

    kind: Literal["table", "hub", "folder"]
    #: Architecture of the table, `organisation/name` of the hub, or path of the folder.
    source: str
    #: Pretrained tag of the table; empty for the others.
    tag: str = ""

    def __str__(self) -> str:
        match self.kind:
            case "table":
                return f"{self.source}/{self.tag}"
            case "hub":
                return f"hf-hub:{self.source}"
            case "folder":
                is_starter = Path(self.source) == STARTER_FOLDER
                return STARTER if is_starter else f"local-dir:{self.source}"


def resolve(spec: str, table: Mapping[str, Sequence[str]]) -> ModelName:
    """Return the model that `spec` means; `table` maps open_clip's architectures to their tags.

    It may be `starter`, `local-dir:PATH` or an existing folder, `hf-hub:ORG/NAME`, the
    paper's eight by OpenAI's names, `ARCHITECTURE/TAG`, `ARCHITECTURE:TAG`, and a bare
    architecture (its best tag); case does not matter.

    Raises:
        ModelError: There is no such model; the message has the nearest names.
    """
    spec = spec.strip()
    if spec.lower() == STARTER:
        return ModelName("folder", str(STARTER_FOLDER))
    if spec.startswith("hf-hub:"):
        return ModelName("hub", _hub_repository(spec))
    if spec.startswith("local-dir:"):
        return ModelName("folder", str(_folder(spec.removeprefix("local-dir:"))))
    found = _in_table(spec, table)
    if found is not None:
        return found
    if Path(spec).expanduser().is_dir():
        return ModelName("folder", str(_folder(spec)))
    raise ModelError(_unknown(spec, table))


def _hub_repository(spec: str) -> str:
    repository = spec.removeprefix("hf-hub:")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise ModelError(f"{spec}: not a model of the hub; write hf-hub:ORGANISATION/NAME")
    return repository


def _folder(path: str) -> Path:
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise ModelError(
            f"local-dir:{path}: no such folder; give one that holds open_clip_config.json and "
            "open_clip_model.safetensors"
        )
    return folder.resolve()


def _in_table(spec: str, table: Mapping[str, Sequence[str]]) -> ModelName | None:
    architecture, tag = _split(spec)
    if architecture.lower() in _PAPER_ARCHITECTURES and tag in ("", "openai"):
        return ModelName("table", _PAPER_ARCHITECTURES[architecture.lower()], "openai")
    wanted = architecture.replace("/", "-").lower()
    for name, tags in table.items():
        if name.lower() != wanted or not tags:
            continue
        if not tag:
            return ModelName("table", name, best_tag(tags))
        match = next((known for known in tags if known.lower() == tag), None)
        if match is not None:
            return ModelName("table", name, match)
    return None


def _split(spec: str) -> tuple[str, str]:
    """Return architecture and tag; `ViT-B/32` has no tag although it has a slash."""
    if spec.lower() in _PAPER_ARCHITECTURES:
        return spec, ""
    for separator in (":", "/"):
        architecture, found, tag = spec.rpartition(separator)
        if found:
            return architecture, tag.lower().replace("-", "_")
    return spec, ""


def best_tag(tags: Sequence[str]) -> str:
    """Return the tag to use if a person named only the architecture."""
    return next((tag for tag in _BEST_TAGS if tag in tags), tags[-1])


def _unknown(spec: str, table: Mapping[str, Sequence[str]]) -> str:
    architecture, tag = _split(spec)
    tags = table.get(architecture.replace("/", "-"), ())
    if tag and tags:
        return f"{spec}: {architecture} has no weights '{tag}'; it has {', '.join(tags)}"
    names = {name.lower(): name for name in (*table, *PAPER_MODELS, STARTER)}
    names |= {
        f"{name}/{tag}".lower(): f"{name}/{tag}" for name, tags in table.items() for tag in tags
    }
    near = [names[name] for name in difflib.get_close_matches(spec.lower(), names, n=3, cutoff=0.5)]
    hint = f"did you mean {' or '.join(near)}" if near else "try ViT-B/32 or starter"
    return f"{spec}: no such model or folder; {hint}?"
