"""The grid reaches every photo of a hundred thousand, and stays small while it does."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support import gallery
from tests.support.browser import until
from tests.support.gallery import Gallery

N_PHOTOS = 100_000
TILES = "document.querySelectorAll('.cell').length"
BOX = "document.documentElement.scrollHeight"


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Iterator[Gallery]:
    folder = tmp_path_factory.mktemp("large")
    template = folder / "template.db"
    gallery.build_large(template, N_PHOTOS)
    with gallery.serve(template, folder) as found:
        yield found


#: Two frames later: what a key or a call set off is under way then.
FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def settled(page: Page) -> None:
    page.evaluate(FRAMES)
    until(
        page,
        "!document.querySelector('.grid[aria-busy=true]') &&"
        " !document.querySelector('.grid .cell img[data-src]')",
    )


def wheel(page: Page, by: int) -> None:
    """Turn the wheel, and wait until the page has scrolled and stands still."""
    before = page.evaluate("scrollY")
    page.mouse.wheel(0, by)
    until(page, "(y) => scrollY !== y", arg=before)
    settled(page)


#: The photos in view, in the order of the document.
SEEN = """[...document.querySelectorAll('.cell')].filter((each) => {
  const box = each.getBoundingClientRect();
  return box.bottom > 60 && box.top < innerHeight;
}).map((each) => Number(each.dataset.id))"""


def seen(page: Page) -> list[int]:
    return page.evaluate(SEEN)


def test_the_last_photo_is_reached_by_key_and_by_slider(open_page, large):
    page = open_page("/", url=large.url)
    page.wait_for_selector("#scrubber .year")
    assert page.evaluate(BOX) <= 4_000_000

    page.keyboard.press("End")
    until(page, f"document.activeElement?.dataset?.cell == {N_PHOTOS}")
    assert N_PHOTOS in seen(page)
    assert page.evaluate(TILES) <= 400

    page.locator("#scrubber").focus()
    page.keyboard.press("Home")
    until(page, f"{SEEN}.includes(1)")
    page.keyboard.press("End")
    until(page, f"{SEEN}.at(-1) > {N_PHOTOS - 1000}")


def test_a_narrow_window_with_large_photos_has_a_box_of_bounded_height(open_page, large):
    page = open_page("/", url=large.url, viewport={"width": 360, "height": 740})
    page.evaluate("document.documentElement.dataset.row = 360")
    page.wait_for_selector("#scrubber .dot")
    for _ in range(4):
        page.keyboard.press("+")
    assert page.evaluate(BOX) <= 4_000_000

    page.evaluate("scrollTo(0, 1e9)")
    settled(page)
    assert N_PHOTOS in seen(page)
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight / 2)")
    settled(page)
    middle = seen(page)[0]
    assert 0.4 * N_PHOTOS < middle < 0.6 * N_PHOTOS


def test_scrolling_shows_every_photo_in_order(open_page, large):
    page = open_page("/", url=large.url)
    page.wait_for_selector("#scrubber .year")
    found: list[int] = []
    for _ in range(12):
        found += [each for each in seen(page) if each not in found]
        wheel(page, 500)
        assert page.evaluate(TILES) <= 400

    assert found == list(range(1, len(found) + 1))
    assert len(found) > 60


def test_months_that_load_above_do_not_move_what_is_seen(open_page, large):
    page = open_page("/", url=large.url)
    page.wait_for_selector("#scrubber .year")
    page.locator("#scrubber").focus()
    page.keyboard.press("PageDown")
    page.keyboard.press("PageDown")
    settled(page)
    photo = seen(page)[8]
    place = f"document.querySelector('[data-id=\"{photo}\"]').getBoundingClientRect().top"
    before = page.evaluate(place)
    page.mouse.move(500, 400)
    wheel(page, -150)
    assert abs(page.evaluate(place) - before - 150) < 3


def test_going_back_leads_to_the_photo_that_was_left(open_page, large):
    page = open_page("/", url=large.url)
    page.wait_for_selector("#scrubber .year")
    page.locator("#scrubber").focus()
    page.keyboard.press("PageDown")
    settled(page)
    photo = seen(page)[5]
    page.locator(f'[data-cell="{photo}"]').click()
    page.wait_for_url(f"**/photo/{photo}")
    page.go_back()
    page.wait_for_selector("html.ready")
    settled(page)
    assert photo in seen(page)


def test_photos_by_relevance_come_page_by_page_to_the_last(open_page, shown):
    page = open_page("/?q=dog")
    total = int(page.locator("#found").inner_text().split()[0])
    page.keyboard.press("End")
    until(page, "Number(document.activeElement?.dataset?.cell) > 0")
    place = page.evaluate("document.activeElement.closest('.cell').dataset.place")
    assert place == f"0:{total - 1}"


def test_the_last_photo_is_reached_while_a_page_is_on_its_way(open_page, shown):
    page = open_page("/?q=dog+OR+cat+OR+beach+OR+sea+OR+boat&sort=relevance")
    total = int(page.locator("#found").inner_text().split()[0])
    held: list[Route] = []
    page.route(
        "**/api/v1/photos?*",
        lambda route: route.continue_() if held else held.append(route),
    )
    page.reload()
    page.wait_for_selector("html.ready")
    wheel(page, 800)
    assert held
    page.keyboard.press("End")
    page.evaluate(FRAMES)  # a page that spins has no frames
    held[0].continue_()
    until(page, f"document.activeElement?.closest('.cell')?.dataset?.place == '0:{total - 1}'")


def test_the_grid_is_one_tab_stop_and_names_its_photos(open_page, shown):
    page = open_page("/")
    expect(page.locator("[data-cell][tabindex='0']")).to_have_count(1)
    first = page.locator("[data-cell]").first
    assert "March 2026" in first.get_attribute("aria-label")
    until(
        page,
        "[...document.querySelectorAll('[data-cell]')].every((a) => /[,;] /.test(a.ariaLabel))",
    )
