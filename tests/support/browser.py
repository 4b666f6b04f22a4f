"""Waiting for a page from outside of it: its policy forbids the browser to evaluate text."""

import time
from typing import Any

from playwright.sync_api import Page

_PATIENCE_S = 60.0


def until(page: Page, expression: str, arg: Any = None) -> None:
    """Wait until an expression or a function of JavaScript is true in a page."""
    end = time.monotonic() + _PATIENCE_S
    while not page.evaluate(expression, arg):
        assert time.monotonic() < end, f"never true: {expression}"
        page.wait_for_timeout(40)
