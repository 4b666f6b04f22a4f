"""What a person set on the settings page: small cookies that pages and modules read."""

from dataclasses import dataclass
from typing import Literal, get_args

from starlette.requests import Request
from starlette.responses import Response

from catalog.web import texts

Theme = Literal["auto", "light", "dark"]
_YEAR_S = 31_536_000
#: Heights of rows in the grid, in pixels.
ROWS = range(120, 361, 40)
_SCHEMES = {"auto": "light dark", "light": "light", "dark": "dark"}


@dataclass(frozen=True, slots=True)
class Preferences:
    """How a person wants the pages."""

    theme: str = "auto"
    #: Empty: as the browser asks for.
    lang: str = ""
    #: Height of a row of photos, in pixels.
    row: int = 200
    #: `off` where single letters must do nothing (WCAG 2.1.4).
    keys: str = "on"
    #: Whether the page of a photo shows what is known of it.
    info: bool = True

    @property
    def scheme(self) -> str:
        """The colour schemes that a browser may use for its own parts."""
        return _SCHEMES[self.theme]


def read(request: Request) -> Preferences:
    """Return the preferences of a request; a value that makes no sense counts as not given."""
    found = request.cookies
    theme, row = found.get("kadr_theme", "auto"), found.get("kadr_row", "")
    return Preferences(
        theme=theme if theme in get_args(Theme) else "auto",
        lang=found.get("kadr_lang", ""),
        row=int(row) if row.isascii() and row.isdigit() and int(row[:4]) in ROWS else 200,
        keys="off" if found.get("kadr_keys") == "off" else "on",
        info=found.get("kadr_info") != "off",
    )


def language_of(request: Request) -> str:
    """Return the language of a person: the one chosen, else the browser's."""
    return texts.choose(read(request).lang, request.headers.get("accept-language", ""))


def write(response: Response, values: dict[str, str]) -> None:
    """Keep preferences in the browser; modules may read them, nothing secret is among them."""
    for name, value in values.items():
        response.set_cookie(f"kadr_{name}", value, max_age=_YEAR_S, path="/", samesite="lax")
