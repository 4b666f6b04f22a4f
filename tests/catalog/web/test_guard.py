"""What went wrong in other galleries does not here: hosts, sites, logins, tokens."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from catalog.access import passwords, sessions, tokens
from catalog.db.database import Database
from catalog.db.web_tables import Scope
from catalog.errors import OptionError, SettingsError
from catalog.web import guard
from catalog.web.login import TRIES, Tries
from tests.support import web

PASSWORD = "correct horse"  # noqa: S105 - of a test
NOW = datetime(2026, 5, 1, tzinfo=UTC)


HOSTS = [
    ("127.0.0.1:8090", 200),
    ("localhost:8090", 200),
    ("[::1]:8090", 200),
    ("PHOTOS.example.org", 200),
    ("127.0.0.1", 421),
    ("127.0.0.1:8091", 421),
    ("evil.example:8090", 421),
    ("127.0.0.1.evil.example:8090", 421),
    ("photos.example.org.evil.example", 421),
    ("", 421),
]


def test_only_hosts_of_this_server_are_answered(database: Database, tmp_path: Path):
    with web.client(database, tmp_path, web_hosts="photos.example.org") as client:
        for host, status in HOSTS:
            assert client.get("/healthz", headers={"Host": host}).status_code == status, host


SITES: list[tuple[dict[str, str], int]] = [
    ({"Origin": "http://127.0.0.1:8090"}, 200),
    ({"Origin": "http://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": "http://127.0.0.1:8091"}, 403),
    ({"Sec-Fetch-Site": "same-origin"}, 200),
    ({"Sec-Fetch-Site": "none"}, 200),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
    ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403),
    (
        {
            "Sec-Fetch-Site": "cross-site",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
        },
        200,
    ),
    (
        {
            "Sec-Fetch-Site": "cross-site",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "iframe",
        },
        403,
    ),
]


def test_other_sites_may_link_here_and_no_more(database: Database, tmp_path: Path):
    with web.client(database, tmp_path) as client:
        for headers, status in SITES:
            assert client.get("/api/v1/photos", headers=headers).status_code == status, headers


def test_every_answer_has_the_headers(database: Database, tmp_path: Path):
    with web.client(database, tmp_path) as client:
        for path in ("/", "/healthz", "/nowhere", "/api/v1/photos?limit=0"):
            headers = client.get(path).headers
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert "access-control-allow-origin" not in headers


def test_this_machine_needs_no_password_and_others_do(database: Database, tmp_path: Path):
    with web.client(database, tmp_path) as client:
        assert client.get("/api/v1/photos").status_code == 200
    with web.client(database, tmp_path, peer="192.0.2.7") as client:
        assert client.get("/api/v1/photos").status_code == 401
        asked = client.get("/?q=dog", headers={"Accept": "text/html"})
        assert asked.headers["location"] == "/login?next=%2F%3Fq%3Ddog"


def test_a_login_lasts_until_it_is_ended(database: Database, tmp_path: Path):
    with web.client(database, tmp_path, web_password=PASSWORD) as client:
        assert client.get("/api/v1/photos").status_code == 401
        form = {"password": PASSWORD, "next": "/?q=dog"}
        done = client.post("/login", data=form, headers=web.ORIGIN)
        assert done.status_code == 303
        assert done.headers["location"] == "/?q=dog"
        cookie = done.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert client.get("/api/v1/photos").status_code == 200

        assert client.post("/logout", data={"form_token": "x"}, headers=web.ORIGIN).status_code == (
            403
        )
        door = client.app.state.web.door
        viewer = door.find_viewer({}, client.cookies["kadr_session"], "127.0.0.1")
        token = {"form_token": door.form_token(viewer)}
        assert client.post("/logout", data=token, headers=web.ORIGIN).status_code == 303
        assert client.get("/api/v1/photos").status_code == 401


def test_logging_out_everywhere_ends_every_login(database: Database, tmp_path: Path):
    with web.client(database, tmp_path, web_password=PASSWORD) as client:
        client.post("/login", data={"password": PASSWORD}, headers=web.ORIGIN)
        other = client.cookies["kadr_session"]
        client.cookies.clear()
        client.post("/login", data={"password": PASSWORD}, headers=web.ORIGIN)
        door = client.app.state.web.door
        viewer = door.find_viewer({}, client.cookies["kadr_session"], "127.0.0.1")
        token = {"form_token": door.form_token(viewer), "everywhere": "true"}
        client.post("/logout", data=token, headers=web.ORIGIN)

        client.cookies.set("kadr_session", other)
        assert client.get("/api/v1/photos").status_code == 401


def test_a_login_over_https_binds_its_cookie_to_the_host(database: Database, tmp_path: Path):
    settings = {"web_password": PASSWORD, "web_trusted_peers": "127.0.0.0/8"}
    with web.client(database, tmp_path, **settings) as client:
        headers = web.ORIGIN | {"X-Forwarded-Proto": "https"}
        done = client.post("/login", data={"password": PASSWORD}, headers=headers)
    assert done.headers["set-cookie"].startswith("__Host-kadr_session=")
    assert "Secure" in done.headers["set-cookie"]


def test_a_login_leads_to_no_other_site(database: Database, tmp_path: Path):
    asked = ["//evil.example", "https://evil.example", "/\\evil.example", "x"]
    with web.client(database, tmp_path, web_password=PASSWORD) as client:
        for each in asked:
            form = {"password": PASSWORD, "next": each}
            done = client.post("/login", data=form, headers=web.ORIGIN)
            assert done.headers["location"] == "/", each


def test_wrong_passwords_are_few_a_minute(database: Database, tmp_path: Path):
    with web.client(database, tmp_path, web_password=PASSWORD) as client:
        wrong = {"password": "no such password"}
        tries = [
            client.post("/login", data=wrong, headers=web.ORIGIN).status_code for _ in range(7)
        ]
        right = client.post("/login", data={"password": PASSWORD}, headers=web.ORIGIN)
    assert tries == [403] * 5 + [429] * 2
    assert right.status_code == 429
    assert int(right.headers["retry-after"]) > 0


def test_tries_are_counted_by_network_and_forgotten_after_a_minute():
    tries = Tries()
    for number in range(TRIES):
        assert tries.wait_s(f"2001:db8::{number:x}", 100.0 + number) == 0
    assert tries.wait_s("2001:db8::ffff", 110.0) == pytest.approx(50.0)
    assert tries.wait_s("192.0.2.1", 110.0) == 0
    assert tries.wait_s("2001:db8::1", 161.0) == 0


def test_the_password_is_never_in_an_address(database: Database, tmp_path: Path):
    with web.client(database, tmp_path, web_password=PASSWORD) as client:
        asked = client.get("/login", params={"password": PASSWORD})
        assert "set-cookie" not in asked.headers
        assert PASSWORD not in asked.text
        posted = client.post(f"/login?password={PASSWORD}", data={}, headers=web.ORIGIN)
        assert posted.status_code == 422


def test_forms_and_scripts_are_told_apart(database: Database, tmp_path: Path):
    body = {"action": "add", "words": ["x"], "photos": [1]}
    with web.client(database, tmp_path) as client:
        bare = client.post("/api/v1/decisions", json=body)
        form = client.post("/api/v1/decisions", data={"action": "add"}, headers=web.ORIGIN)
        other = client.post("/api/v1/decisions", json=body, headers={"Origin": "http://evil.test"})
    assert (bare.status_code, form.status_code, other.status_code) == (403, 415, 403)


def test_a_token_does_what_its_scope_allows(database: Database, tmp_path: Path):
    with database.write() as session:
        values = {scope: tokens.add(session, scope, scope, now=NOW) for scope in Scope}
        old = tokens.add(session, "old", Scope.ADMIN, now=NOW, days=1)
    with web.client(database, tmp_path, web_password=PASSWORD) as client:

        def ask(value: str, method: str = "GET", path: str = "/api/v1/photos") -> int:
            headers = {"Authorization": f"Bearer {value}", "Content-Type": "application/json"}
            return client.request(method, path, headers=headers).status_code

        assert ask(values[Scope.READ]) == 200
        assert ask(values[Scope.READ], "POST", "/api/v1/decisions") == 403
        assert ask(values[Scope.DECIDE], "POST", "/api/v1/decisions") == 422
        assert ask(values[Scope.DECIDE], "POST", "/api/v1/retry") == 403
        assert ask(old) == 401
        assert ask("kadr_wrong") == 401
        with database.write() as session:
            tokens.remove(session, "read")
            [used] = [each for each in tokens.find_all(session) if each.name == "decide"]
            assert used.used_at is not None


def test_a_proxy_that_is_trusted_says_who_asks(database: Database, tmp_path: Path):
    settings = {"web_auth": "proxy", "web_trusted_peers": "192.0.2.0/24"}
    said = {"Remote-User": "anna"}
    with web.client(database, tmp_path, peer="192.0.2.9", **settings) as client:
        assert client.get("/api/v1/photos", headers=said).status_code == 200
        assert client.get("/api/v1/photos").status_code == 401
    with web.client(database, tmp_path, peer="198.51.100.1", **settings) as client:
        assert client.get("/api/v1/photos", headers=said).status_code == 401


def test_passwords_and_tokens_are_kept_as_digests(database: Database):
    with database.write() as session:
        passwords.store(session, PASSWORD)
        value = tokens.add(session, "nas", Scope.READ, now=NOW)
        cookie = sessions.begin(session, now=NOW)
        [token] = tokens.find_all(session)
        stored = passwords.find_hash(session)
        assert stored is not None
        assert passwords.is_right(PASSWORD, stored)
        assert not passwords.is_right(PASSWORD + " ", stored)
        assert value not in token.digest
        assert sessions.is_valid(session, cookie, now=NOW + timedelta(days=29))
        assert not sessions.is_valid(session, cookie, now=NOW + timedelta(days=31))
        with pytest.raises(OptionError, match="is a token named 'nas'"):
            tokens.add(session, "nas", Scope.READ, now=NOW)
        with pytest.raises(SettingsError, match="at least 8"):
            passwords.store(session, "short")


@pytest.mark.parametrize(
    ("host", "is_safe"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("nas", False)],  # noqa: S104
)
def test_addresses_that_others_reach_are_known(host: str, *, is_safe: bool):
    assert guard.is_loopback(host) is is_safe
