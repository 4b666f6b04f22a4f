"""The REST API over a small catalogue, on both databases."""

# ruff: noqa: RUF001 - Russian words have letters that look Latin

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from catalog import query
from catalog.db.database import Database
from catalog.db.tables import Photo
from catalog.photos import lifecycle
from catalog.requests import jobs
from catalog.tags import counts, store
from catalog.web import deciding
from tests.support import catalogue, web

NOW = datetime.now(UTC)


@pytest.fixture
def photo_ids(database: Database) -> list[int]:
    """Six photos: dogs of falling confidence, some with a date; the last could not be read."""
    dog = store.TagSpec("dog", aliases=(("собака", "ru"), ("dogs", None)), parents=("animal",))
    with database.write() as session:
        ids = catalogue.add_photos(session, *(f"{name}.jpg" for name in "abcdef"))
        for number, photo_id in enumerate(ids[:5]):
            words = {"dog": 0.9 - 0.1 * number} | ({"grass": 0.4} if number < 2 else {})
            catalogue.tag_photo(session, photo_id, words, specs={"dog": dog})
        dates = [datetime(2023, 5, 1), datetime(2023, 5, 2), datetime(2022, 12, 31)]  # noqa: DTZ001
        for photo_id, taken_at in zip(ids, dates, strict=False):
            row = update(Photo).where(Photo.id == photo_id)
            session.execute(row.values(taken_at=taken_at))
        claim = lifecycle.claim_photos(session, ids[5:], limit=1, lease_s=60, now=catalogue.NOW)
        reasons = {ids[5]: "f.jpg: is cut off"}
        lifecycle.quarantine(session, claim.token, reasons, now=catalogue.NOW)
        counts.refresh(session)
    return ids


@pytest.fixture
def client(database: Database, photo_ids: list[int], tmp_path: Path) -> Iterator[TestClient]:
    with web.client(database, tmp_path) as opened:
        yield opened


def get(client: TestClient, path: str, **params: Any) -> Any:
    found = client.get(f"/api/v1{path}", params=params)
    assert found.status_code == 200, found.text
    return found.json()


def post(client: TestClient, path: str, body: Any = None, **headers: str) -> Any:
    sent = web.ORIGIN | {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(f"/api/v1{path}", json=body or {}, headers=sent)


def test_pages_neither_skip_nor_repeat(client: TestClient, photo_ids: list[int]):
    seen: list[int] = []
    after = None
    for _ in range(5):
        page = get(client, "/photos", q="dog", limit=2, **({"after": after} if after else {}))
        seen += [item["id"] for item in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert seen == photo_ids[:5]


def test_unknown_words_get_suggestions(client: TestClient):
    assert get(client, "/photos", q="dgo")["unknown"] == [{"word": "dgo", "suggestions": ["dog"]}]


def test_counts_and_facets_know_when_the_catalogue_changed(
    client: TestClient, photo_ids: list[int]
):
    first = client.get("/api/v1/photos/count", params={"q": "grass"})
    assert first.json() == {"photos": 2, "exact": True}
    facets = get(client, "/facets", q="grass")
    assert [(each["value"], each["photos"]) for each in facets["years"]] == [("2023", 2)]

    body = {"action": "reject", "words": ["grass"], "photos": photo_ids[:1]}
    assert post(client, "/decisions", body).status_code == 200

    second = client.get("/api/v1/photos/count", params={"q": "grass"})
    assert second.json()["photos"] == 1
    assert second.headers["etag"] != first.headers["etag"]


def test_the_timeline_has_every_photo_once(client: TestClient, photo_ids: list[int]):
    months = get(client, "/timeline")["months"]

    assert [(each["month"], each["photos"]) for each in months] == [
        ("2023-05", 2),
        ("2022-12", 1),
        (None, 3),
    ]
    assert months[0]["ratios"] == pytest.approx(2 * 640 / 480, abs=0.01)
    assert get(client, "/timeline/2023-05")["id"] == [photo_ids[1], photo_ids[0]]
    undated = sorted(photo_ids[3:5], reverse=True)
    assert get(client, "/timeline/none", q="dog")["id"] == undated
    assert get(client, "/timeline", q="xyzzy")["months"] == []
    assert client.get("/api/v1/timeline/2023-13").status_code == 400


def test_months_of_all_photos_stay_until_a_photo_changes(
    client: TestClient, photo_ids: list[int], database: Database
):
    def tags_of(q: str) -> str:
        return client.get("/api/v1/timeline", params={"q": q}).headers["ETag"]

    before, of_dogs = tags_of(""), tags_of("dog")
    post(client, "/decisions", {"action": "reject", "words": ["dog"], "photos": photo_ids[:1]})
    assert tags_of("") == before
    assert tags_of("dog") != of_dogs

    with database.write() as session:
        [added] = catalogue.add_photos(session, "another.jpg")
        catalogue.tag_photo(session, added, {"dog": 0.9})
    assert tags_of("") != before
    assert sum(each["photos"] for each in get(client, "/timeline")["months"]) == len(photo_ids) + 1


def test_a_photo_tells_all_that_is_known_of_it(client: TestClient, photo_ids: list[int]):
    photo = get(client, f"/photos/{photo_ids[0]}")

    assert [word["name"] for word in photo["keywords"]] == ["dog", "grass"]
    assert photo["files"][0]["path"] == "/photos/a.jpg"
    assert photo["taken_at"] == "2023-05-01T00:00:00"
    kinds = [each["kind"] for each in get(client, f"/photos/{photo_ids[0]}/history")["items"]]
    assert kinds == ["added", "tagged"]
    assert client.get("/api/v1/photos/999999").status_code == 404
    labels = get(client, "/photos/labels", ids=f"{photo_ids[1]},{photo_ids[4]}")["items"]
    assert [each["keywords"][0] for each in labels] == ["dog", "dog"]


def test_a_decision_is_made_and_taken_back(
    client: TestClient, database: Database, photo_ids: list[int]
):
    body = {"action": "add", "words": ["holiday"], "photos": photo_ids[:3]}
    made = post(client, "/decisions", body).json()
    assert (made["changed"], made["photos"]) == (3, 3)
    assert get(client, "/photos/count", q="holiday")["photos"] == 3

    undone = post(client, f"/decisions/{made['change_id']}/undo").json()

    assert undone["photos"] == 3
    assert get(client, "/photos/count", q="holiday")["photos"] == 0
    assert post(client, f"/decisions/{made['change_id']}/undo").status_code == 404
    with database.read() as session:
        assert query.find_ids(session, "dog") == photo_ids[:5]


def test_an_alias_means_its_keyword(client: TestClient, photo_ids: list[int]):
    body = {"action": "confirm", "words": ["собака"], "photos": photo_ids[:1]}
    assert post(client, "/decisions", body).json()["meant"] == {"собака": "dog"}


def test_a_decision_about_a_query_needs_the_number_that_was_seen(client: TestClient):
    body: dict[str, Any] = {"action": "confirm", "words": ["dog"], "query": "dog"}

    assert post(client, "/decisions", body).status_code == 422
    wrong = post(client, "/decisions", body | {"expect": 3})
    assert wrong.status_code == 409
    assert wrong.json()["type"] == "/problems/conflict"
    assert post(client, "/decisions", body | {"expect": 5}).json()["photos"] == 5


def test_a_repeated_request_changes_nothing(client: TestClient, photo_ids: list[int]):
    body = {"action": "reject", "words": ["dog"], "photos": photo_ids[:2]}

    first = post(client, "/decisions", body, Idempotency_Key="k1").json()
    again = post(client, "/decisions", body, Idempotency_Key="k1").json()
    other = post(client, "/decisions", body | {"words": ["cat"]}, Idempotency_Key="k1")

    assert again == first
    assert first["changed"] == 2
    assert other.status_code == 400
    assert post(client, "/decisions", body, Idempotency_Key="k2").json()["changed"] == 0


def test_a_large_decision_and_its_undo_are_jobs(
    client: TestClient, photo_ids: list[int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(deciding, "AT_ONCE", 2)
    body = {"action": "confirm", "words": ["dog"], "query": "dog", "expect": 5}

    accepted = post(client, "/decisions", body)
    assert accepted.status_code == 202
    done = finish(client, accepted.json()["job"])
    assert (done["state"], done["result"]["photos"]) == ("done", 5)

    undo = post(client, f"/decisions/{done['result']['change_id']}/undo")
    assert undo.status_code == 202
    assert finish(client, undo.json()["job"])["result"]["photos"] == 5


def finish(client: TestClient, job: str) -> Any:
    """Run the jobs that wait, if the application's thread did not already; return one of them."""
    runner = client.app.state.web.jobs
    runner.run_waiting()
    while get(client, f"/jobs/{job}")["state"] in {"waiting", "running"}:
        runner.run_waiting()
    return get(client, f"/jobs/{job}")


def test_a_job_that_fails_says_why(client: TestClient, database: Database):
    with database.write() as session:
        job = jobs.add(session, "undo", {"change": "0" * 32}, now=NOW)

    done = finish(client, job)

    assert done["state"] == "failed"
    assert "no decision to undo" in done["detail"]


def test_a_job_whose_process_died_is_taken_over(database: Database):
    with database.write() as session:
        job = jobs.add(session, "groups", {}, now=NOW)
    claims = []
    for later in (0, 10, 61):
        with database.write() as session:
            claims.append(jobs.claim(session, ["groups"], now=NOW + timedelta(seconds=later)))
    assert [None if each is None else each.id for each in claims] == [job, None, job]


def test_the_review_lists_what_nobody_decided(client: TestClient, photo_ids: list[int]):
    [dog, grass] = get(client, "/review/words")["items"]
    assert (dog["name"], dog["undecided"], grass["name"]) == ("dog", 5, "grass")

    first = get(client, "/review", word="dog", limit=2)
    assert [item["id"] for item in first["items"]] == photo_ids[:2]
    rest = get(client, "/review", word="dog", after=first["next"])
    assert [item["id"] for item in rest["items"]] == photo_ids[2:5]
    some = get(client, "/review", word="dog", **{"from": 0.65, "to": 0.85}, order="worst")
    assert [item["id"] for item in some["items"]] == [photo_ids[2], photo_ids[1]]

    for action, photos in (("confirm", photo_ids[:3]), ("reject", photo_ids[3:4])):
        body = {"action": action, "words": ["dog"], "photos": photos}
        assert post(client, "/decisions", body).json()["changed"] == len(photos)

    after = get(client, "/review", word="dog")
    assert [item["id"] for item in after["items"]] == [photo_ids[4]]
    assert after["progress"] == {
        "photos": 5,
        "decided": 4,
        "confirmed": 3,
        "precision": 0.75,
    }
    assert client.get("/api/v1/review", params={"word": "xyzzy"}).status_code == 404


def test_keywords_are_listed_page_by_page(client: TestClient):
    first = get(client, "/keywords", limit=1)
    [dog] = first["items"]
    assert (dog["name"], dog["photos"], dog["parent"]) == ("dog", 5, "animal")
    assert {"name": "собака", "language": "ru"} in dog["aliases"]
    rest = get(client, "/keywords", limit=5, after=first["next"])
    assert [each["name"] for each in rest["items"]] == ["grass"]
    assert [each["name"] for each in get(client, "/keywords", prefix="соб")["items"]] == ["dog"]
    detail = get(client, f"/keywords/{dog['parent_id']}")
    assert [each["name"] for each in detail["narrower"]] == ["dog"]
    assert client.get("/api/v1/keywords", params={"after": "x"}).status_code == 400


@pytest.mark.parametrize(
    ("typed", "at", "completed"),
    [
        ("d", None, "dog"),
        ("grass AND d", None, "grass AND dog"),
        ("grass (d AND cat", 8, "grass (dog"),
        ('"соб', None, '"собака"'),
    ],
)
def test_half_typed_queries_are_completed(
    client: TestClient, typed: str, at: int | None, completed: str
):
    params = {"text": typed} | ({} if at is None else {"at": at})
    assert completed in [each["text"] for each in get(client, "/complete", **params)["completions"]]


def test_the_status_and_failures_can_be_seen_and_tried_again(
    client: TestClient, photo_ids: list[int]
):
    status = get(client, "/status")
    assert (status["counts"]["tagged"], status["counts"]["quarantined"]) == (5, 1)
    [failure] = get(client, "/failures")["items"]
    assert failure == {
        "photo_id": photo_ids[5],
        "path": "/photos/f.jpg",
        "reason": "f.jpg: is cut off",
    }

    assert post(client, "/retry", {"photos": photo_ids}).json() == {"photos": 1}

    assert get(client, "/status")["counts"]["pending"] == 1
    assert get(client, "/failures")["items"] == []


def test_photos_that_look_alike_are_found_without_a_model(client: TestClient, photo_ids: list[int]):
    found = get(client, f"/photos/{photo_ids[0]}/similar", cut=False)["items"]

    assert {item["id"] for item in found} == set(photo_ids[1:5])
    by_meaning = client.get("/api/v1/meaning", params={"text": "a dog"})
    assert by_meaning.status_code == 404
    assert client.get(f"/api/v1/photos/{photo_ids[5]}/similar").status_code == 404
