"""A real Chromium before a served gallery; `make test-web` runs these tests."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.support import gallery
from tests.support.gallery import Gallery

#: Nothing slow is expected, but machines that test may be busy.
expect.set_options(timeout=30_000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium of this machine: KADR_CHROMIUM, or the first that is installed."""
    found = (
        os.environ.get("KADR_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    )
    assert found, "these tests drive Chromium: `apt-get install chromium`, or set KADR_CHROMIUM"
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-background-networking"]
        )


@pytest.fixture(scope="session")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue of three hundred photos."""
    file = tmp_path_factory.mktemp("small") / "kadr.db"
    gallery.build_small(file)
    return file


@pytest.fixture
def served(small_file: Path, tmp_path: Path) -> Iterator[Gallery]:
    """A gallery of the test's own."""
    with gallery.serve(small_file, tmp_path) as found:
        yield found


@pytest.fixture(scope="session")
def shown(small_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """A gallery for all tests that only look at it: it starts once."""
    with gallery.serve(small_file, tmp_path_factory.mktemp("shown")) as found:
        yield found


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Open]:
    """Open a page: of `shown` where the test names it, else of a gallery of the test's own.

    At the end nothing may have gone wrong in it.
    """
    named = "shown" if "shown" in request.fixturenames else "served"
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def opened(path: str = "/", *, wait: bool = True, url: str = "", **options: object) -> Page:
        url = url or request.getfixturevalue(named).url
        context = browser.new_context(
            **{"viewport": {"width": 1200, "height": 800}, "locale": "en-GB"} | options
        )
        contexts.append(context)
        page = context.new_page()
        watch(page, url, wrong)
        page.goto(url + path)
        if wait:
            page.wait_for_selector("html.ready")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def watch(page: Page, url: str, wrong: list[str]) -> None:
    """Note errors of scripts, what the policy forbids, and requests to any other place."""
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on(
        "console", lambda said: wrong.append(said.text) if "Content Security" in said.text else None
    )
    page.on(
        "request",
        lambda asked: (
            None if asked.url.startswith((url, "data:", "blob:")) else wrong.append(asked.url)
        ),
    )
