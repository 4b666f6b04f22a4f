"""Reads prompt templates, in which words are encoded; the vectors of several are averaged.

`worker.tagging.tagger` and evaluation parse them, `worker.scoring.word_vectors` fills them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from worker.digests import digest_of
from worker.errors import VocabularyError

#: The paper's one prompt.
PAPER = "a photo of a {word}"
MAX_TEMPLATE_CHARS = 200

#: The folder of the sets that come with Kadr, `<name>.txt` each.
_SETS = Path(__file__).parent.parent / "packs" / "prompts"

#: In a model's folder: the templates it does best with, one a line.
FILE = "prompts.txt"


@dataclass(frozen=True)
class Prompts:
    """The templates of a run; a word's vector is the mean of its prompts' unit vectors."""

    templates: tuple[str, ...]

    @cached_property
    def digest(self) -> str:
        """sha256 over the templates."""
        return digest_of(*self.templates)


def parse(specs: Sequence[str]) -> Prompts:
    """Return the prompts for names of sets and templates of a person's own, mixed as they come.

    Sets are `paper` ("a photo of a {word}"), `plain` ("{word}"), and OpenAI's ensembles for
    ImageNet, `openai-80` and the 7 that do best together, `openai-7`. Equal templates count once.

    Raises:
        VocabularyError: A template has no `{word}` or is too long, or there is no template.
    """
    templates: list[str] = []
    for spec in specs:
        templates += _named_set(spec.strip()) or [check_template(spec.strip(), where="prompt")]
    if not templates:
        raise VocabularyError('no prompt template; give one such as "a photo of a {word}"')
    return Prompts(tuple(dict.fromkeys(templates)))


def default_for(folder: Path | None) -> Prompts:
    """Return the prompts for a model: those in its folder (`prompts.txt`), else the paper's.

    Raises:
        VocabularyError: The file cannot be read or holds no template.
    """
    path = None if folder is None else folder / FILE
    if path is None or not path.is_file():
        return parse([PAPER])
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise VocabularyError(f"{path}: cannot be read ({error}); get the model again") from error
    return parse(_templates(text))


def check_template(template: str, *, where: str) -> str:
    """Return the template.

    Raises:
        VocabularyError: It has no `{word}` or is too long.
    """
    if "{word}" not in template:
        raise VocabularyError(
            f"{where}: template '{template[:60]}' has no {{word}}; write it where the word goes, "
            'as in "a photo of a {word}"'
        )
    if len(template) > MAX_TEMPLATE_CHARS:
        raise VocabularyError(
            f"{where}: template of {len(template)} characters; at most {MAX_TEMPLATE_CHARS}, "
            "a model reads about 75 tokens"
        )
    return template


def fill(templates: Sequence[str], word: str) -> list[str]:
    """Return the word in each template."""
    return [template.replace("{word}", word) for template in templates]


def _templates(text: str) -> list[str]:
    """Return the templates of a file: one a line, without comments and empty lines."""
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _named_set(name: str) -> list[str]:
    match name:
        case "paper":
            return [PAPER]
        case "plain":
            return ["{word}"]
        case "openai-80" | "openai-7":
            return _templates((_SETS / f"{name}.txt").read_text(encoding="utf-8"))
        case _:
            return []
