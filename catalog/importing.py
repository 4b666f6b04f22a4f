"""Imports what is large without the garbage collector looking through it again and again.

The command line imports its commands so, and `worker` its model: a fifth of the time of either.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Have the collector wait, and leave out later what was imported: that is never garbage."""
    is_collecting = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if is_collecting:
            gc.enable()
