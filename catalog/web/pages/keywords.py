"""The list of keywords, and their tree of broader and narrower words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from sqlalchemy.orm import Session
from starlette.responses import HTMLResponse

from catalog.errors import QueryError
from catalog.language import chips
from catalog.tags import browse, labels, review
from catalog.tags.browse import ListedKeyword
from catalog.web import context
from catalog.web.pages import frame
from catalog.web.texts import Texts

_PAGE = 300
#: A tree is shown whole; a vocabulary has a few thousand keywords.
_TREE = 5000
#: A tree of fewer keywords is shown unfolded.
_OPEN = 60
_SHOWN_ALIASES = 3

router = APIRouter(default_response_class=HTMLResponse)


@dataclass(frozen=True, slots=True)
class _Line:
    """A keyword as the page shows it, with the narrower ones below it."""

    label: str
    photos: int
    aliases: str
    #: Photos that nobody decided about.
    waiting: int
    #: Searches for it, and its review.
    href: str
    review: str
    below: list["_Line"] = field(default_factory=list)


@router.get("/keywords")
def keywords(
    request: Request,
    prefix: Annotated[str, Query(max_length=200)] = "",
    view: Literal["tree", "list"] = "list",
    sort: Literal["count", "name"] = "count",
    after: str | None = None,
    unused: Literal["", "1"] = "",
) -> HTMLResponse:
    """Show the keywords that photos have; those that count on none when they are asked for."""
    t = frame.texts_of(request)
    is_used = view == "list" and not unused
    limit = _TREE if view == "tree" else _PAGE
    with context.of(request).database.read() as session:
        try:
            page = browse.find_keywords(
                session,
                prefix=prefix,
                sort=sort,
                limit=limit,
                after=after or None,
                is_used=is_used,
            )
        except QueryError as error:
            return frame.problem(request, 400, str(error))
        lines = _lines(session, t, page.items)
        is_last = is_used and page.next_cursor is None
        is_more = is_last and browse.has_unused(session, prefix=prefix)
    parents = {each.id: each.parent_id for each in page.items}
    return frame.render(
        request,
        "keywords.html",
        here="keywords",
        prefix=prefix,
        view=view,
        sort=sort,
        words=list(lines.values()),
        tree=_grow(lines, parents) if view == "tree" else [],
        is_open=len(lines) <= _OPEN,
        next=page.next_cursor,
        is_more=is_more,
    )


def _lines(session: Session, t: Texts, found: Iterable[ListedKeyword]) -> dict[int, _Line]:
    items = list(found)
    called = labels.find_labels(session, [each.name for each in items], t.language)
    waiting = review.count_undecided(session, [each.id for each in items])
    return {
        each.id: _Line(
            label=called[each.name],
            photos=each.photos,
            aliases=_aliases(each, called[each.name]),
            waiting=waiting.get(each.id, 0),
            href="/" + frame.suffix(q=chips.quote(each.name)),
            review="/review" + frame.suffix(word=each.name),
        )
        for each in items
    }


def _aliases(each: ListedKeyword, label: str) -> str:
    others = [alias.name for alias in each.aliases if alias.name != label]
    shown = ([each.name] if label != each.name else []) + others
    return ", ".join(shown[:_SHOWN_ALIASES])


def _grow(lines: Mapping[int, _Line], parents: Mapping[int, int | None]) -> list[_Line]:
    """Return the keywords without a broader one that is shown, the others below theirs."""
    roots: list[_Line] = []
    for tag_id, line in lines.items():
        parent = lines.get(parents[tag_id] or 0)
        (roots if parent is None else parent.below).append(line)
    return roots
