"""Every page without JavaScript, for screen readers, narrow, dark, and with hostile names."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.support.browser import until
from tests.support.gallery import HOSTILE_NAMES, HOSTILE_WORDS

PAGES = [
    "/",
    "/?q=dog&facets=1",
    "/?q=dog+AND+(",
    "/?q=xyzzy",
    "/photo/60?q=dog",
    "/photo/60/similar",
    "/photo/10",
    "/review",
    "/review?word=dog",
    "/review/photo",
    "/keywords",
    "/keywords?view=tree",
    "/groups?by=events",
    "/groups/1?by=events",
    "/status",
    "/settings",
    "/login",
    "/photo/99999",
]
LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "narrow": {"color_scheme": "light", "viewport": {"width": 320, "height": 640}},
}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing(open_page, shown, look):
    page = open_page("/", **LOOKS[look])
    found = []
    for path in PAGES:
        page.goto(shown.url + path)
        page.wait_for_selector("html.ready")
        result = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
        found += [
            (path, each["id"], [node["html"][:160] for node in each["nodes"]][:2])
            for each in result.response["violations"]
        ]
        if look == "narrow":
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
    assert found == []


def test_bars_and_dialogs_satisfy_axe_too(open_page, shown):
    page = open_page("/?q=dog")
    page.locator("[data-cell]").first.focus()
    page.keyboard.press("Space")
    page.locator(".bar input").type("be")
    page.wait_for_selector(".bar [role=option]")
    bar = Axe().run(page)
    page.keyboard.press("Escape")
    page.locator("#found").click()
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")
    help_overlay = Axe().run(page)

    for result in (bar, help_overlay):
        assert [each["id"] for each in result.response["violations"]] == []


def test_finding_and_looking_need_no_javascript(open_page, shown):
    page = open_page("/", wait=False, java_script_enabled=False)
    expect(page.locator(".cell")).to_have_count(60)
    expect(page.locator(".cell img").first).to_be_visible()
    page.get_by_role("link", name="Next page").click()
    expect(page.locator(".cell")).to_have_count(60)
    page.locator("#q").fill("dog")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("q=dog"))
    page.locator(".cell a").first.click()
    expect(page.locator(".stage img")).to_be_visible()
    page.get_by_role("link", name="Next photo").click()
    page.get_by_role("button", name=re.compile("^Reject")).first.click()
    expect(page.locator("#words li.rejected")).to_have_count(1)
    page.get_by_role("link", name="Photos", exact=True).last.click()
    expect(page.locator(".cell").first).to_be_visible()


def test_hostile_names_and_keywords_are_text(open_page, shown):
    page = open_page("/")
    paths = ["/?sort=added", "/keywords", "/review", *(f"/photo/{n}" for n in (301, 302, 303))]
    page.on("dialog", lambda dialog: pytest.fail(f"a name ran as a script: {dialog.message}"))
    for path in paths:
        page.goto(shown.url + path)
        page.wait_for_selector("html.ready")
        until(page, "[...document.images].every((image) => image.complete)")
        assert page.locator("img[src=x], main b:not(bdi b)").count() == 0
    page.goto(shown.url + "/photo/301")
    expect(page.locator("h1")).to_have_text(HOSTILE_NAMES[0])
    expect(page.locator("#words")).to_contain_text(HOSTILE_WORDS[0])
    page.goto(shown.url + "/?q=x")
    page.locator("#q").fill("xx")
    page.locator("#q").type("x")
    expect(page.locator("[role=option]").first).to_contain_text("xxx")


def test_a_long_keyword_does_not_widen_a_phone(open_page, shown):
    page = open_page("/photo/303", viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
