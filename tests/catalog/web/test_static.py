"""What goes to the browser is small, and writes no HTML from texts."""

import gzip
import json
import re
from pathlib import Path

import catalog.web
from catalog.web import texts

STATIC = Path(catalog.web.__file__).parent / "static"
SCRIPTS = sorted((STATIC / "js").glob("*.js"))
#: What the largest page, a search, does not load.
_OTHER_PAGES = {"photo.js", "review.js", "status.js"}


def test_styles_and_scripts_of_a_page_are_at_most_40_kb():
    sent = [STATIC / "kadr.css", *(each for each in SCRIPTS if each.name not in _OTHER_PAGES)]

    assert sum(len(gzip.compress(each.read_bytes())) for each in sent) <= 40 * 1024


def test_no_script_writes_html_or_runs_text():
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser"
    )

    assert [each.name for each in SCRIPTS if forbidden.search(each.read_text())] == []


def test_no_page_has_a_style_or_a_script_of_its_own():
    for template in (STATIC.parent / "templates").glob("*.html"):
        content = template.read_text()
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=", content), template.name
        for attributes in re.findall(r"<script([^>]*)>", content):
            assert "src=" in attributes or "application/json" in attributes, template.name


def test_every_text_that_a_script_or_a_template_names_exists():
    known = json.loads((texts.FOLDER / "en.json").read_text()).keys()
    named = {
        key for each in SCRIPTS for key in re.findall(r'\bt\("([a-z][\w.-]+)"', each.read_text())
    }
    for template in (STATIC.parent / "templates").glob("*.html"):
        named |= set(re.findall(r"""\bt\(["']([\w.-]+)["'][,)]""", template.read_text()))
    named |= set(re.findall(r'"text": "([\w.-]+)"', (STATIC / "js/keys.js").read_text()))

    assert sorted(named - known) == []
    used_in_scripts = {key for key in named if key.startswith(("js.", "key."))}
    assert used_in_scripts <= texts.load("en").for_browser().keys()
