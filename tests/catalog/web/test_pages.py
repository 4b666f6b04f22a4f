"""The pages answer with what a person looks for, without JavaScript."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import update

from catalog.db.database import Database
from catalog.db.tables import Photo, PhotoState
from catalog.photos import history
from catalog.web import texts
from tests.support import catalogue, web

NASTY = '"><img src=x onerror=alert(1)>.jpg'


@pytest.fixture
def ids(database: Database) -> list[int]:
    with database.write() as session:
        found = catalogue.add_photos(session, "a.jpg", "b.jpg", NASTY)
        catalogue.tag_photo(session, found[0], {"dog": 0.9, "grass": 0.5})
        catalogue.tag_photo(session, found[1], {"cat": 0.8})
        catalogue.tag_photo(session, found[2], {"</script>": 0.8})
    return found


@pytest.fixture
def client(database: Database, tmp_path: Path) -> Iterator[TestClient]:
    with web.client(database, tmp_path) as opened:
        opened.headers |= web.ORIGIN
        opened.follow_redirects = True
        yield opened


def test_a_search_shows_its_photos_and_its_parts(client, ids):
    page = client.get("/", params={"q": "dog -cat"}).text

    assert f'href="/photo/{ids[0]}?q=dog+-cat"' in page
    assert f'data-id="{ids[1]}"' not in page
    assert "Remove cat" in page


def test_a_word_that_nobody_has_is_answered_with_similar_ones(client, ids):
    page = client.get("/", params={"q": "gras"}).text

    assert "No keyword is called “gras”" in page
    assert 'href="/?q=grass"' in page


def test_keywords_on_no_photo_are_shown_when_they_are_asked_for(client, ids):
    asked = {"action": "reject", "words": ["grass"], "photos": [ids[0]]}
    assert client.post("/api/v1/decisions", json=asked).status_code == 200

    page, all_of_them = client.get("/keywords").text, client.get("/keywords?unused=1").text

    assert "cat" in page
    assert "/?q=grass" not in page
    assert 'href="/keywords?unused=1"' in page
    assert "/?q=grass" in all_of_them
    assert "unused=1" not in client.get("/keywords?prefix=c").text


def test_a_wrong_query_is_marked_where_it_is_wrong(client, ids):
    answer = client.get("/", params={"q": "dog AND )"})

    assert answer.status_code == 400
    assert "<mark>)</mark>" in answer.text


def test_the_word_that_is_wrong_is_marked_whole_and_explained_in_a_sentence(client, ids):
    page = client.get("/", params={"q": "dog AND taken:soon NOT cat"}).text

    assert "dog AND <mark>taken:soon</mark> NOT cat" in page
    assert "</strong> &#39;soon&#39; is not a date" in page


def test_a_search_is_pinned_and_unpinned(client, ids):
    def click() -> str:
        page = client.get("/", params={"q": "dog -cat", "sort": "taken"}).text
        form = re.search(r'<form id="pin".*?</form>', page, re.DOTALL)[0]
        return client.post(
            "/pins", data=dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
        ).text

    assert "Unpin" in click()
    assert 'href="/?q=dog+-cat&amp;sort=taken"><bdi>dog -cat</bdi>' in client.get("/").text
    assert "Unpin" not in click()
    assert "dog -cat" not in client.get("/").text


def test_what_all_photos_of_a_search_have_does_not_narrow_it(client, ids):
    page = client.get("/", params={"q": "dog", "facets": "1"}).text

    assert 'href="/?q=dog+AND+grass&' not in page
    assert 'href="/?q=dog+AND+dog' not in page


def test_a_photo_shows_what_is_known_of_it(client, ids):
    page = client.get(f"/photo/{ids[0]}").text

    assert "a.jpg" in page
    assert 'data-word="grass"' in page
    assert client.get("/photo/999").status_code == 404


def test_a_photo_that_inherited_decisions_is_shown(client, ids, database):
    details = {ids[1]: {"from": ids[0], "keywords": 2}}
    with database.write() as session:
        kind = history.EventKind.INHERITED
        history.add_events(session, ids[1:2], kind, now=datetime.now(UTC), details=details)

    assert client.get(f"/photo/{ids[1]}").status_code == 200


def token_of(client: TestClient, path: str) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', client.get(path).text)
    assert found is not None
    return found[1]


def decide(client: TestClient, photo_id: int, action: str, word: str, back: str) -> Response:
    form = {"action": action, "word": word, "back": back}
    form["form_token"] = token_of(client, f"/photo/{photo_id}")
    # A browser names no origin of a form where `Referrer-Policy: no-referrer` holds.
    headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    path = f"/photo/{photo_id}/decide"
    return client.post(path, data=form, headers=headers, follow_redirects=False)


def test_a_keyword_is_rejected_without_javascript(client, ids):
    answer = decide(client, ids[0], "reject", "grass", f"/photo/{ids[0]}")

    assert (answer.status_code, answer.headers["location"]) == (303, f"/photo/{ids[0]}")
    assert '<li class="rejected" data-word="grass"' in client.get(f"/photo/{ids[0]}").text


def test_no_form_leads_to_another_site(client, ids):
    answer = decide(client, ids[0], "confirm", "dog", "//evil.example")

    assert answer.headers["location"] == f"/photo/{ids[0]}"


def test_a_form_of_nobody_knows_where_is_refused(client, ids):
    path, form = f"/photo/{ids[0]}/decide", {"action": "reject", "word": "dog"}

    assert client.post(path, data=form).status_code == 403
    hidden = {"Origin": "null", "Sec-Fetch-Site": "cross-site"}
    assert client.post(path, data=form, headers=hidden).status_code == 403
    assert 'class="rejected"' not in client.get(f"/photo/{ids[0]}").text


PATHS = [
    "/review",
    "/review?word=dog",
    "/review/photo",
    "/keywords",
    "/keywords?view=tree&sort=name&prefix=d",
    "/groups",
    "/groups?by=events",
    "/groups?by=alike",
    "/status",
    "/settings",
    "/login",
]


@pytest.mark.parametrize("path", PATHS)
def test_every_page_answers_an_empty_catalogue_and_a_full_one(client, database, path):
    missing = {"/review?word=dog"}
    assert client.get(path).status_code == (404 if path in missing else 200)
    with database.write() as session:
        for photo_id in catalogue.add_photos(session, "a.jpg", "b.jpg", "c.jpg"):
            catalogue.tag_photo(session, photo_id, {"dog": 0.9, "grass": 0.5})
    assert client.get(path).status_code == 200


def test_the_review_begins_with_the_surest_photo(client, ids):
    page = client.get("/review?word=grass").text

    assert "0 of 1 decided" in page
    assert 'data-sure="0.5"' in page


def test_settings_are_kept_and_nonsense_is_not(client, ids):
    form = {"theme": "dark", "lang": "ru", "row": "9999", "keys": "off"}
    client.post("/settings", data=form | {"form_token": token_of(client, "/settings")})
    page = client.get("/settings").text

    assert '<html lang="ru" data-theme="dark" data-row="200" data-keys="off"' in page


@pytest.mark.parametrize(
    "path", ["/", "/?q=%22%3C%2Fscript%3E%22", "/photo/{}", "/?q=%3Cb%3E&facets=1"]
)
def test_names_and_keywords_are_text_alone(client, ids, path):
    page = client.get(path.format(ids[2])).text

    assert "<img src=x" not in page
    assert "<b>" not in page
    scripts = page.count("</script>")
    assert scripts == page.count("<script")


def test_pages_speak_the_language_that_is_asked_for(client, ids):
    assert "3 photos" in client.get("/").text
    russian = client.get("/", headers={"Accept-Language": "ru-RU,ru;q=0.9,en;q=0.5"}).text
    assert '<html lang="ru"' in russian
    assert "3 фото" in russian
    client.cookies.set("kadr_lang", "en")
    assert "3 photos" in client.get("/", headers={"Accept-Language": "ru"}).text


def test_an_address_that_leads_nowhere_is_a_page_in_the_persons_language(client, ids):
    wanted = {"Accept": "text/html", "Accept-Language": "ru"}
    for path in ("/nothing", "/photo/999", "/photo/x", f"/photo/{10**30}"):
        answer = client.get(path, headers=wanted)

        assert answer.status_code == 404
        assert "Здесь ничего нет" in answer.text
    wrong = client.get("/", params={"q": "dog AND ("}, headers=wanted).text
    assert "Запрос кончается там, где нужна закрывающая скобка." in wrong
    assert "wrong" not in client.get("/api/v1/photos?q=)", headers={"Accept-Language": "ru"}).json()


def test_every_language_has_every_text():
    files = {
        name: json.loads((texts.FOLDER / f"{name}.json").read_text()) for name in texts.LANGUAGES
    }
    english = files.pop("en")

    for entries in files.values():
        assert entries.keys() == english.keys()
        for key, text in entries.items():
            assert isinstance(text, str) == isinstance(english[key], str), key


@pytest.mark.parametrize(
    ("n", "expected"),
    [(1, "1 файл"), (3, "3 файла"), (11, "11 файлов"), (22, "22 файла"), (1.5, "1,5 файла")],
)
def test_russian_numbers_have_their_forms(n, expected):
    forms = {"one": "{n} файл", "few": "{n} файла", "many": "{n} файлов", "other": "{n} файла"}

    assert texts.Texts("ru", {"files": forms})("files", n=n) == expected


def test_a_failure_names_its_file_once_with_its_folder_and_its_reason(client, ids, database):
    reason = "a.jpg: truncated, the file ends before its picture does"
    failed = update(Photo).where(Photo.id == ids[0])
    with database.write() as session:
        session.execute(failed.values(state=PhotoState.QUARANTINED, failure=reason))

    page = client.get("/status").text

    assert "<bdi>a.jpg</bdi></a>" in page
    assert ">/photos</bdi>" in page
    assert "<td>truncated, the file ends" in page
