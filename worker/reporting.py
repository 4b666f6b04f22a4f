"""Types of the callbacks by which a long step reports to whoever started it."""

from collections.abc import Callable

#: Says one line to the person who waits.
Say = Callable[[str], None]
#: Called as `progress(done, total)` while a step goes on.
Progress = Callable[[int, int], None]
