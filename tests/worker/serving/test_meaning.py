"""The process that encodes texts is started by a search and ends when nobody searches."""

from multiprocessing.connection import Connection

import numpy as np
import pytest

from worker.errors import ModelError
from worker.serving.meaning import TextEncoders

pytestmark = pytest.mark.slow


def echo(model: str, connection: Connection) -> None:
    """A child that encodes a text as its length, until it is told to die."""
    if model == "missing":
        connection.send("there is no model of this name; run `kadr doctor`")
        return
    connection.send((f"digest of {model}",))
    while True:
        try:
            texts = connection.recv()
        except EOFError:
            return
        if "die" in texts:
            return
        connection.send(np.array([[len(text)] for text in texts], dtype=np.float32))


def test_a_child_encodes_and_ends_when_it_is_idle():
    encoders = TextEncoders(idle_s=10.0, child=echo)
    encoder = encoders.load("small")
    assert encoder.digest == "digest of small"
    assert encoder.encode_texts(["a", "bcd"]).tolist() == [[1.0], [3.0]]

    encoders.end_idle(now=0.0)
    assert encoders.is_running
    encoders.end_idle(now=1e12)
    assert not encoders.is_running

    assert encoder.encode_texts(["again"]).tolist() == [[5.0]]  # started anew
    with pytest.raises(ModelError, match="ended; search again"):
        encoder.encode_texts(["die"])
    assert encoder.encode_texts(["ab"]).tolist() == [[2.0]]
    encoders.close()
    assert not encoders.is_running


def test_a_model_that_cannot_be_loaded_says_why():
    encoders = TextEncoders(child=echo)
    with pytest.raises(ModelError, match="no model of this name"):
        encoders.load("missing")
    encoders.close()
