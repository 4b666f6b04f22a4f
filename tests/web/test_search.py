"""Searching with the box, chips and facets; selecting photos and giving them keywords."""

import re

from playwright.sync_api import expect


def test_the_box_completes_and_keeps_what_was_typed(open_page, shown):
    page = open_page("/")
    box = page.locator("#q")
    box.focus()
    box.type("beach AND do")
    expect(page.locator("[role=option]").first).to_contain_text("dog")
    expect(box).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    expect(box).to_have_attribute("aria-activedescendant", re.compile("complete-"))
    page.keyboard.press("Enter")
    assert box.input_value() == "beach AND dog"
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"q=beach\+AND\+dog"))
    expect(page.locator(".chip").first).to_contain_text("beach")


def test_a_chip_is_turned_over_and_taken_away(open_page, shown):
    page = open_page("/?q=beach+dog")
    page.locator(".chip", has_text="dog").locator("a").first.click()
    expect(page).to_have_url(re.compile(r"q=beach\+NOT\+dog"))
    page.get_by_role("link", name="Remove dog").click()
    expect(page).to_have_url(re.compile(r"q=beach$"))


def test_a_facet_narrows_the_search_and_alt_excludes(open_page, shown):
    page = open_page("/?q=beach")
    page.locator("#facets summary").click()
    offered = page.locator("#facets .chip")
    offered.filter(has_text="cat").locator("a").click()
    expect(page.locator(".chip", has_text="cat")).to_be_visible()
    page.locator("#facets summary").click()
    offered.filter(has_text="boat").locator("a").click(modifiers=["Alt"])
    expect(page).to_have_url(re.compile(r"NOT\+boat"))


def test_an_unknown_word_is_answered_with_one_that_is_known(open_page, shown):
    page = open_page("/?q=beech")
    page.get_by_role("link", name="beach").click()
    expect(page).to_have_url(re.compile(r"q=beach$"))


def test_keywords_are_added_to_a_selection_and_taken_back(open_page):
    page = open_page("/?q=dog&sort=taken")
    page.locator("[data-cell]").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator(".bar strong")).to_have_text("3 selected")
    page.keyboard.press("a")
    page.keyboard.type("holiday")
    page.keyboard.press("Escape")
    page.locator(".bar .primary").click()
    expect(page.locator(".toast")).to_contain_text("Added holiday to 3 photos")
    assert count(page, "holiday") == 3
    page.locator(".toast button", has_text="Undo").click()
    expect(page.locator(".toast")).to_contain_text("Undone")
    assert count(page, "holiday") == 0


def test_keys_go_on_after_words_were_added(open_page):
    page = open_page("/?q=dog")
    page.locator("[data-cell]").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("a")
    page.keyboard.type("at home")
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text("Added at home to 1 photo")
    expect(page.locator("[data-cell]").first).to_be_focused()

    page.keyboard.press("z")
    expect(page.locator(".toast")).to_contain_text("Undone")
    page.keyboard.press("a")
    page.keyboard.press("Escape")
    expect(page.locator("[data-cell]").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".bar")).to_have_count(0)


def test_a_word_is_removed_from_all_of_a_search(open_page):
    page = open_page("/?q=boat")
    total = count(page, "boat")
    page.keyboard.press("Control+A")
    page.locator("dialog .primary").click()
    expect(page.locator(".bar strong")).to_have_text(f"{total} selected")
    page.locator(".bar input").fill("boat")
    page.locator("[data-remove]").click()
    expect(page.locator(".toast")).to_contain_text(f"Removed boat from {total} photos")
    page.locator(".bar button[aria-label='Clear the selection']").click()
    page.keyboard.press("z")
    expect(page.locator(".toast")).to_contain_text("Undone")
    assert count(page, "boat") == total


def test_a_mouse_selects_by_the_circle_and_a_range_with_shift(open_page, shown):
    page = open_page("/?q=dog")
    page.locator(".cell").nth(1).hover()
    page.locator(".pick").nth(1).click()
    page.locator(".cell").nth(4).click(modifiers=["Shift"])
    expect(page.locator(".cell[aria-selected=true]")).to_have_count(4)
    expect(page.locator("[data-shared] .chip").first).to_be_visible()


def test_keywords_have_the_name_of_the_persons_language(open_page, shown):
    page = open_page("/photo/60", locale="ru-RU")
    expect(page.locator("#words")).to_contain_text("собака")
    expect(page.locator("html")).to_have_attribute("lang", "ru")


def test_settings_are_kept(open_page, shown):
    page = open_page("/settings")
    page.get_by_label("Dark").check()
    page.get_by_label("Language").select_option("ru")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("h1")).to_have_text("Настройки")


def count(page, query: str) -> int:
    return page.evaluate(
        f"fetch('/api/v1/photos/count?q={query}').then((r) => r.json()).then((r) => r.photos)"
    )
