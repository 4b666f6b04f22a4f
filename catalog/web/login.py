"""Logging in and out: the one page that is shown to everybody.

Tries are limited to five a minute for each address, so that a password cannot be guessed.
"""

import ipaddress
import time
from collections import OrderedDict, deque
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from catalog.access import passwords, sessions
from catalog.web import context, guard, problems
from catalog.web.identity import COOKIE, SECURE_COOKIE
from catalog.web.pages import frame

TRIES, WINDOW_S = 5, 60.0
_MAX_ADDRESSES = 10_000
_IPV6 = 6

router = APIRouter(include_in_schema=False)


class Tries:
    """Counts tries by address; an IPv6 network of 2**64 addresses counts as one."""

    def __init__(self) -> None:
        self._at: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, address: str, now: float) -> float:
        """Note a try; return 0, or how long to wait because there were too many."""
        tries = self._at.setdefault(_network(address), deque(maxlen=TRIES))
        self._at.move_to_end(_network(address))
        if len(self._at) > _MAX_ADDRESSES:
            self._at.popitem(last=False)
        if len(tries) == TRIES and now - tries[0] < WINDOW_S:
            return WINDOW_S - (now - tries[0])
        tries.append(now)
        return 0.0

    def forget(self, address: str) -> None:
        """Forget the tries of an address that knew the password."""
        self._at.pop(_network(address), None)


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == _IPV6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address


@router.get("/login")
def login_page(request: Request, next: str = "/") -> Response:  # noqa: A002 - as in the address
    """Show the form that asks for the password."""
    return frame.render(request, "login.html", next=_own_path(next), error="")


@router.post("/login")
async def log_in(
    request: Request,
    password: Annotated[str, Form(max_length=1000)],
    next: Annotated[str, Form(max_length=4000)] = "/",  # noqa: A002 - as in the address
) -> Response:
    """Check the password and begin a session."""
    web = context.of(request)
    address = context.address_of(request)
    if wait_s := web.tries.wait_s(address, time.monotonic()):
        after = {"Retry-After": str(int(wait_s) + 1)}
        return problems.answer(429, f"too many tries; wait {wait_s:.0f} s", after)
    if not await run_in_threadpool(_is_right, web, password):
        shown = {"next": _own_path(next), "error": frame.texts_of(request)("login.wrong")}
        return frame.render(request, "login.html", status_code=403, **shown)
    web.tries.forget(address)
    cookie = await run_in_threadpool(web.door.log_in)
    response = RedirectResponse(_own_path(next), 303)
    is_secure = context.is_https(request)
    response.set_cookie(
        SECURE_COOKIE if is_secure else COOKIE,
        cookie,
        max_age=int(sessions.LIFETIME.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=is_secure,
    )
    return response


@router.post("/logout")
def log_out(
    request: Request,
    form_token: Annotated[str, Form()],
    *,
    everywhere: Annotated[bool, Form()] = False,
) -> Response:
    """End this browser's session, or those of all browsers."""
    web, viewer = context.of(request), guard.get_viewer(request)
    context.require_form_token(request, form_token)
    web.door.log_out(viewer, everywhere=everywhere)
    response = RedirectResponse("/login", 303)
    for name in (COOKIE, SECURE_COOKIE):
        response.delete_cookie(name, secure=name == SECURE_COOKIE, httponly=True, samesite="lax")
    return response


def _is_right(web: context.Web, password: str) -> bool:
    stored = web.door.find_password()
    return stored is not None and passwords.is_right(password, stored)


def _own_path(asked: str) -> str:
    """Return where to go after the login: a path of this server, whatever was asked for."""
    parts = urlsplit(asked)
    is_own = not parts.scheme and not parts.netloc and asked.startswith("/")
    is_odd = asked.startswith("//") or "\\" in asked or any(char <= " " for char in asked)
    return asked if is_own and not is_odd else "/"
