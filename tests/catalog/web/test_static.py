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


def test_the_page_about_keys_shows_the_table_of_keys():
    page = (STATIC.parents[2] / "docs/gallery.md").read_text()
    written = (STATIC / "js/keys.js").read_text().split("KEYS = [")[1].split("];")[0]
    english = json.loads((texts.FOLDER / "en.json").read_text())

    for row in json.loads(f"[{written}]"):
        keys = [_shown(key) for key in row["keys"]]
        line = ", ".join(f"`{key}`" for key in keys) + f" | {english[row['text']]} |"
        assert page.count(f"| {line}") >= len(row["in"]), line


def _shown(key: str) -> str:
    names = {"ArrowLeft": "←", "ArrowRight": "→", "ArrowUp": "↑", "ArrowDown": "↓", "Escape": "Esc"}
    names |= {"PageUp": "PgUp", "PageDown": "PgDn", "Control": "Ctrl", "a": "a"}
    if len(key) == 1:
        return key
    shown = " ".join(names.get(part, part) for part in key.split("+"))
    return "Ctrl A" if shown == "Ctrl a" else shown


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
