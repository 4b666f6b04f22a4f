"""Guards every route: the host that was asked for, the site that asks, who asks, what answers say.

An ASGI middleware around the whole application, so that no route can be forgotten. What it answers
itself are problems: 421 for a wrong host, 403 for another site, 401 for somebody unknown.
"""

import ipaddress
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catalog.db import web_tables
from catalog.web import problems
from catalog.web.identity import COOKIE, SECURE_COOKIE, Doorkeeper, Viewer
from catalog.web.problems import ForbiddenError
from catalog.web.settings import WebSettings

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
#: Answered without knowing who asks. /metrics has a token of its own.
_OPEN = frozenset({"/healthz", "/readyz", "/login", "/api/v1/openapi.json", "/metrics"})
_OPEN_FOLDER = "/static/"
_SAFE = frozenset({"GET", "HEAD"})
#: Posted because it has a long body; nothing is changed.
_READING = frozenset({"/api/v1/photos/zip"})
_USUAL_PORTS = (80, 443)


class Guard:
    """Lets through only requests for this host, from its own pages or from scripts, by viewers."""

    def __init__(self, app: ASGIApp, door: Doorkeeper, settings: WebSettings) -> None:
        self._app = app
        self._door = door
        self._names = frozenset(name.lower() for name in settings.web_hosts)
        self._host = settings.web_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no websockets here
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refuse_place(scope) or await self._refuse_viewer(scope)
        await (refusal or self._app)(scope, receive, send_guarded)

    def _refuse_place(self, scope: Scope) -> Response | None:
        """Return a refusal of a wrong host, another site, or a body that a form could send."""
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if host not in self._names and not _is_own(host, scope.get("server"), self._host):
            return problems.answer(
                421, "this server is not called that; add its name to KADR_WEB_HOSTS"
            )
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin == "null" and site == "same-origin":
            origin = None  # a form of ours: `Referrer-Policy: no-referrer` hides where it was
        if origin is not None and origin.lower() not in {f"http://{host}", f"https://{host}"}:
            return problems.answer(403, "another site may not ask this server")
        is_unsafe = scope["method"] not in _SAFE
        if site in {"cross-site", "same-site"} and not _is_link(scope["method"], headers):
            return problems.answer(403, "another site may not ask this server")
        is_script = headers.get("authorization", "").lower().startswith("bearer ")
        if is_unsafe and origin is None and site != "same-origin" and not is_script:
            return problems.answer(
                403, f"send a token, or the header `Origin: http://{host}`, with {scope['method']}"
            )
        is_json = headers.get("content-type", "").split(";")[0].strip() == "application/json"
        if is_unsafe and scope["path"].startswith("/api/") and not is_json:
            return problems.answer(415, "send the header `Content-Type: application/json`")
        return None

    async def _refuse_viewer(self, scope: Scope) -> Response | None:
        """Note who asks in the request's state; return a refusal of somebody unknown."""
        headers = Headers(scope=scope)
        peer = (scope.get("client") or ("", 0))[0]
        viewer = await run_in_threadpool(
            self._door.find_viewer, headers, find_cookie(headers), peer
        )
        scope.setdefault("state", {})["viewer"] = viewer
        path: str = scope["path"]
        if path in _OPEN or path.startswith(_OPEN_FOLDER):
            return None
        if viewer is None:
            return self._ask_to_log_in(scope, headers)
        is_reading = scope["method"] in _SAFE or path in _READING
        if not is_reading and not viewer.may(web_tables.Scope.DECIDE):
            return problems.answer(403, "this token may only read")
        return None

    def _ask_to_log_in(self, scope: Scope, headers: Headers) -> Response:
        path: str = scope["path"]
        is_page = "text/html" in headers.get("accept", "") and not path.startswith(problems.DATA)
        if is_page and scope["method"] in _SAFE and not self._door.is_proxied:
            query = scope["query_string"].decode("latin-1")
            asked = quote(path + (f"?{query}" if query else ""), safe="")
            return RedirectResponse(f"/login?next={asked}", 303)
        how = "through the proxy" if self._door.is_proxied else "at /login, or send a token"
        return problems.answer(401, f"log in {how}", {"WWW-Authenticate": "Bearer"})


def get_viewer(request: Request) -> Viewer:
    """Return who asks; only for routes that are not open to everybody."""
    viewer: Viewer = request.state.viewer
    return viewer


def require_decide(request: Request) -> Viewer:
    """Return who asks, if they may decide about keywords.

    Raises:
        ForbiddenError: They may not.
    """
    return _require(request, web_tables.Scope.DECIDE)


def require_admin(request: Request) -> Viewer:
    """Return who asks, if they may do everything.

    Raises:
        ForbiddenError: They may not.
    """
    return _require(request, web_tables.Scope.ADMIN)


def _require(request: Request, scope: web_tables.Scope) -> Viewer:
    viewer = get_viewer(request)
    if not viewer.may(scope):
        raise ForbiddenError(f"this needs the scope {scope}; the token has {viewer.scope}")
    return viewer


def find_cookie(headers: Headers) -> str:
    """Return the value of the login's cookie, or an empty text."""
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    found = cookies.get(SECURE_COOKIE) or cookies.get(COOKIE)
    return "" if found is None else found.value


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_own(host: str, server: tuple[str, int | None] | None, bound: str) -> bool:
    """Return whether a Host names this machine: loopback, or the address that was connected to.

    A name that another site's DNS points here is none of these, port included.
    """
    if server is None or server[1] is None:
        return False
    addresses = {"localhost", "127.0.0.1", "[::1]", *map(_bracketed, (server[0], bound))} - {""}
    port = server[1]
    own = {f"{each}:{port}" for each in addresses}
    return host in (own | addresses if port in _USUAL_PORTS else own)


def _bracketed(address: str) -> str:
    """Return an IP address as it stands in a Host header; empty if it is none."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if parsed.is_unspecified:
        return ""
    return f"[{parsed}]" if parsed.version == 6 else str(parsed)  # noqa: PLR2004


def _is_link(method: str, headers: Headers) -> bool:
    """Return whether a person followed a link of another site, which may lead to any page."""
    is_navigation = headers.get("sec-fetch-mode") == "navigate"
    return method == "GET" and is_navigation and headers.get("sec-fetch-dest") == "document"
