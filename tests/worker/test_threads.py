"""Threads that repeat a step go on, whatever a step raises."""

import threading

import pytest

from worker.threads import Repeating


class Failing(Repeating):
    def __init__(self) -> None:
        super().__init__("failing", 0.01, failure="step_failed", at_once=True)
        self.steps = 0
        self.went_on = threading.Event()

    def step(self) -> None:
        self.steps += 1
        if self.steps == 1:
            raise ValueError("nobody expected this")
        self.went_on.set()


def test_a_step_that_fails_is_logged_and_the_next_one_is_tried(
    capsys: pytest.CaptureFixture[str],
):
    with Failing() as failing:
        assert failing.went_on.wait(60)

    assert "step_failed" in capsys.readouterr().out
