"""Live events, webhooks, metrics, downloads: what leaves the catalogue as it happens."""

import asyncio
import hashlib
import hmac
import io
import json
import os
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from catalog.db.database import Database
from catalog.errors import NotFoundError, OptionError
from catalog.photos import files as photo_files
from catalog.photos import history, roots, workers
from catalog.photos.tail import Event, Tail
from catalog.requests import webhooks
from catalog.tags import decisions
from catalog.web import live, originals, telling
from catalog.web.live import Live
from tests.support import catalogue, web

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def event(number: int, kind: str, photo_id: int = 1) -> Event:
    return Event(number, photo_id, kind, NOW, None)


def test_events_of_one_kind_are_one_message():
    events = [event(1, "added"), *(event(n, "tagged", n) for n in range(2, 205))]
    first, second = live.compose([*events, event(300, "undone", 7)])

    assert first.startswith("id: 204\nevent: tagged\ndata: ")
    assert json.loads(first.split("data: ")[1])["n"] == 203
    assert len(json.loads(first.split("data: ")[1])["photos"]) == live.MAX_NAMED
    assert second == 'id: 300\nevent: decided\ndata: {"photos":[7],"n":1}\n\n'


def test_a_browser_that_comes_back_is_told_what_it_missed(database: Database):
    with database.write() as session:
        [first] = catalogue.add_photos(session, "a.jpg")
        catalogue.tag_photo(session, first, {"dog": 0.9})
        known = history.last_event_id(session)
        change = decisions.add(session, [first], ["trip"], now=NOW)
        decisions.undo(session, now=NOW, change_id=change.change_id)

    async def listen() -> list[str]:
        hub = Live(database)
        stream = hub.listen(known)
        found = [await anext(stream), await anext(stream)]
        with database.write() as session:
            decisions.add(session, [first], ["later"], now=NOW)
        while len(found) < 4:
            message = await asyncio.wait_for(anext(stream), 60)
            found += [message] if "event: decided" in message else []
            if len(found) == 3:
                break
        await hub.close()
        return found

    retry, missed, later = asyncio.run(listen())
    assert retry == "retry: 5000\n\n"
    assert f"id: {known + 2}\nevent: decided" in missed
    assert f"id: {known + 3}\nevent: decided" in later


def test_a_tail_reads_each_event_once_and_in_order(database: Database):
    tail = Tail(0)
    with database.write() as session:
        photo_ids = catalogue.add_photos(session, *(f"{n}.jpg" for n in range(5)))
    with database.read() as session:
        first = tail.read(session, limit=3)
        rest = tail.read(session, limit=30)
        assert tail.read(session) == []
    assert [each.photo_id for each in [*first, *rest]] == sorted(photo_ids)


def test_a_tail_misses_nothing_after_the_newest_events_were_pruned(database: Database):
    with database.write() as session:
        catalogue.add_photos(session, "a.jpg", "b.jpg")
        root_id = roots.register_root(session, Path("/photos")).id
        photo_files.mark_missing(session, root_id, ["a.jpg", "b.jpg"], now=NOW)
        tail = Tail(history.last_event_id(session))
        photo_files.prune(session, NOW + timedelta(days=1))
        photo_ids = catalogue.add_photos(session, "c.jpg", "d.jpg", "e.jpg")

    with database.read() as session:
        assert [each.photo_id for each in tail.read(session)] == sorted(photo_ids)


def test_a_tail_waits_for_transactions_that_may_bring_earlier_events(
    database: Database,
):
    """On PostgreSQL an event may become visible after one with a higher id."""
    if database.engine.dialect.name == "sqlite":
        return  # one writer at a time
    with database.write() as session:
        a, b = catalogue.add_photos(session, "a.jpg", "b.jpg")
        begin = history.last_event_id(session)
    tail = Tail(begin)
    with database.write() as slow:
        history.add_events(slow, [a], history.EventKind.TAGGED, now=NOW)
        slow.flush()
        with database.write() as quick:
            history.add_events(quick, [b], history.EventKind.TAGGED, now=NOW)
        with database.read() as session:
            assert tail.read(session) == []
    with database.read() as session:
        assert [each.photo_id for each in tail.read(session)] == [a, b]


def test_a_webhook_is_told_in_order_and_again_until_it_takes_it(database: Database):
    sent: list[tuple[str, bytes, dict[str, str]]] = []
    is_away = True
    clock = [NOW]

    def send(url: str, body: bytes, headers: dict[str, str]) -> None:
        if is_away:
            raise OSError("connection refused")
        sent.append((url, body, headers))

    with database.write() as session:
        [photo_id] = catalogue.add_photos(session, "a.jpg")
        secret = webhooks.add(session, "https://example.org/hook", ["tagged"])
        catalogue.tag_photo(session, photo_id, {"dog": 0.9})
        decisions.add(session, [photo_id], ["trip"], now=NOW)
    teller = telling.Teller(database, send=send, clock=lambda: clock[0])

    assert teller.tell_all() == 0
    assert teller.tell_all() == 0  # not before its time
    is_away = False
    clock[0] = NOW + timedelta(seconds=2)
    assert teller.tell_all() == 1
    assert teller.tell_all() == 0

    [(_, body, headers)] = sent
    [told] = json.loads(body)["events"]
    assert (told["event"], told["photo"]) == ("tagged", photo_id)
    seconds, signature = (part.split("=")[1] for part in headers["Kadr-Signature"].split(","))
    signed = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    assert hmac.compare_digest(signed.hexdigest(), signature)


def test_a_webhook_that_fails_for_a_day_is_switched_off(database: Database):
    with database.write() as session:
        webhooks.add(session, "https://example.org/hook", ["tagged", "decided"])
        [hook] = webhooks.find_all(session)
        for hour in (0, 12, 25):
            now = NOW + timedelta(hours=hour)
            webhooks.note_failure(session, hook.id, "refused", now=now)
        assert hook.off_since == NOW + timedelta(hours=25)
        assert webhooks.claim(session, now=NOW + timedelta(days=9)) == []
        webhooks.switch_on(session, hook.url)
        session.flush()
        assert len(webhooks.claim(session, now=NOW)) == 1
        with pytest.raises(OptionError, match="is there already"):
            webhooks.add(session, hook.url, ["tagged"])
        webhooks.remove(session, hook.url)
        with pytest.raises(NotFoundError, match="webhook list"):
            webhooks.remove(session, hook.url)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "example.org", "https://user:secret@example.org/", "ftp://x/"]
)
def test_only_web_addresses_are_told(database: Database, url: str):
    with database.write() as session, pytest.raises(OptionError, match="is not an address"):
        webhooks.add(session, url, ["tagged"])


def test_metrics_are_for_who_has_their_token(database: Database, tmp_path: Path):
    with database.write() as session:
        [photo_id] = catalogue.add_photos(session, "a.jpg")
        catalogue.tag_photo(session, photo_id, {"dog": 0.9})
        stages = {"decode": workers.Stage(3, 0.5)}
        now = datetime.now(UTC)
        workers.report(session, "host:1", started_at=now, now=now, stages=stages)
    settings = {"web_password": "correct horse", "metrics_token": "scrape me"}
    with web.client(database, tmp_path, **settings) as client:
        assert client.get("/metrics").status_code == 401
        token = {"Authorization": "Bearer scrape me"}
        assert client.get("/api/v1/photos", headers=token).status_code == 401
        text = client.get("/metrics", headers=token).text

    assert 'kadr_photos{state="tagged"} 1.0' in text
    assert 'kadr_sidecars{state="due"} 0.0' in text  # none is not unknown
    assert "kadr_photos_tagged_total 1.0" in text
    assert 'kadr_stage_seconds_sum{stage="decode",worker="host:1"} 0.5' in text
    assert 'kadr_http_request_seconds_count{code="401",route="other"}' in text


@pytest.fixture
def files(database: Database, tmp_path: Path) -> tuple[list[int], Path]:
    """Three photos: two of one name, one that is a pipe now."""
    folder = tmp_path / "photos"
    for name, content in (("x/a.jpg", b"BM23456789"), ("y/A.jpg", b"BMc")):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(content)
    with database.write() as session:
        ids = catalogue.add_photos(session, "x/a.jpg", "y/A.jpg", "pipe.jpg", root=str(folder))
    os.mkfifo(folder / "pipe.jpg")
    return ids, folder


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        (None, 200, b"BM23456789"),
        ("bytes=2-4", 206, b"234"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=5-99", 206, b"56789"),
        ("bytes=10-", 416, b""),
        ("bytes=0-1,3-4", 200, b"BM23456789"),
        ("bytes=" + ",".join(["0-"] * 5000), 200, b"BM23456789"),
        ("bytes=9-2", 200, b"BM23456789"),
        ("lines=1-2", 200, b"BM23456789"),
    ],
)
def test_one_range_of_a_file_is_sent(
    database: Database,
    tmp_path: Path,
    files: tuple[list[int], Path],
    asked: str | None,
    status: int,
    content: bytes,
):
    with web.client(database, tmp_path) as client:
        headers = {} if asked is None else {"Range": asked}
        found = client.get(f"/api/v1/photos/{files[0][0]}/original", headers=headers)
    assert (found.status_code, found.content) == (status, content)
    if status != 416:
        assert found.headers["content-disposition"].startswith("attachment;")
        assert found.headers["content-security-policy"].startswith("sandbox")


def test_a_selection_is_an_archive_with_safe_names(
    database: Database, tmp_path: Path, files: tuple[list[int], Path]
):
    with web.client(database, tmp_path) as client:
        assert client.get(f"/api/v1/photos/{files[0][2]}/original").status_code == 404
        body = {"photos": files[0]}
        made = client.post("/api/v1/photos/zip", json=body, headers=web.ORIGIN).json()
        content = client.get(made["url"]).content
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    assert archive.namelist() == ["a.jpg", "A (2).jpg"]
    assert archive.read("A (2).jpg") == b"BMc"


def test_a_name_that_leads_to_no_picture_any_more_sends_nothing(
    database: Database, tmp_path: Path, files: tuple[list[int], Path]
):
    """Whoever may write into a folder of photos must not have the gallery hand out other files."""
    secret = tmp_path / "id_ed25519"
    secret.write_text("-----BEGIN OPENSSH PRIVATE KEY-----")
    swapped = files[1] / "x" / "a.jpg"
    swapped.unlink()
    swapped.symlink_to(secret)
    with web.client(database, tmp_path) as client:
        found = client.get(f"/api/v1/photos/{files[0][0]}/original")
        body = {"photos": files[0][:1]}
        made = client.post("/api/v1/photos/zip", json=body, headers=web.ORIGIN).json()
        archive = zipfile.ZipFile(io.BytesIO(client.get(made["url"]).content))
    assert found.status_code == 404
    assert archive.namelist() == []


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ('"><img src=x onerror=alert(1)>.jpg', "___img src=x onerror=alert(1)_.jpg"),
        ("..", "photo"),
        ("CON.jpg", "_CON.jpg"),
        ("a\nb.jpg", "a_nb.jpg"),
        ("c:\\x.jpg", "c__x.jpg"),
        ("снимок.jpg", "снимок.jpg"),
    ],
)
def test_names_of_downloads_are_safe(name: str, safe: str):
    assert originals.safe_name(Path(name)) == safe


def test_headers_of_downloads_hold_any_name():
    header: Any = originals.disposition('a"; filename=b\r\nX: y.jpg')
    assert "\n" not in header
    assert '"' not in header
