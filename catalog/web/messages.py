"""Says the library's errors in the language of a person, and without commands, which pages lack.

`locale/errors.*.json` pairs the library's sentences, with `{names}` for what varies, with what is
said instead. A sentence that is not there is said as the library has it, in English.
"""

import json
import re
from functools import cache

from catalog.web import texts

_NAME = re.compile(r"\\{(\w+)\\}")
#: A part that is a sentence of its own.
_INNER = "why"


def translate(message: str, language: str) -> str:
    """Return an error's sentence in a language."""
    for pattern, said in _patterns(language):
        if found := pattern.fullmatch(message):
            return _fill(said, found.groupdict(), language)
    return message


def _fill(said: str, values: dict[str, str], language: str) -> str:
    for name, value in values.items():
        part = translate(value, language) if name == _INNER else value
        said = said.replace("{" + name + "}", part)
    return said


@cache
def _patterns(language: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    content = (texts.FOLDER / f"errors.{language}.json").read_text(encoding="utf-8")
    return tuple((_compile(template), said) for template, said in json.loads(content).items())


def _compile(template: str) -> re.Pattern[str]:
    return re.compile(_NAME.sub(r"(?P<\1>.*?)", re.escape(template)), re.DOTALL)
