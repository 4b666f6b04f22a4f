"""Parses the query language, which has Lucene's syntax, into a tree of conditions.

luqum parses the syntax; no database is needed. `catalog.query` calls it, looks up the tags of the
words in `terms`, and turns the tree into SQL in `compiler`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from luqum import tree
from luqum.exceptions import ParseError
from luqum.thread import parse as parse_lucene

from catalog.errors import QueryError
from catalog.language import fields
from catalog.language import tree as query_tree
from catalog.language.fields import Choice, Interval
from catalog.language.tree import And, Filter, Node, Not, Or, Rule, Word, apply_rules
from catalog.spelling import fold

#: Longer queries are refused: databases limit the depth of an expression.
MAX_QUERY_CHARS = 4000
MAX_CONDITIONS = 200

# What luqum reads a number after, and numbers that are none.
_NUMBER_AFTER = re.compile(r"[~^](?=[\d.]*\.)")
# luqum reads a minus as NOT; where it begins a number it is written as U+2212 meanwhile.
_NEGATIVE = re.compile(r"(?:(?<=[:<>=\[{])|(?<= TO ))-(?=\d)")
_MINUS_SIGN = "\N{MINUS SIGN}"
_EXACT_PHRASE = re.compile(r'(\btag:)="', re.IGNORECASE)
_LOWER_TO = re.compile(r"[tT]o\b")
# Neither database takes these in a text.
_UNSTORABLE = re.compile("[\x00-\x08\ud800-\udfff]")
_EXPLAIN_ODD = "a control character or an odd byte cannot be in a query; write * for it in path:"
_PLACE = re.compile(r"position (\d+)")


def parse(text: str, *, now: datetime) -> Node:
    """Return the tree of a query.

    `now` is aware: `added:>-7d` counts from it, and days are in its zone.

    Raises:
        QueryError: The query is wrong; the error has the position and the reason.
    """
    try:
        return _parse(text, now)
    except QueryError as error:
        error.query = text
        raise


def _parse(text: str, now: datetime) -> Node:
    if len(text) > MAX_QUERY_CHARS:
        raise QueryError(f"the query has over {MAX_QUERY_CHARS} characters; shorten it")
    if odd := _UNSTORABLE.search(text):
        raise _at(odd.start(), _EXPLAIN_ODD)
    if not text.strip():
        return And(())
    try:
        root = _Reader(now).read(_parse_lucene(text))
        if sum(1 for _ in query_tree.walk(root)) > MAX_CONDITIONS:
            raise QueryError(f"the query has over {MAX_CONDITIONS} conditions; shorten it")
        return apply_rules(root, ())
    except RecursionError as error:
        raise QueryError("the query is nested too deeply; simplify it") from error


def read_syntax(text: str) -> tree.Item:
    """Return luqum's tree of a query, whose nodes print as they were written.

    Raises:
        QueryError: The syntax is wrong; the error has the position and the reason.
    """
    root = _parse_lucene(text)
    for item in [root, *_below(root)]:
        if isinstance(item, tree.Term):
            item.value = str(item.value).replace(_MINUS_SIGN, "-")
        if isinstance(item, tree.Phrase) and item.value.startswith('"='):
            item.value = '="' + item.value[2:]
    return root


def _below(item: tree.Item) -> Iterator[tree.Item]:
    for child in item.children:
        yield child
        yield from _below(child)


def _parse_lucene(text: str) -> tree.Item:
    try:
        # luqum ends a word at a quotation mark: `tag:="a b"` is read as `tag:"=a b"`, as long.
        return parse_lucene(_EXACT_PHRASE.sub('\\1"=', _NEGATIVE.sub(_MINUS_SIGN, text)))
    except ParseError as error:
        raise _explain(text, str(error)) from error
    except (ArithmeticError, ValueError) as error:  # `dog^1.2.3`, `"a b"~2.5`: luqum computes these
        at = found.start() if (found := _NUMBER_AFTER.search(text)) else 0
        why = "no number stands after this mark; put it in quotation marks to search for it"
        raise _at(at, why) from error


def _explain(text: str, reason: str) -> QueryError:
    found = _PLACE.search(reason)
    if found is None:
        missing = "a closing bracket" if text.count("(") > text.count(")") else "a keyword"
        return QueryError(f"the query ends where {missing} was expected", position=len(text))
    position = int(found[1])
    if text[position : position + 1] == '"':
        why = "this quotation mark is never closed"
    elif text[position : position + 1] in ")]}":
        why = _explain_bracket(text, position)
    elif (range_word := _LOWER_TO.match(text, position)) is not None:
        why = f"write TO, in capitals, instead of {range_word[0]!r}: taken:[2023 TO 2024]"
    else:
        near = text[position : position + 20].split(maxsplit=1)[0] if text[position:] else ""
        why = f"{near!r} cannot stand here; put it in quotation marks to search for it as a keyword"
    return _at(position, why)


def _explain_bracket(text: str, position: int) -> str:
    closing = text[position]
    opening = {")": "(", "]": "[", "}": "{"}[closing]
    before = text[:position]
    if before.count(opening) <= before.count(closing):
        return "this bracket was never opened"
    if closing == ")":
        return "a keyword is missing before this bracket"
    return "a range has two ends with TO between them: taken:[2023-05-01 TO 2023-08-31]"


def _at(position: int, why: str) -> QueryError:
    return QueryError(f"character {position + 1}: {why}", position=position)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns luqum's tree into that of `catalog.language.tree`."""

    now: datetime

    def read(self, item: tree.Item) -> Node:
        for kind, reader in _READERS.items():
            if isinstance(item, kind):
                return reader(self, item)
        raise _at(item.pos or 0, _unknown_part(item))

    def group(self, item: tree.Item) -> Node:
        return self.read(item.children[0])

    def both(self, item: tree.Item) -> Node:
        return And(tuple(self.read(child) for child in _beside(item)))

    def either(self, item: tree.Item) -> Node:
        return Or(tuple(self.read(child) for child in item.children))

    def negation(self, item: tree.Item) -> Node:
        return Not(self.read(item.children[0]))

    def word(self, item: tree.Item) -> Node:
        position = item.pos or 0
        if str(item.value) == "*":
            return And(())
        return make_word(item, position, exact=False)

    def minimum(self, item: tree.Item) -> Node:
        """Read `dog^0.5`: the least confidence of the words inside."""
        position = item.pos or 0
        least = float(item.force)
        if not 0 <= least <= 1:
            raise _at(position, f"^{item.force} is not a confidence; write a number from 0 to 1")
        rule = Rule("confidence", Interval(low=least), position)
        return And((self.read(item.children[0]), rule))

    def field(self, item: tree.Item) -> Node:
        position = item.pos or 0
        name = item.name.casefold()
        if name not in fields.FIELDS:
            raise _at(position, fields.explain_unknown(item.name))
        return self.field_value(name, item.expr, position)

    def field_value(self, name: str, item: tree.Item, position: int) -> Node:
        """Read what follows the colon; brackets hold several values: `camera:(nikon OR canon)`."""
        if isinstance(item, tree.FieldGroup | tree.Group):
            return self.field_value(name, item.children[0], position)
        if isinstance(item, tree.OrOperation) and name in fields.RULES:
            return self.rule_choice(name, item, position)
        if isinstance(item, tree.BaseOperation):
            inner = tuple(self.field_value(name, child, position) for child in item.children)
            return Or(inner) if isinstance(item, tree.OrOperation) else And(inner)
        if isinstance(item, tree.Not | tree.Prohibit):
            return Not(self.field_value(name, item.children[0], position))
        return self.tag(item, position) if name == "tag" else self.condition(name, item, position)

    def tag(self, item: tree.Item, position: int) -> Node:
        if isinstance(item, tree.Boost):
            return self.minimum(tree.Boost(tree.SearchField("tag", item.expr), item.force))
        if isinstance(item, tree.Word | tree.Phrase):
            return make_word(item, position, exact=str(item.value).startswith(("=", '"=')))
        raise _at(position, "after tag: comes a keyword: tag:dog, or tag:=dog for the word itself")

    def rule_choice(self, name: str, item: tree.Item, position: int) -> Node:
        """Read `source:(person OR metadata)` as one rule with two choices."""
        read = [self.condition(name, child, position) for child in item.children]
        operands = [rule.operand for rule in read if isinstance(rule, Rule)]
        values = [value for each in operands if isinstance(each, Choice) for value in each.values]
        if len(values) != len(operands):
            raise _at(position, f"`{name}:` takes one condition here")
        return Rule(name, Choice(tuple(values)), position)

    def condition(self, name: str, item: tree.Item, position: int) -> Node:
        try:
            operand = fields.read_operand(name, _operand_parts(item), now=self.now)
        except fields.OperandError as error:
            raise _at(position, str(error)) from error
        kind = Rule if name in fields.RULES else Filter
        return kind(name, operand, position)


_READERS: dict[type[tree.Item], Callable[[_Reader, tree.Item], Node]] = {
    tree.Group: _Reader.group,
    tree.Plus: _Reader.group,
    tree.Not: _Reader.negation,
    tree.Prohibit: _Reader.negation,
    tree.OrOperation: _Reader.either,
    tree.BaseOperation: _Reader.both,
    tree.Word: _Reader.word,
    tree.Phrase: _Reader.word,
    tree.Boost: _Reader.minimum,
    tree.SearchField: _Reader.field,
}


def _beside(item: tree.Item) -> Iterator[tree.Item]:
    """Yield the operands of nested ANDs: `a b AND c` has three; one in brackets stays whole."""
    for child in item.children:
        if isinstance(child, tree.AndOperation | tree.UnknownOperation):
            yield from _beside(child)
        else:
            yield child


def make_word(item: tree.Item, position: int, *, exact: bool) -> Word:
    """Return one keyword, quoted or not.

    Raises:
        QueryError: The keyword is empty, or has a `*` or `?` before its end.
    """
    if isinstance(item, tree.Phrase):
        phrase = str(item.value)[1:-1]
        phrase = phrase.removeprefix("=") if exact else phrase
        return _named(Word(_unescape(phrase), position, exact=exact))
    text = str(item.value).removeprefix("=") if exact else str(item.value)
    prefix = bool(re.search(r"(?<!\\)\*$", text))
    body = text[:-1] if prefix else text
    if re.search(r"(?<!\\)[*?]", body):
        raise _at(position, f"{text!r}: a * is understood at a keyword's end only")
    return _named(Word(_unescape(body), position, prefix=prefix, exact=exact))


def _named(word: Word) -> Word:
    if not fold(word.text):
        raise _at(word.position, "a keyword is missing here")
    return word


def _operand_parts(item: tree.Item) -> fields.Parts:
    """Return the relation and the values of a field from luqum's node."""
    if isinstance(item, tree.Word | tree.Phrase):
        return fields.Parts(":", _value(item))
    if isinstance(item, tree.Range):
        ends = ("[" if item.include_low else "{") + ("]" if item.include_high else "}")
        return fields.Parts(ends, _value(item.low), _value(item.high))
    if isinstance(item, tree.From | tree.To):
        sign = ">" if isinstance(item, tree.From) else "<"
        return fields.Parts(sign + ("=" if item.include else ""), _value(item.children[0]))
    raise fields.OperandError("this cannot stand after a colon; quote the value")


def _value(item: tree.Item) -> str:
    if isinstance(item, tree.Prohibit):
        return "-" + _value(item.children[0])
    text = str(getattr(item, "value", item))
    text = text[1:-1] if isinstance(item, tree.Phrase) else text
    return _unescape(text).replace(_MINUS_SIGN, "-")


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _unknown_part(item: tree.Item) -> str:
    if isinstance(item, tree.Fuzzy | tree.Proximity):
        return "~ (similar spelling) is not understood; use a prefix: moun*"
    if isinstance(item, tree.Regex):
        return "/.../ (regular expressions) is not understood; use a prefix: moun*"
    if isinstance(item, tree.From | tree.To | tree.Range):
        return "a comparison needs a field before it: width:>4000, taken:[2023 TO 2024]"
    return "this part is not understood; put it in quotation marks"
