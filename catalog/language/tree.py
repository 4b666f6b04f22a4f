"""The tree of a query: `catalog.language` reads it, `catalog.query.compiler` makes SQL of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from catalog.language.fields import Operand


@dataclass(frozen=True, slots=True)
class Word:
    """A keyword that a photo must have: `dog`, `"polar bear"`, `mount*`, `tag:=dog`, `dog^0.5`."""

    text: str
    position: int
    prefix: bool = False
    #: Narrower words do not count.
    exact: bool = False
    #: Which of the photo's keywords count: all of these must hold.
    rules: tuple["Rule", ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """`confidence:` or `source:`: which keywords count, for the words that stand beside it."""

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
    """Rules with no word beside them: the photo has some keyword that meets all of them."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class And:
    """All of these; with none, every photo."""

    children: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of these."""

    children: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """What the child does not find."""

    child: "Node"


Node = Word | Rule | Filter | AnyKeyword | And | Or | Not


def walk(node: Node) -> Iterator[Node]:
    """Give a node and all below it."""
    yield node
    if isinstance(node, Not):
        yield from walk(node.child)
    elif isinstance(node, And | Or):
        for child in node.children:
            yield from walk(child)


def words_of(node: Node) -> list[Word]:
    """Give all words of a query, in its order."""
    return [each for each in walk(node) if isinstance(each, Word)]


def apply_rules(node: Node, rules: tuple[Rule, ...]) -> Node:
    """Hand `confidence:` and `source:` to the words beside them, or make them conditions."""
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
