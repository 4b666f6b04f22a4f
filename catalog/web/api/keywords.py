"""Routes about keywords: lists, completion of half-typed queries, and the review."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from sqlalchemy.orm import Session

from catalog.query import hits
from catalog.query.pages import Position
from catalog.tags import bands as precision
from catalog.tags import browse, completion, review
from catalog.tags.browse import KeywordSort, ListedKeyword
from catalog.web import context
from catalog.web.api.shapes import (
    Cursor,
    Limit,
    Shape,
    Storable,
    find_labels,
    shape_hash,
    shape_path,
)

router = APIRouter(tags=["keywords"])

Share = Annotated[float | None, Query(ge=0, le=1)]


class AliasShape(Shape):
    """Another word for a keyword."""

    name: str
    #: BCP 47, or null where it is the vocabulary's own.
    language: str | None


class KeywordEntry(Shape):
    """A keyword in a list."""

    id: int
    name: str
    #: In the language that was asked for.
    label: str
    photos: int
    #: Otherwise as last counted.
    exact: bool
    aliases: list[AliasShape]
    parent_id: int | None
    parent: str | None


class KeywordsShape(Shape):
    """A page of keywords."""

    items: list[KeywordEntry]
    next: str | None


class ProgressShape(Shape):
    """How far the review of a keyword is."""

    photos: int
    decided: int
    confirmed: int
    #: What part of the decisions say that the machine was right.
    precision: float | None


class KeywordDetailShape(Shape):
    """A keyword, the words below it, and how far its review is."""

    keyword: KeywordEntry
    narrower: list[KeywordEntry]
    progress: ProgressShape


class CompletionShape(Shape):
    """A keyword that completes a half-typed query."""

    #: The query up to the cursor, completed.
    text: str
    word: str
    tag: str
    photos: int


class CompletionsShape(Shape):
    """Completions, the most frequent first."""

    completions: list[CompletionShape]


class UndecidedShape(Shape):
    """A photo to decide about."""

    id: int
    sha256: str
    thumbhash: str | None
    width: int | None
    height: int | None
    confidence: float
    file: str | None


class BandShape(Shape):
    """Decisions about a keyword, by the confidence that the machine had."""

    low: float
    high: float
    decided: int
    confirmed: int
    precision: float


class ReviewShape(Shape):
    """The undecided photos of a keyword."""

    word: str
    items: list[UndecidedShape]
    next: str | None
    progress: ProgressShape
    #: The surest first; only if `bands` is asked for.
    bands: list[BandShape] = Field(default_factory=list)


class WordShape(Shape):
    """A keyword with undecided photos."""

    id: int
    name: str
    label: str
    undecided: int
    confidence: float
    progress: ProgressShape


class WordsShape(Shape):
    """Keywords whose review gains most, first."""

    items: list[WordShape]


@router.get("/keywords")
def find_keywords(
    request: Request,
    prefix: Annotated[str, Query(max_length=200), Storable] = "",
    sort: KeywordSort = "count",
    limit: Limit = 100,
    after: Cursor = None,
) -> KeywordsShape:
    """Return a page of the keywords that photos have."""
    with context.of(request).database.read() as session:
        page = browse.find_keywords(session, prefix=prefix, sort=sort, limit=limit, after=after)
        items = _entries(request, session, page.items)
    return KeywordsShape(items=items, next=page.next_cursor)


@router.get("/keywords/{tag_id}")
def get_keyword(
    request: Request, tag_id: Annotated[int, Path(ge=1, le=2**31 - 1)]
) -> KeywordDetailShape:
    """Return a keyword with the words below it."""
    with context.of(request).database.read() as session:
        found = browse.get_keyword(session, tag_id)
        narrower = browse.find_keywords(session, parent_id=tag_id, limit=500)
        progress = review.get_progress(session, tag_id)
        [shown, *below] = _entries(request, session, [found, *narrower.items])
    return KeywordDetailShape(
        keyword=shown,
        narrower=below,
        progress=ProgressShape.model_validate(progress),
    )


@router.get("/complete")
def complete(
    request: Request,
    text: Annotated[str, Query(max_length=2000), Storable],
    at: Annotated[int | None, Query(ge=0, le=2000)] = None,
) -> CompletionsShape:
    """Complete the word that ends at a place of a half-typed query, by default at its end."""
    typed = text if at is None else text[:at]
    head = typed[: len(typed) - len(completion.half_typed(typed))]
    with context.of(request).database.read() as session:
        found = completion.complete(session, typed)
    return CompletionsShape(
        completions=[
            CompletionShape(
                text=head + _written(each.word, head),
                word=each.word,
                tag=each.tag,
                photos=each.photos,
            )
            for each in found
        ]
    )


def _written(word: str, head: str) -> str:
    """Return a word as it stands in a query: in quotation marks where it has blanks."""
    if head.endswith('"'):
        return f'{word}"'
    return f'"{word}"' if not word.isalnum() else word


@router.get("/review/words")
def find_words(request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> WordsShape:
    """Return the keywords whose review gains most: many photos, and the machine in doubt."""
    web = context.of(request)
    with web.database.read() as session:
        found = web.kept.get(
            session, f"review words {limit}", lambda: review.find_words(session, limit=limit)
        )
        called = find_labels(request, session, (each.name for each in found))
    items = [
        WordShape(
            id=each.tag_id,
            name=each.name,
            label=called[each.name],
            undecided=each.undecided,
            confidence=each.confidence,
            progress=ProgressShape.model_validate(each.progress),
        )
        for each in found
    ]
    return WordsShape(items=items)


@router.get("/review")
def find_undecided(
    request: Request,
    word: Annotated[str, Query(min_length=1, max_length=200), Storable],
    low: Annotated[float | None, Query(alias="from", ge=0, le=1)] = None,
    high: Annotated[float | None, Query(alias="to", ge=0, le=1)] = None,
    order: review.Order = "best",
    limit: Limit = 100,
    after: Cursor = None,
    *,
    bands: bool = False,
) -> ReviewShape:
    """Return the photos that a machine gave a keyword and nobody decided about."""
    with context.of(request).database.read() as session:
        tag_id = browse.find_tag_id(session, word)
        page = review.find_undecided(
            session, tag_id, low=low, high=high, order=order, limit=limit, after=after
        )
        places = [Position(each.confidence, each.photo_id) for each in page.items]
        found = hits.load(session, places)
        progress = review.get_progress(session, tag_id)
        right = precision.find_bands(session, tag_id) if bands else []
    items = [
        UndecidedShape(
            id=hit.photo_id,
            sha256=hit.sha256.hex(),
            thumbhash=shape_hash(hit.thumbhash),
            width=hit.width,
            height=hit.height,
            confidence=round(hit.relevance or 0.0, 4),
            file=None if hit.path is None else shape_path(hit.path.name),
        )
        for hit in found
    ]
    shown = ProgressShape.model_validate(progress)
    return ReviewShape(
        word=word,
        items=items,
        next=page.next_cursor,
        progress=shown,
        bands=[BandShape.model_validate(each) for each in right],
    )


def _entries(
    request: Request, session: Session, listed: Sequence[ListedKeyword]
) -> list[KeywordEntry]:
    called = find_labels(request, session, (each.name for each in listed))
    return [
        KeywordEntry(
            id=each.id,
            name=each.name,
            label=called[each.name],
            photos=each.photos,
            exact=each.is_exact,
            aliases=[AliasShape.model_validate(alias) for alias in each.aliases],
            parent_id=each.parent_id,
            parent=each.parent,
        )
        for each in listed
    ]
