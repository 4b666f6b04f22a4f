"""What the API sends and takes: shapes that the description lists, and how hits become them."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter
from sqlalchemy.orm import Session

from catalog import paths
from catalog.query import Hit
from catalog.tags import completion, labels
from catalog.web import preferences


def _storable(text: str) -> str:
    """Return text that every database can store.

    Raises:
        ValueError: It has a NUL character or half a character.
    """
    if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("has a character that no text has")
    return text


Storable = AfterValidator(_storable)
#: A query in Kadr's language.
QueryText = Annotated[
    str, Query(alias="q", max_length=2000, description="A query in Kadr's language."), Storable
]
Word = Annotated[str, Field(min_length=1, max_length=200), Storable]
PhotoId = Annotated[int, Field(ge=1, le=10**18)]
Cursor = Annotated[
    str | None, Query(max_length=2000, description="`next` of the page before."), Storable
]
Limit = Annotated[int, Query(ge=1, le=500)]


class Shape(BaseModel):
    """Base of what is sent: read from attributes of the library's records."""

    model_config = ConfigDict(from_attributes=True)


class KeywordOfHit(Shape):
    """A keyword on a photo of a list."""

    name: str
    #: In the language that was asked for.
    label: str
    confidence: float
    #: `clip`, `metadata` or `person`.
    source: str
    #: `confirmed`, `rejected`, or null.
    decision: str | None


class HitShape(Shape):
    """A photo in a list."""

    id: int
    sha256: str
    width: int | None
    height: int | None
    #: Base64 of a thumbhash: a blurred picture of at most 33 bytes.
    thumbhash: str | None
    taken_at: datetime | None
    relevance: float | None
    state: str
    keywords: list[KeywordOfHit]
    #: The name of its file, to be shown.
    file: str | None
    #: Near duplicates that are folded behind it.
    alike: list[int] = Field(default_factory=list)


_HITS = TypeAdapter(list[HitShape])


class Unknown(Shape):
    """A word of the query that no keyword has, and keywords that are spelt alike."""

    word: str
    suggestions: list[str]


class PhotoPage(Shape):
    """A page of photos."""

    items: list[HitShape]
    #: To be given as `after`; null on the last page.
    next: str | None
    unknown: list[Unknown] = Field(default_factory=list)


def shape_hits(
    request: Request,
    session: Session,
    hits: Sequence[Hit],
    folded: Mapping[int, Sequence[int]] | None = None,
) -> list[HitShape]:
    """Return photos of a list as the API shows them, keywords in the person's language too."""
    called = find_labels(request, session, (word.name for hit in hits for word in hit.keywords))
    return _HITS.validate_python(
        [_hit(hit, called, (folded or {}).get(hit.photo_id, ())) for hit in hits]
    )


def _hit(hit: Hit, called: Mapping[str, str], alike: Sequence[int]) -> dict[str, object]:
    """Return what makes a `HitShape`: one by one, its keywords would take ten times as long."""
    return {
        "id": hit.photo_id,
        "sha256": hit.sha256.hex(),
        "width": hit.width,
        "height": hit.height,
        "thumbhash": shape_hash(hit.thumbhash),
        "taken_at": hit.taken_at,
        "relevance": hit.relevance,
        "state": hit.state,
        "keywords": [
            {
                "name": each.name,
                "label": called[each.name],
                "confidence": round(each.confidence, 4),
                "source": each.source,
                "decision": each.decision,
            }
            for each in hit.keywords
        ],
        "file": None if hit.path is None else shape_name(hit.path.name),
        "alike": list(alike),
    }


def find_labels(request: Request, session: Session, names: Iterable[str]) -> dict[str, str]:
    """Return what keywords are called in the language of the person who asks."""
    return labels.find_labels(session, set(names), preferences.language_of(request))


def shape_hash(value: bytes | None) -> str | None:
    """Return a thumbhash as base64."""
    return None if value is None else base64.b64encode(value).decode()


def shape_path(path: Any) -> str:  # noqa: ANN401 - a path, or the name of one
    """Return a path or a name to be shown."""
    return paths.printable(paths.to_text(path))


def shape_name(name: str) -> str:
    """Return a name without folders to be shown."""
    return paths.printable(paths.name_to_text(name))


def shape_unknown(session: Session, words: Iterable[str]) -> list[Unknown]:
    """Return unknown words with what may have been meant."""
    return [Unknown(word=word, suggestions=completion.suggest(session, word)) for word in words]
