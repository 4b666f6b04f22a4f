"""The parts of a query that a person can take away or turn into their opposite, one by one.

The gallery shows them as chips below the search box. The text stays the truth: each chip holds the
queries that a click leads to.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from luqum import tree
from luqum.exceptions import ParseError

from catalog.errors import QueryError
from catalog.language import parser

_PLAIN = re.compile(r"\w+")
_RESERVED = frozenset({"and", "or", "not", "to"})


@dataclass(frozen=True, slots=True)
class Chip:
    """A part of a query, and the queries without it and with its opposite."""

    #: As written, without a leading NOT.
    text: str
    is_not: bool
    removed: str
    toggled: str


def split(text: str) -> list[Chip]:
    """Return the parts of a query that all have to be met; an OR or brackets are one part.

    Example: `dog (beach OR sea) -person` has the parts `dog`, `(beach OR sea)` and `person`, of
    which the last is excluded. A query that cannot be read has no parts.
    """
    try:
        root = parser.read_syntax(text)
    except (QueryError, ParseError, RecursionError):
        return []
    parts = [_written(item) for item in _parts(root)]
    return [_chip(parts, n, item) for n, item in enumerate(_parts(root))]


def quote(word: str) -> str:
    """Return a keyword as a query writes it: in quotation marks unless it is a plain word."""
    if _PLAIN.fullmatch(word) and word.casefold() not in _RESERVED:
        return word
    escaped = re.sub(r'(["\\])', r"\\\1", word)
    return f'"{escaped}"'


def narrow(text: str, part: str) -> str:
    """Return a query with one more part that has to be met."""
    base = bracketed(text)
    return f"{base} AND {part}" if base else part


def bracketed(text: str) -> str:
    """Return a query so that ` AND ...` can follow it."""
    chips = split(text)
    only = chips[0].text if len(chips) == 1 and not chips[0].is_not else ""
    is_either = bool(re.search(r"\sOR\s", text)) and only == text.strip()
    return f"({only})" if is_either and not _is_group(only) else text.strip()


def _is_group(text: str) -> bool:
    try:
        return isinstance(parser.read_syntax(text), tree.Group)
    except (QueryError, ParseError):
        return False


def _parts(item: tree.Item) -> Sequence[tree.Item]:
    if isinstance(item, tree.AndOperation | tree.UnknownOperation):
        return [part for child in item.children for part in _parts(child)]
    return [item]


def _written(item: tree.Item) -> str:
    text = str(item).strip()
    return f"({text})" if isinstance(item, tree.OrOperation) else text


def _chip(parts: Sequence[str], n: int, item: tree.Item) -> Chip:
    is_not = isinstance(item, tree.Not | tree.Prohibit)
    inner = str(item.children[0]).strip() if is_not else str(item).strip()
    before, own, after = parts[:n], parts[n], parts[n + 1 :]
    opposite = inner if is_not else f"NOT {own}"
    is_only = len(parts) == 1
    return Chip(
        text=inner if is_not or is_only else own,
        is_not=is_not,
        removed=" ".join([*before, *after]),
        toggled=" ".join([*before, opposite, *after]),
    )
