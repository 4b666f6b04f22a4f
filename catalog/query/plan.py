"""Plans a query: looks for its driver and builds the SQL condition that a photo matches.

`run` makes a plan; `by_relevance`, `by_date`, `all_sorted`, `counting` and `facets` execute it.

The driver is the rarest set of tags of which every match has at least one. Statements begin with
its rows, through the index on tags, and test the rest of the query on those photos only:

    puppy beach              the driver is puppy, if fewer photos have it than beach
    (puppy OR kitten) beach  puppy and kitten, if together they are rarer than beach
    puppy taken:2023         puppy; a filter is never a driver
    puppy OR taken:2023      none: a match may have no keyword at all
    -puppy                   none, for the same reason

A word that is not the name or an alias of any tag gives a driver without tags; a query with such a
driver (`puppy xyzzy`) has no matches.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session, aliased

from catalog.db.sql import member
from catalog.db.tables import Photo, PhotoTag
from catalog.language.fields import Interval
from catalog.language.tree import And, Node, Or, Rule, Word
from catalog.photos import files
from catalog.query import conditions
from catalog.query.compiler import Compiler, rules_of
from catalog.query.terms import Terms

#: The driver's rows, in the statements that begin with them.
DRIVEN = aliased(PhotoTag, name="driven")


@dataclass(frozen=True, slots=True)
class Driver:
    """Tags of which every match has at least one."""

    tag_ids: tuple[int, ...]
    #: About how many photos have them.
    photos: int
    #: The part of the query that each of the driver's rows fulfils, if any; it is not tested again.
    covers: Node | None = None
    #: Rules that a keyword's row must meet to be one of the driver's (`puppy^0.5`).
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A query that is ready to run in one session, until that session changes the catalogue."""

    session: Session
    node: Node
    terms: Terms
    #: The threshold: the least confidence at which a keyword counts; see `catalog.tags.threshold`.
    least: float
    #: What `all_matches` found, so that a page, its count and its facets find it once.
    found: dict[str, Any] = field(default_factory=dict, kw_only=True, compare=False, repr=False)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.session.get_bind().dialect.name

    @cached_property
    def are_few_gone(self) -> bool:
        """Whether at most `files.FEW_GONE` photos are missing: a planning hint only."""
        return files.are_few_gone(self.session)

    @cached_property
    def last_id(self) -> int:
        """The greatest id of a photo, at least 1: about the number of photos, a hint as well."""
        return self.session.scalar(select(func.max(Photo.id))) or 1

    def about(
        self,
        photo_id: Any,  # noqa: ANN401
        known: dict[Node, Any] | None = None,
    ) -> Compiler:
        """Return a compiler for the relevance of the photo with that id.

        `known` maps words to confidence expressions that the statement already selects.
        """
        subject = conditions.Subject(photo_id, self.dialect, least=self.least)
        return Compiler(self.terms, subject, known or {})

    def matches(
        self,
        photo_id: Any,  # noqa: ANN401
        photo: type[Photo] | None = None,
        driver: Driver | None = None,
        *,
        is_whole: bool = False,
    ) -> ColumnElement[bool]:
        """Return the SQL condition that a photo matches.

        Missing photos match only if the query mentions `is:missing`.

        Args:
            photo_id: The photo's id expression.
            photo: `Photo`, if the statement selects from it.
            driver: Leaves out what the driver covers; the statement must then filter its rows
                with `has_driver`.
            is_whole: Whether all matches are wanted, rather than a page of them.
        """
        asked = self.node if driver is None else without(self.node, driver.covers)
        subject = conditions.Subject(
            photo_id, self.dialect, photo, is_whole, self.least, self.are_few_gone
        )
        found = Compiler(self.terms, subject).condition(asked)
        if conditions.mentions_missing(self.node):
            return found
        return and_(found, conditions.is_present(subject))

    @property
    def driver(self) -> Driver | None:
        """The rarest tags of which every match has one; None if a match may have no keyword."""
        return find_driver(self.node, self.terms)


def find_driver(node: Node, terms: Terms) -> Driver | None:
    """Return the rarest set of tags of which every match of a node has one, if there is one.

    A word is its own driver. An AND has the rarest driver of its parts. An OR has the union of its
    parts' drivers, and none if a part has none.
    """
    if isinstance(node, Word):
        return Driver(terms[node].tag_ids, terms[node].photos, node, node.rules)
    if isinstance(node, And):
        found = [find_driver(child, terms) for child in node.children]
        return min((each for each in found if each), key=lambda each: each.photos, default=None)
    if isinstance(node, Or):
        parts = [find_driver(child, terms) for child in node.children]
        known = [part for part in parts if part]
        if len(known) < len(parts):
            return None
        tag_ids = {tag_id for part in known for tag_id in part.tag_ids}
        photos = sum(part.photos for part in known)
        rules = known[0].rules
        if any(part.rules != rules for part in known):
            return Driver(tuple(sorted(tag_ids)), photos, rules=_loosest(known))
        whole = all(part.covers is child for part, child in zip(known, node.children, strict=True))
        return Driver(tuple(sorted(tag_ids)), photos, node if whole else None, rules)
    return None


def _loosest(parts: Sequence[Driver]) -> tuple[Rule, ...]:
    """Return the weakest rules implied by the rules of any part.

    Example: for `puppy^0.2 OR kitten` one part replaces the threshold by its own `confidence:`
    rule, so the result is `confidence:>=0`, which admits rows below the threshold.
    """
    said = (rule for part in parts for rule in part.rules if rule.field == "confidence")
    return tuple(Rule(rule.field, Interval(low=0.0), rule.position) for rule in said)[:1]


def without(node: Node, part: Node | None) -> Node:
    """Return a query without a part that is known to hold."""
    if part is None:
        return node
    if node is part:
        return And(())
    if isinstance(node, And):
        return And(tuple(without(child, part) for child in node.children))
    return node


def matching_ids(plan: Plan, driver: Driver | None, *, is_whole: bool = False) -> Select[int]:
    """Return a statement that selects the id of every match once, in no particular order."""
    if driver is None:
        return select(Photo.id).where(plan.matches(Photo.id, Photo, is_whole=is_whole))
    rows = select(DRIVEN.photo_id).where(has_driver(plan, DRIVEN, driver))
    if len(driver.tag_ids) == 1:
        return rows.where(plan.matches(DRIVEN.photo_id, driver=driver, is_whole=is_whole))
    ids = rows.distinct().subquery("once").c.photo_id
    return select(ids).where(plan.matches(ids, driver=driver, is_whole=is_whole))


def has_driver(
    plan: Plan,
    row: Any,  # noqa: ANN401
    driver: Driver,
    *,
    is_ranked: bool = False,
) -> ColumnElement[bool]:
    """Return the SQL condition that a keyword's row is one of the driver's.

    `is_ranked` is True where rows are read in order of confidence; see `threshold.confidence_of`.
    """
    is_one = row.tag_id == driver.tag_ids[0] if len(driver.tag_ids) == 1 else None
    if is_one is None:
        is_one = member(row.tag_id, driver.tag_ids, plan.dialect)
    return and_(is_one, *rules_of(row, driver.rules, plan.least, is_ranked=is_ranked))
