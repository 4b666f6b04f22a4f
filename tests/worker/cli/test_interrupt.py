"""Ctrl-C ends `kadr tag` at once, whatever decoders do, and nothing is lost by it."""

import contextlib
import os
import signal
from pathlib import Path

import psutil
import pytest
from PIL import Image

from tests.support.kadr import Kadr, eventually

#: Decoders that hang would hold the command for the first, if Ctrl-C did not end it before.
HUNG_S, BOUND_S = 600, 30


@pytest.mark.slow
def test_ctrl_c_ends_tagging_while_decoders_hang(kadr: Kadr, tmp_path: Path) -> None:
    folder, log, out = tmp_path / "photos", tmp_path / "tag.log", tmp_path / "out"
    folder.mkdir()
    log.touch()
    out.touch()
    for name in ("red", "blue"):
        Image.new("RGB", (60, 40), name).save(folder / f"{name}.jpg")
    kadr.run("db", "upgrade")
    kadr.extra["KADR_DECODE_SECONDS"] = str(HUNG_S)

    process = kadr._start(("tag", str(folder)), stdin=Path(os.devnull), stdout=out, stderr=log)
    eventually(lambda: servers_of(process.pid))
    (server,) = servers_of(process.pid)
    server.suspend()
    try:
        eventually(lambda: kadr.json("status")["leased"] == 2)
        os.kill(process.pid, signal.SIGINT)
        eventually(lambda: process.poll() is not None, timeout_s=BOUND_S)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            server.kill()

    assert process.returncode == 130
    assert "Stopped; the same command goes on where it was." in log.read_text()
    assert "Traceback" not in log.read_text()
    assert kadr.json("tag", str(folder))["tagged"] == 2


def servers_of(pid: int) -> list[psutil.Process]:
    """Return the process that forks those that decode, once it runs its own program."""
    with contextlib.suppress(psutil.NoSuchProcess):
        children = psutil.Process(pid).children()
        return [each for each in children if "worker.decoding.server" in each.cmdline()]
    return []
