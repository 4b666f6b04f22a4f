"""Imports that the collector does not interrupt."""

import gc

import pytest

from catalog import importing


def test_the_collector_waits_and_leaves_out_what_was_made() -> None:
    before = gc.get_freeze_count()
    try:
        with importing.uncollected():
            assert not gc.isenabled()
        assert gc.isenabled()
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()


def test_a_collector_that_is_off_stays_off_and_an_error_puts_it_on_again() -> None:
    gc.disable()
    try:
        with importing.uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
    with pytest.raises(ZeroDivisionError), importing.uncollected():
        _ = 1 / 0
    assert gc.isenabled()
