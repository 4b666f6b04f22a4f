"""The process that has imported the decoders and forks a decoding process when the pool asks.

`python -m worker.decoding.server DESCRIPTOR`. It has one thread, so that a fork is safe, and never
opens a photo itself. It ends, and its children with it, when the pool's end of the socket closes.
"""

import contextlib
import ctypes
import os
import selectors
import signal
import socket
import struct
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

from worker.decoding import child
from worker.decoding import jobs as jobs  # noqa: PLC0414 - imported before the fork, once for all
from worker.images import decoders

#: How a process ended: `os.waitstatus_to_exitcode`, negative for a signal.
STATUS = struct.Struct("!i")
#: The process id of a new process, 0 if none could be made.
PID = struct.Struct("!i")

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve the pool until its end of the socket closes."""
    control = socket.socket(fileno=int(sys.argv[1]))
    decoders.prepare()
    _be_quiet()
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    statuses: dict[int, int] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if woken in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(woken, 4096)
            _report_ended(statuses)
            if control in ready and not _start_child(control, statuses, (woken, waker)):
                break
    for pid in statuses:
        os.kill(pid, signal.SIGKILL)


def _start_child(control: socket.socket, statuses: dict[int, int], others: tuple[int, int]) -> bool:
    """Fork a process for the pool; return False if the pool is gone."""
    try:
        word, descriptors, _, _ = socket.recv_fds(control, 1, 2)
    except OSError:
        return False
    if not word:
        return False
    theirs, status = descriptors
    try:
        pid = os.fork()
    except OSError:  # no memory, or too many processes
        pid = -1
    if pid == 0:
        control.close()
        for descriptor in (status, *others, *statuses.values()):
            os.close(descriptor)
        _be_child(theirs)
    os.close(theirs)
    if pid < 0:
        os.close(status)
    else:
        statuses[pid] = status
    control.sendall(PID.pack(max(0, pid)))
    return True


def _be_child(descriptor: int) -> NoReturn:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _end_with_parent()
    with contextlib.suppress(OSError):  # the kernel shall end this process before its parent
        Path("/proc/self/oom_score_adj").write_text("900", encoding="ascii")
    try:
        child.serve(Connection(descriptor))
    finally:
        os._exit(0)


def _end_with_parent() -> None:
    """Have Linux end this process when the one that forked it ends, however that is."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _report_ended(statuses: dict[int, int]) -> None:
    """Write to the pool how processes ended that have ended."""
    while statuses:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        descriptor = statuses.pop(pid)
        with contextlib.suppress(OSError):
            os.write(descriptor, STATUS.pack(os.waitstatus_to_exitcode(status)))
        os.close(descriptor)


def _be_quiet() -> None:
    """Keep what LibRaw and other codecs print off the terminal; one thread a codec is enough."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    decoders.use_one_thread()


if __name__ == "__main__":
    main()
