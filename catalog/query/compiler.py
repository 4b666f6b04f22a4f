"""Compiles the tree of a query to SQL: the condition that a photo matches, and its relevance.

`plan` and the modules that fetch photos call it. Relevance is that of fuzzy sets (Zadeh 1965,
doi:10.1016/S0019-9958(65)90241-X), always in [0, 1]:

    relevance(word)     = the greatest confidence among the photo's keywords that the word means
    relevance(a AND b)  = min(relevance(a), relevance(b))
    relevance(a OR b)   = max(relevance(a), relevance(b)), where a part that does not hold is 0
    relevance(NOT a)    = 1; a condition on the photo itself (`taken:2023`) also counts as 1

Example: with dog 0.9 and beach 0.6, `dog beach` has relevance 0.6 and `dog OR beach` has 0.9.

Relevance depends on the photo alone, so a page stays as it was while other photos arrive. A photo
never exceeds the confidence of its driver's keyword, which lets `by_relevance` stop early.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    REAL,
    ColumnElement,
    and_,
    case,
    exists,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.orm import aliased

from catalog.db import sql
from catalog.db.sql import alive, as_real
from catalog.db.tables import PhotoTag, Source
from catalog.language.tree import And, AnyKeyword, Filter, Node, Not, Or, Rule, Word
from catalog.query import conditions
from catalog.query.terms import Terms
from catalog.tags import threshold

#: Longer lists of tags are passed as one parameter, which keeps statements short.
_FEW = 8

# All scalar subqueries share this alias, since each has its own scope: creating an alias takes
# longer than running the subquery.
_ROW = aliased(PhotoTag, name="kept")


@dataclass(frozen=True, slots=True)
class Compiler:
    """Compiles nodes for one photo: the one that `subject` refers to."""

    terms: Terms
    subject: conditions.Subject
    #: Confidence expressions of words that the statement already selects.
    known: Mapping[Node, ColumnElement[float]] = field(default_factory=dict)

    def condition(self, node: Node) -> ColumnElement[bool]:
        """Return the SQL condition that the photo matches a node."""
        match node:
            case Word() | AnyKeyword():
                tag_ids = self.terms[node].tag_ids if isinstance(node, Word) else None
                return self._has(tag_ids, node.rules)
            case Rule():
                return self._has(None, (node,))
            case Filter():
                return conditions.condition(node, self.subject)
            case Not():
                # An unknown value (no camera, no date) does not match, so its negation does.
                return not_(func.coalesce(self.condition(node.child), false()))
            case And():
                return and_(true(), *(self.condition(child) for child in node.children))
            case Or():
                return or_(false(), *(self.condition(child) for child in node.children))

    def relevance(self, node: Node) -> ColumnElement[float]:
        """Return the expression for the photo's relevance in [0, 1]; valid for matches only."""
        match node:
            case Word() if node in self.known:
                return self.known[node]
            case Word():
                return func.coalesce(self._best(self.terms[node].tag_ids, node.rules), as_real(0))
            case And():
                parts = [self.relevance(child) for child in node.children if has_words(child)]
                return self._extreme("least", parts)
            case Or():
                return self._extreme("greatest", [self._part(child) for child in node.children])
            case _:
                return as_real(1)

    def _part(self, child: Node) -> ColumnElement[float]:
        """Return the relevance of an OR's part: 0 where the part does not hold.

        Example: in `(dog -cat) OR bird` the first part is 0 for a photo of a dog and a cat.
        """
        if isinstance(child, Word):
            return self.relevance(child)
        return case((self.condition(child), self.relevance(child)), else_=as_real(0))

    def _extreme(self, which: str, parts: Sequence[ColumnElement[float]]) -> ColumnElement[float]:
        if len(parts) < 2:  # noqa: PLR2004
            return parts[0] if parts else as_real(1)
        if self.subject.dialect == "sqlite":
            which = {"least": "min", "greatest": "max"}[which]
        chosen: ColumnElement[float] = getattr(func, which)(*parts, type_=REAL())
        return chosen

    def _best(
        self, tag_ids: tuple[int, ...] | None, rules: tuple[Rule, ...]
    ) -> ColumnElement[float]:
        """Return the greatest confidence among the photo's keywords that count, or NULL.

        It is a scalar subquery on purpose: PostgreSQL turns EXISTS into joins that read every
        photo of a common keyword, where a page needs a few probes.
        """
        counted = self._counted(tag_ids, rules)
        return select(func.max(_ROW.confidence)).where(*counted).scalar_subquery()

    def _has(self, tag_ids: tuple[int, ...] | None, rules: tuple[Rule, ...]) -> ColumnElement[bool]:
        """Return the SQL condition that one of the photo's keywords counts.

        Where all matches are wanted it is an EXISTS, which PostgreSQL turns into a join.
        """
        if not self.subject.is_whole:
            return self._best(tag_ids, rules).is_not(None)
        return exists(select(literal_column("1")).where(*self._counted(tag_ids, rules)))

    def _counted(
        self, tag_ids: tuple[int, ...] | None, rules: tuple[Rule, ...]
    ) -> list[ColumnElement[bool]]:
        row = _ROW
        counted = [row.photo_id == self.subject.photo_id, *rules_of(row, rules, self.subject.least)]
        if tag_ids is not None:
            counted.append(self._is_one_of(row, tag_ids))
        return counted

    def _is_one_of(self, row: Any, tag_ids: tuple[int, ...]) -> ColumnElement[bool]:  # noqa: ANN401
        column: ColumnElement[int] = row.tag_id
        if len(tag_ids) <= _FEW:
            return column.in_(tag_ids) if len(tag_ids) != 1 else column == tag_ids[0]
        # A photo has some fifteen keywords: scanning those is cheaper than probing for each tag.
        return sql.member(column + 0, tag_ids, self.subject.dialect)


def has_words(node: Node) -> bool:
    """Return whether keywords influence a photo's relevance to a node."""
    if isinstance(node, And | Or):
        return any(has_words(child) for child in node.children)
    return isinstance(node, Word)


def rules_of(
    row: Any,  # noqa: ANN401
    rules: Sequence[Rule],
    least: float,
    *,
    is_ranked: bool = False,
) -> list[ColumnElement[bool]]:
    """Return the SQL conditions that a keyword's row counts.

    The threshold `least` applies unless a `confidence:` rule replaces it; `is_ranked` is explained
    at `threshold.confidence_of`.
    """
    is_said = any(rule.field == "confidence" for rule in rules)
    counted = alive(row) if is_said else threshold.counts(row, least, is_ranked=is_ranked)
    confidence = threshold.confidence_of(row, is_ranked=is_ranked)
    columns = {"confidence": confidence, "source": row.source}
    return [counted, *(_RULES[rule.field](columns[rule.field], rule.operand) for rule in rules)]


def _confidence(column: Any, operand: Any) -> ColumnElement[bool]:  # noqa: ANN401
    return conditions.within(column, operand, as_real)


def _source(column: Any, operand: Any) -> ColumnElement[bool]:  # noqa: ANN401
    said: ColumnElement[bool] = column.in_([Source(value) for value in operand.values])
    return said


_RULES: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "confidence": _confidence,
    "source": _source,
}
