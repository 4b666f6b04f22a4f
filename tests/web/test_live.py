"""Photos that arrive show up in open pages without moving anything."""

import re

from playwright.sync_api import expect

from tests.support.browser import until


def test_a_new_photo_is_announced_and_shown_on_demand(open_page, served):
    page = open_page("/")
    until(page, "document.querySelector('.grid.live .cell')")
    other = page.context.new_page()
    other.goto(served.url + "/?q=dog")
    other.wait_for_selector("html.ready")
    before = page.evaluate("document.querySelector('.cell').getBoundingClientRect().top")

    photo = served.tag_another("new.jpg")

    for each in (page, other):
        expect(each.locator(".pill")).to_have_text("1 new photo")
    assert page.evaluate("document.querySelector('.cell').getBoundingClientRect().top") == before
    page.locator(".pill").click()
    expect(page).to_have_url(re.compile("sort=added"))
    expect(page.locator(".cell").first).to_have_attribute("data-id", str(photo))


def test_one_tab_of_a_browser_listens_for_all(open_page, served):
    page = open_page("/status")
    asked: list[str] = []
    page.context.on(
        "request", lambda each: asked.append(each.url) if "/events" in each.url else None
    )
    second = page.context.new_page()
    second.goto(served.url + "/status")
    second.wait_for_selector("html.ready")
    served.tag_another("another.jpg")
    expect(second.locator("[data-count=tagged]")).to_have_text("301")
    expect(page.locator("[data-count=tagged]")).to_have_text("301")
    assert asked == []


def test_failures_are_listed_with_reasons_and_tried_again(open_page):
    page = open_page("/status")
    expect(page.locator("tbody tr")).to_have_count(3)
    page.locator("tbody tr").first.get_by_role("button").click()
    expect(page.locator(".toast")).to_contain_text("tried again")
    expect(page.locator("tbody tr")).to_have_count(2)
