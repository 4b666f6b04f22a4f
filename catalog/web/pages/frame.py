"""What all pages share: the person's language and preferences, addresses, tiles of photos."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import HTMLResponse

from catalog import paths
from catalog.query import Hit
from catalog.tags import labels
from catalog.web import messages, preferences, rendering, texts
from catalog.web.texts import Texts

#: Ratios for which the style sheet has a class, in hundredths.
_SHAPES = (30, 50, 67, 75, 100, 125, 133, 150, 178, 200, 300, 400)
_SPOKEN_KEYWORDS = 5
#: Of a photo whose size is unknown.
_USUAL_RATIO = 1.5


@dataclass(frozen=True, slots=True)
class Tile:
    """A photo in a grid."""

    id: int
    sha: str
    #: Width by height.
    ratio: float
    #: Thumbhash, base64, or empty.
    hash: str
    #: `2013-05`, or `none`.
    month: str
    #: What a screen reader says.
    label: str
    #: How many near duplicates are folded behind it.
    more: int = 0

    @property
    def shape(self) -> int:
        """The nearest ratio that the style sheet knows, in hundredths."""
        return min(_SHAPES, key=lambda each: abs(each / 100 - self.ratio))


def texts_of(request: Request) -> Texts:
    """Return the texts in the person's language."""
    return texts.load(preferences.language_of(request))


def render(
    request: Request, template: str, *, here: str = "", status_code: int = 200, **values: object
) -> HTMLResponse:
    """Return a page in the person's language.

    Args:
        request: The request that it answers.
        template: A file of `templates/`.
        here: The part of the gallery that the page belongs to, as the navigation calls it.
        status_code: HTTP's status.
        values: What the template shows.
    """
    return rendering.page(
        request,
        template,
        status_code=status_code,
        here=here,
        url=lambda **changes: address(request, **changes),
        **values,
    )


def address(request: Request, /, **changes: object) -> str:
    """Return the address of this page with other parameters; those that are None or empty go."""
    params: dict[str, object] = dict(request.query_params) | changes
    if "after" not in changes:
        params.pop("after", None)
    given = {name: value for name, value in params.items() if value not in {None, "", False}}
    return request.url.path + (f"?{urlencode(given)}" if given else "")


def suffix(**params: object) -> str:
    """Return parameters as the end of an address, `?` included; empty ones are left out."""
    given = {name: value for name, value in params.items() if value not in {None, "", False}}
    return f"?{urlencode(given)}" if given else ""


def tiles(
    session: Session,
    t: Texts,
    hits: Sequence[Hit],
    folded: Mapping[int, Sequence[int]] | None = None,
) -> list[Tile]:
    """Return photos as tiles, their keywords in the person's language."""
    names = {word.name for hit in hits for word in hit.keywords[:_SPOKEN_KEYWORDS]}
    called = labels.find_labels(session, names, t.language)
    return [_tile(hit, called, t, len((folded or {}).get(hit.photo_id, ()))) for hit in hits]


def _tile(hit: Hit, called: Mapping[str, str], t: Texts, more: int) -> Tile:
    ratio = hit.width / hit.height if hit.width and hit.height else _USUAL_RATIO
    words = ", ".join(called[word.name] for word in hit.keywords[:_SPOKEN_KEYWORDS])
    taken = date(t, hit.taken_at) if hit.taken_at else ""
    name = paths.printable(paths.name_to_text(hit.path.name)) if hit.path else ""
    return Tile(
        id=hit.photo_id,
        sha=hit.sha256.hex(),
        ratio=round(ratio, 4),
        hash=_base64(getattr(hit, "thumbhash", None)),
        month=f"{hit.taken_at:%Y-%m}" if hit.taken_at else "none",
        label="; ".join(part for part in (words, taken) if part) or name,
        more=more,
    )


def _base64(content: bytes | None) -> str:
    return base64.b64encode(content).decode() if content else ""


def date(t: Texts, when: datetime) -> str:
    """Return a day as the person's language writes it."""
    months = t("months").split()
    return t("date", day=str(when.day), month=months[when.month - 1], year=str(when.year))


def moment(t: Texts, when: datetime) -> str:
    """Return a day and a time as the person's language writes them."""
    return f"{date(t, when)}, {when:%H:%M}"


def size(t: Texts, n_bytes: int) -> str:
    """Return a number of bytes with a unit."""
    value = float(n_bytes)
    for unit in ("B", "kB", "MB"):
        if value < 1000:  # noqa: PLR2004
            return f"{t.number(round(value, 1))} {unit}"
        value /= 1000
    return f"{t.number(round(value, 1))} GB"


def sentence(t: Texts, message: str) -> str:
    """Return an error's message as a sentence: "there is no photo 7" as "There is no photo 7."."""
    message = messages.translate(message, t.language)
    return f"{message[:1].upper()}{message[1:].rstrip('.')}." if message else ""


def problem(request: Request, status_code: int, detail: str) -> HTMLResponse:
    """Return a page that says what went wrong."""
    t = texts_of(request)
    key = f"problem.{status_code}"
    title = t(key if key in t.entries else "problem.other")
    shown = sentence(t, detail)
    return render(request, "problem.html", status_code=status_code, title=title, detail=shown)
