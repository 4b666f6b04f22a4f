"""The tree of a query: `catalog.language.parser` builds it, `catalog.query` turns it into SQL."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from catalog.language.fields import Operand


@dataclass(frozen=True, slots=True)
class Word:
    """A keyword that a photo must have: `dog`, `"polar bear"`, `mount*`, `tag:=dog`, `dog^0.5`."""

    text: str
    position: int
    prefix: bool = False
    #: Photos with narrower words do not match.
    exact: bool = False
    #: Conditions that the photo's keyword must all meet.
    rules: tuple["Rule", ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """`confidence:` or `source:`: a condition on the keywords of the words beside it."""

    field: str
    operand: Operand
    position: int


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on the photo itself: `taken:2023`, `camera:nikon`, `is:failed`."""

    field: str
    operand: Operand
    position: int


@dataclass(frozen=True, slots=True)
class AnyKeyword:
    """Rules without a word beside them: the photo has a keyword that meets all of them."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class And:
    """Photos that match all children; every photo if there are none."""

    children: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Photos that match at least one child."""

    children: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Photos that do not match the child."""

    child: "Node"


Node = Word | Rule | Filter | AnyKeyword | And | Or | Not


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all nodes below it."""
    yield node
    if isinstance(node, Not):
        yield from walk(node.child)
    elif isinstance(node, And | Or):
        for child in node.children:
            yield from walk(child)


def words_of(node: Node) -> list[Word]:
    """Return all words of a query, in order."""
    return [each for each in walk(node) if isinstance(each, Word)]


def apply_rules(node: Node, rules: tuple[Rule, ...]) -> Node:
    """Return the tree with each rule moved into the words beside it, or as `AnyKeyword`."""
    if isinstance(node, Word):
        return replace(node, rules=rules)
    if isinstance(node, Rule):
        return AnyKeyword((node,))
    if isinstance(node, Not):
        return Not(apply_rules(node.child, rules))
    if isinstance(node, Or):
        return Or(tuple(apply_rules(child, rules) for child in node.children))
    if isinstance(node, And):
        return _apply_within(node.children, rules)
    return node


def _apply_within(children: tuple[Node, ...], rules: tuple[Rule, ...]) -> Node:
    own = tuple(child for child in children if isinstance(child, Rule))
    rest = [child for child in children if not isinstance(child, Rule)]
    if own and not any(words_of(child) for child in rest):
        done = [apply_rules(child, rules) for child in rest]
        return And((*done, AnyKeyword(own)))
    applied = tuple(apply_rules(child, rules + own) for child in rest)
    return applied[0] if len(applied) == 1 else And(applied)
