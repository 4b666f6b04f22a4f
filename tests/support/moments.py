"""Signals that a process of a test sends itself at a chosen moment of its work.

A test writes `Moment(...)` into the variable `DIES_AT` of a command; `tests/support/prefork.py`
calls `arm` in the process that becomes the command. Kadr itself knows nothing of this.
"""

import importlib
import json
import os
import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import reduce
from typing import Any

VARIABLE = "DIES_AT"


@dataclass(frozen=True)
class Moment:
    """A moment in the work of a process: before or after a call of a function of Kadr's."""

    #: `module:attribute.attribute`, as it is looked up by its caller.
    function: str
    #: Whether the signal comes once the function has returned.
    after: bool = True
    #: Which call of it.
    call: int = 1
    signal: str = "SIGKILL"

    @property
    def env(self) -> dict[str, str]:
        """The variable that arms a command with this moment."""
        return {VARIABLE: json.dumps(asdict(self))}


def arm(text: str) -> None:
    """Have this process send itself the signal of a moment."""
    moment = Moment(**json.loads(text))
    module, _, path = moment.function.partition(":")
    *owners, name = path.split(".")
    owner = reduce(getattr, owners, importlib.import_module(module))
    setattr(owner, name, _watched(getattr(owner, name), moment))


def _watched(function: Callable[..., Any], moment: Moment) -> Callable[..., Any]:
    calls = 0

    def watched(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        is_now = calls == moment.call
        if is_now and not moment.after:
            _strike(moment)
        found = function(*arguments, **options)
        if is_now and moment.after:
            _strike(moment)
        return found

    return watched


def _strike(moment: Moment) -> None:
    os.kill(os.getpid(), getattr(signal, moment.signal))
