"""The review: a cut line, one key a decision, progress, and a way back."""

import re

from playwright.sync_api import expect

from tests.support.browser import until


def undecided(page, word: str) -> int:
    address = f"/api/v1/review?word={word}&limit=500"
    return page.evaluate(f"fetch('{address}').then((r) => r.json()).then((r) => r.items.length)")


def test_the_cut_line_confirms_above_rejects_below_and_is_undone(open_page):
    page = open_page("/review?word=cat")
    before = undecided(page, "cat")
    page.keyboard.press("ArrowDown")
    page.locator("#below").select_option("reject")
    page.locator("#tiles a").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text("accepted")
    assert undecided(page, "cat") == 0
    expect(page.locator("#precision")).to_contain_text("right so far")

    page.keyboard.press("z")
    expect(page.locator(".toast")).to_contain_text("Undone")
    assert undecided(page, "cat") == before
    expect(page.locator(".tile[data-said]")).to_have_count(0)


def test_decisions_are_sent_together_and_shown_at_once(open_page):
    page = open_page("/review?word=sea")
    before = undecided(page, "sea")
    sent: list[str] = []
    page.on(
        "request", lambda asked: sent.append(asked.post_data) if asked.method == "POST" else None
    )
    page.locator("#tiles a").first.focus()
    page.keyboard.type("yyn")
    expect(page.locator(".tile[data-said=confirm]")).to_have_count(2)
    until(page, "document.querySelectorAll('.tile[data-change]').length == 3")
    assert len(sent) == 2
    assert undecided(page, "sea") == before - 3
    expect(page.locator("#progress-text")).to_contain_text("3 of")


def test_tiles_come_back_when_the_server_refuses(open_page):
    page = open_page("/review?word=grass")
    page.route("**/api/v1/decisions", lambda route: route.abort())
    page.locator("#tiles a").first.focus()
    page.keyboard.press("y")
    expect(page.locator(".toast")).to_contain_text("Nothing was changed")
    expect(page.locator(".tile[data-said]")).to_have_count(0)


def test_words_that_gain_most_come_first_and_lead_to_their_photos(open_page, shown):
    page = open_page("/review")
    page.locator(".nextwords a").first.click()
    expect(page).to_have_url(re.compile("word="))
    expect(page.locator(".tile").first).to_be_visible()


def test_a_photo_is_reviewed_word_by_word(open_page):
    page = open_page("/review/photo?after=300")
    words = page.locator("#undecided li").count()
    first = page.url
    for n in range(words):
        expect(page.locator("#undecided li").nth(n)).to_have_class("at")
        page.keyboard.press("y")
    expect(page).not_to_have_url(first)


def test_keys_on_a_photo_decide_and_z_takes_back(open_page):
    page = open_page("/photo/60")
    page.keyboard.press("n")
    expect(page.locator("#words li").first).to_have_class(re.compile("rejected"))
    expect(page.locator(".toast")).to_contain_text("Rejected")
    page.keyboard.press("z")
    expect(page.locator("#words li")).not_to_have_count(0)
    expect(page.locator("#words li.rejected")).to_have_count(0)
