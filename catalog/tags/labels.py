"""Names of keywords in a person's language, from their aliases, for the gallery and the API."""

from collections.abc import Collection
from functools import lru_cache

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from catalog.db import sql
from catalog.db.tables import Tag, TagAlias
from catalog.spelling import fold

#: Pages show the same keywords again and again, and folding one takes as long as reading its row.
_key_of = lru_cache(maxsize=20_000)(fold)


def find_labels(session: Session, names: Collection[str], language: str) -> dict[str, str]:
    """Return what each keyword is called in a language; its own name where that is not known.

    Args:
        session: A session that reads the catalogue.
        names: Names of keywords.
        language: BCP 47, such as `ru`; an alias in `ru-RU` counts too.
    """
    called = {name: name for name in names}
    of_language = or_(TagAlias.language == language, TagAlias.language.startswith(f"{language}-"))
    dialect = session.get_bind().dialect.name
    for chunk in sql.chunks(sorted({_key_of(name) for name in called})):
        query = (
            select(Tag.name, TagAlias.name)
            .join(TagAlias, TagAlias.tag_id == Tag.id)
            .where(sql.member_of_texts(Tag.key, chunk, dialect), of_language)  # which has an index
            .order_by(TagAlias.name.desc())
        )
        called |= dict(sql.fetch(session, query))
    return called
