"""Every key of the table does what the table says, and the help overlay shows that table."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import catalog.web
from tests.support.browser import until

STATIC = Path(catalog.web.__file__).parent / "static"
TABLE = json.loads(
    "[" + (STATIC / "js/keys.js").read_text().split("KEYS = [")[1].split("];")[0] + "]"
)
ROWS = [(place, row["does"], key) for row in TABLE for place in row["in"] for key in row["keys"]]
PAGES = {
    "any": "/keywords",
    "grid": "/?q=dog",
    "photo": "/photo/61?q=beach&sort=taken",
    "review": "/review?word=cat",
    "one": "/review/photo?after=300",
}


def focused(page: Page) -> int:
    return page.evaluate("Number(document.activeElement?.dataset?.cell ?? 0)")


def cells(page: Page) -> list[int]:
    return page.evaluate(
        "[...document.querySelectorAll('[data-cell]')].map((a) => +a.dataset.cell)"
    )


def press(page: Page, key: str) -> None:
    for part in key.split(" "):
        page.keyboard.press({"+": "+", "Control+a": "Control+A"}.get(part, part))


def tile(page: Page, n: int):
    return page.locator(".tile").nth(n)


def at(page: Page) -> int:
    return page.evaluate(
        "[...document.querySelectorAll('.words li')].findIndex((row) => row.matches('.at'))"
    )


def goes(pattern: str):
    def check(page: Page, key: str) -> None:
        press(page, key)
        expect(page).to_have_url(re.compile(pattern))

    return check


def opens(text: str):
    def check(page: Page, key: str) -> None:
        press(page, key)
        expect(page.locator("dialog")).to_contain_text(text)
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_have_count(0)

    return check


def moves(start: int, step: int):
    def check(page: Page, key: str) -> None:
        links = cells(page)
        page.locator("[data-cell]").nth(start).focus()
        press(page, key)
        until(page, f"document.activeElement.dataset.cell == {links[start + step]}")

    return check


def moves_row(*, down: bool):
    def check(page: Page, key: str) -> None:
        page.locator("[data-cell]").nth(0 if down else 12).focus()
        before = page.evaluate("document.activeElement.getBoundingClientRect().top + scrollY")
        press(page, key)
        until(
            page,
            "(y) => Math.abs(document.activeElement.getBoundingClientRect().y + scrollY - y) > 50",
            arg=before,
        )
        after = page.evaluate("document.activeElement.getBoundingClientRect().top + scrollY")
        assert (after > before) == down

    return check


def selects_range(page: Page, key: str) -> None:
    page.locator("[data-cell]").nth(8).focus()
    press(page, key)
    until(page, "document.querySelectorAll('.cell[aria-selected=true]').length > 1")


def edges(*, first: bool):
    def check(page: Page, key: str) -> None:
        press(page, key)
        until(page, "Number(document.activeElement?.dataset?.cell) > 0")
        place = page.evaluate("document.activeElement.closest('.cell').dataset.place")
        assert place == "0:0" if first else place != "0:0"

    return check


def toggles(page: Page, key: str) -> None:
    page.locator("[data-cell]").first.focus()
    press(page, key)
    expect(page.locator(".cell[aria-selected=true]")).to_have_count(1)
    press(page, key)
    expect(page.locator(".cell[aria-selected=true]")).to_have_count(0)


def clears(page: Page, key: str) -> None:
    page.locator("[data-cell]").first.focus()
    page.keyboard.press("Space")
    expect(page.locator(".bar")).to_be_visible()
    press(page, key)
    expect(page.locator(".bar")).to_have_count(0)


def asks_for_words(page: Page, key: str) -> None:
    page.locator("[data-cell]").first.focus()
    press(page, key)
    expect(page.locator(".bar input")).to_be_focused()


def selects_all(page: Page, key: str) -> None:
    press(page, key)
    page.locator("dialog .primary").click()
    expect(page.locator(".bar strong")).to_have_text(re.compile(r"\d+ selected"))


def opens_photo(page: Page, key: str) -> None:
    page.locator("[data-cell]").first.focus()
    press(page, key)
    expect(page).to_have_url(re.compile(r"/photo/\d+"))


def resizes(by: int):
    def check(page: Page, key: str) -> None:
        press(page, key)
        until(page, f"document.documentElement.dataset.row == {200 + by}")

    return check


def details(page: Page, key: str) -> None:
    page.locator("[data-cell]").first.focus()
    opens("Details")(page, key)


def similar(page: Page, key: str) -> None:
    if page.locator("[data-cell]").count():
        page.locator("[data-cell]").first.focus()
    goes(r"/photo/\d+/similar")(page, key)


def undoes(page: Page, key: str) -> None:
    press(page, key)
    expect(page.locator(".toast")).to_contain_text("Nothing was decided")


def zooms(page: Page, key: str) -> None:
    press(page, key)
    expect(page.locator("#stage.zoomed")).to_have_count(1)
    press(page, key)
    expect(page.locator("#stage.zoomed")).to_have_count(0)


def word_moves(*, down: bool):
    def check(page: Page, key: str) -> None:
        while at(page) < 1:
            page.keyboard.press("ArrowDown")
        press(page, key)
        assert at(page) == (2 if down else 0)

    return check


def decides(row_class: str):
    def check(page: Page, key: str) -> None:
        press(page, key)
        expect(page.locator(f".words li.{row_class}")).to_have_count(1)

    return check


def skips(page: Page, key: str) -> None:
    before = max(0, at(page))
    press(page, key)
    assert at(page) == before + 1


def removes(page: Page, key: str) -> None:
    before = page.locator(".words li:not(.rejected)").count()
    press(page, key)
    expect(page.locator(".words li:not(.rejected)")).to_have_count(before - 1)


def adds_here(page: Page, key: str) -> None:
    press(page, key)
    expect(page.locator("main form input[type=text]:focus")).to_have_count(1)


def full_screen(page: Page, key: str) -> None:
    press(page, key)
    until(page, "document.fullscreenElement !== null")
    press(page, key)
    until(page, "document.fullscreenElement === null")


def hides_info(page: Page, key: str) -> None:
    press(page, key)
    expect(page.locator(".side")).to_be_hidden()
    press(page, key)
    expect(page.locator(".side")).to_be_visible()


def says(verdict: str):
    def check(page: Page, key: str) -> None:
        tile(page, 0).locator("a").focus()
        press(page, key)
        expect(tile(page, 0)).to_have_attribute("data-said", verdict)
        expect(tile(page, 1).locator("a")).to_be_focused()

    return check


def tile_moves(start: int, target: int):
    def check(page: Page, key: str) -> None:
        tile(page, start).locator("a").focus()
        press(page, key)
        n = target if target >= 0 else page.locator(".tile").count() - 1
        expect(tile(page, n).locator("a")).to_be_focused()

    return check


def cut_moves(*, down: bool):
    def check(page: Page, key: str) -> None:
        place = (
            "[...document.querySelector('#tiles').children].indexOf(document.querySelector('#cut'))"
        )
        before = page.evaluate(place)
        press(page, key)
        assert (page.evaluate(place) > before) == down

    return check


def turns_over(page: Page, key: str) -> None:
    tile(page, 0).locator("a").focus()
    press(page, key)
    expect(tile(page, 0)).to_have_attribute("data-said", "confirm")
    until(page, "document.querySelector('.tile').dataset.change")
    press(page, key)
    expect(tile(page, 0)).to_have_attribute("data-said", "reject")


def applies(page: Page, key: str) -> None:
    press(page, key)
    expect(page.locator(".toast")).to_contain_text("accepted")


def folds(page: Page, key: str) -> None:
    press(page, key)
    expect(page).to_have_url(re.compile("fold=1"))


def searches(page: Page, key: str) -> None:
    press(page, key)
    expect(page.locator("#q")).to_be_focused()


CHECKS = {
    ("any", "search"): searches,
    ("any", "help"): opens("Everywhere"),
    ("any", "undo"): undoes,
    ("any", "history"): opens("Decisions in this tab"),
    ("any", "go-groups"): goes("/groups$"),
    ("any", "go-review"): goes("/review$"),
    ("any", "go-keywords"): goes("/keywords$"),
    ("any", "go-status"): goes("/status$"),
    ("any", "go-home"): goes("/$"),
    ("grid", "left"): moves(3, -1),
    ("grid", "right"): moves(3, 1),
    ("grid", "up"): moves_row(down=False),
    ("grid", "down"): moves_row(down=True),
    ("grid", "first"): edges(first=True),
    ("grid", "last"): edges(first=False),
    ("grid", "page-up"): moves_row(down=False),
    ("grid", "page-down"): moves_row(down=True),
    ("grid", "open"): opens_photo,
    ("grid", "toggle"): toggles,
    ("grid", "range-left"): selects_range,
    ("grid", "range-right"): selects_range,
    ("grid", "range-up"): selects_range,
    ("grid", "range-down"): selects_range,
    ("grid", "all"): selects_all,
    ("grid", "clear"): clears,
    ("grid", "add"): asks_for_words,
    ("grid", "remove"): asks_for_words,
    ("grid", "similar"): similar,
    ("grid", "fold"): folds,
    ("grid", "details"): details,
    ("grid", "larger"): resizes(40),
    ("grid", "smaller"): resizes(-40),
    ("photo", "back"): goes(r"/\?q=beach"),
    ("photo", "previous"): goes(r"/photo/(?!61)\d+\?q=beach"),
    ("photo", "next"): goes(r"/photo/(?!61)\d+\?q=beach"),
    ("photo", "first"): goes(r"/photo/(?!61)\d+\?q=beach"),
    ("photo", "last"): goes(r"/photo/(?!61)\d+\?q=beach"),
    ("photo", "word-up"): word_moves(down=False),
    ("photo", "word-down"): word_moves(down=True),
    ("photo", "zoom"): zooms,
    ("photo", "yes"): decides("confirmed"),
    ("photo", "no"): decides("rejected"),
    ("photo", "skip"): skips,
    ("photo", "add"): adds_here,
    ("photo", "remove"): removes,
    ("photo", "similar"): similar,
    ("photo", "full"): full_screen,
    ("photo", "info"): hides_info,
    ("review", "left"): tile_moves(3, 2),
    ("review", "right"): tile_moves(3, 4),
    ("review", "first"): tile_moves(3, 0),
    ("review", "last"): tile_moves(3, -1),
    ("review", "yes"): says("confirm"),
    ("review", "no"): says("reject"),
    ("review", "skip"): says("skip"),
    ("review", "cut-up"): cut_moves(down=False),
    ("review", "cut-down"): cut_moves(down=True),
    ("review", "toggle"): turns_over,
    ("review", "apply"): applies,
    ("review", "add"): adds_here,
    ("review", "open"): goes(r"/photo/\d+$"),
    ("review", "back"): goes("/review$"),
    ("one", "word-up"): word_moves(down=False),
    ("one", "word-down"): word_moves(down=True),
    ("one", "yes"): decides("confirmed"),
    ("one", "no"): decides("rejected"),
    ("one", "skip"): skips,
    ("one", "add"): adds_here,
    ("one", "next"): goes("/review/photo[?]after="),
    ("one", "open"): goes(r"/photo/\d+$"),
    ("one", "back"): goes("/review$"),
}


#: What changes the catalogue.
CHANGING = {"yes", "no", "remove", "apply"} | {("review", "toggle")}
LOOKING = [(p, d, k) for p, d, k in ROWS if not {d, (p, d)} & CHANGING]
DECIDING = [row for row in ROWS if row not in LOOKING]


def names(rows: list[tuple[str, str, str]]) -> list[str]:
    return ["-".join(row) for row in rows]


@pytest.mark.parametrize(("place", "does", "key"), LOOKING, ids=names(LOOKING))
def test_a_key_leads_where_the_table_says(open_page, shown, place, does, key):
    CHECKS[place, does](open_page(PAGES[place]), key)


@pytest.mark.parametrize(("place", "does", "key"), DECIDING, ids=names(DECIDING))
def test_a_key_decides_what_the_table_says(open_page, place, does, key):
    CHECKS[place, does](open_page(PAGES[place]), key)


@pytest.mark.parametrize(("place", "path"), PAGES.items())
def test_help_shows_every_key_of_the_place(open_page, shown, place, path):
    page = open_page(path)
    page.keyboard.press("?")

    texts = json.loads((STATIC.parent / "locale/en.json").read_text())
    shown = page.locator("dialog dt").all_inner_texts()
    assert [texts[row["text"]] for row in TABLE if place in row["in"]] == [
        text
        for text in shown
        if text in {texts[row["text"]] for row in TABLE if place in row["in"]}
    ][: len([row for row in TABLE if place in row["in"]])]


def test_single_letters_do_nothing_while_typing_or_switched_off(open_page, shown):
    page = open_page("/?q=dog")
    page.locator("#q").focus()
    page.keyboard.type("gk?")
    assert "gk?" in page.locator("#q").input_value()

    page.context.add_cookies([{"name": "kadr_keys", "value": "off", "url": page.url}])
    page.reload()
    page.wait_for_selector("html.ready")
    page.keyboard.press("?")
    page.keyboard.press("i")
    expect(page.locator("dialog")).to_have_count(0)
    page.keyboard.press("ArrowRight")
    until(page, "Number(document.activeElement?.dataset?.cell) > 0")
