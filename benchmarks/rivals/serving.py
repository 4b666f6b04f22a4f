"""The side of a contestant that answers: a process that does a round whenever it is asked to.

Contestants run in environments of their own, so this module imports nothing but Python's library.
"""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

#: Does a round with the photos of a folder; returns how many it finished, and the seconds it took.
Way = Callable[[Path], tuple[int, float]]


def serve(load: Callable[[], Mapping[str, Way]]) -> None:
    """Load a contestant, then answer questions until the standard input ends.

    A question is a line of JSON, `{"way": NAME, "folder": PATH}`, and its answer another one:
    `{"photos": N, "seconds": S}` or `{"error": TEXT}`; the first answer says that all is loaded.
    Whatever the contestant prints goes to the standard error.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(**content: object) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    with _answering_errors(answer):
        ways = load()
        answer()
        for line in sys.stdin:
            asked = json.loads(line)
            photos, seconds = ways[asked["way"]](Path(asked["folder"]))
            answer(photos=photos, seconds=seconds)


@contextlib.contextmanager
def _answering_errors(answer: Callable[..., None]):  # noqa: ANN202 - Iterator[None]
    try:
        yield
    except Exception as error:
        answer(error=f"{type(error).__name__}: {error}".splitlines()[0])
        raise
