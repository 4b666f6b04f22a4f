"""What the query language understands, and how it says what is wrong."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import QueryError
from catalog.language import parser
from catalog.language.fields import Interval
from catalog.language.tree import And, AnyKeyword, Filter, Not, Or, Word, words_of
from tests.support.generated import NOW


def _parse(text: str) -> object:
    return parser.parse(text, now=NOW)


def _operand(text: str) -> object:
    parsed = _parse(text)
    assert isinstance(parsed, Filter)
    return parsed.operand


def test_words_side_by_side_are_all_meant() -> None:
    parsed = _parse("dog beach AND sea")
    assert isinstance(parsed, And)
    assert [word.text for word in words_of(parsed)] == ["dog", "beach", "sea"]
    assert all(isinstance(child, Word) for child in parsed.children)


def test_minus_before_a_word_is_not() -> None:
    parsed = _parse("dog -person")
    assert isinstance(parsed, And)
    assert isinstance(parsed.children[1], Not)


def test_nothing_finds_everything() -> None:
    assert _parse("  ") == And(()) == _parse("*")


def test_quotes_keep_words_together() -> None:
    assert _parse('"polar bear"') == Word("polar bear", 0)


def test_confidence_is_about_the_words_beside_it() -> None:
    parsed = _parse("dog (cat OR bird) confidence:>0.5")
    assert {rule.field for word in words_of(parsed) for rule in word.rules} == {"confidence"}  # type: ignore[arg-type]
    assert len(words_of(parsed)) == 3  # type: ignore[arg-type]


def test_source_alone_asks_for_some_keyword_from_there() -> None:
    assert isinstance(_parse("source:person"), AnyKeyword)


def test_least_confidence_after_a_word() -> None:
    parsed = _parse("dog^0.5")
    assert isinstance(parsed, Word)
    assert parsed.rules[0].operand == Interval(low=0.5)


def test_several_values_of_a_field_in_brackets() -> None:
    parsed = _parse("camera:(nikon OR canon)")
    assert isinstance(parsed, Or)
    assert len(parsed.children) == 2


def test_a_month_ends_where_the_next_begins() -> None:
    expected = Interval(datetime(2023, 12, 1), datetime(2024, 1, 1), high_open=True)  # noqa: DTZ001
    assert _operand("taken:2023-12") == expected


def test_days_ago_count_from_now() -> None:
    assert _operand("added:>-7d") == Interval(low=NOW - timedelta(days=7))


def test_a_range_may_leave_its_end_open() -> None:
    expected = Interval(low=datetime(2023, 1, 1), high_open=True)  # noqa: DTZ001
    assert _operand("taken:[2023 TO *]") == expected


def test_a_range_may_end_with_the_year_that_it_begins_in() -> None:
    expected = Interval(low=datetime(2023, 6, 1), high=datetime(2024, 1, 1), high_open=True)  # noqa: DTZ001
    assert _operand("taken:[2023-06 TO 2023]") == expected


def test_a_keyword_of_two_words_itself() -> None:
    assert _parse('tag:="polar bear"') == Word("polar bear", 0, exact=True)


def test_negative_coordinates() -> None:
    assert _parse('near:"-33.86,151.2,5km"') is not None


def test_sizes_have_units() -> None:
    assert _operand("size:>2.5MB") == Interval(low=2.5e6, low_open=True)


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("dog AND (beach", 14, "closing bracket"),
        ("dog AND", 7, "a keyword"),
        ("dog)", 3, "never opened"),
        ("()", 1, "a keyword is missing before this bracket"),
        ("taken:[2023-05-01,2023-08-31]", 28, "two ends with TO between them"),
        ("taken:[2023-05-01 to 2023-08-31]", 18, "write TO, in capitals"),
        ("size:>1MiB", 0, "size:>2.5MB"),
        ('dog "cat', 4, "never closed"),
        ("dog widht:>3", 4, "did you mean width:?"),
        ("taken:2023-13", 0, "not in the calendar"),
        ("taken:yesteryear", 0, "not a date"),
        ("dog taken:[2024 TO 2023]", 4, "ends before it"),
        ("width:wide", 0, "not a number"),
        ("is:sad", 0, "one of untagged"),
        ("source:nobody", 0, "one of clip"),
        ("near:paris", 0, "latitude, longitude"),
        ('near:"99,0,1km"', 0, "latitude is within"),
        ("camera:>3", 0, "takes a text"),
        ("dog^2", 0, "from 0 to 1"),
        ("d*g", 0, "end only"),
        ('dog " "', 4, "keyword is missing"),
        ("dog~2", 0, "not understood"),
        ("/dog/", 0, "not understood"),
        ("[a TO b]", 0, "needs a field"),
        ("tag:[a TO b]", 0, "comes a keyword"),
        ("dog\x00", 3, "control character"),
    ],
)
def test_wrong_query_gets_the_place_and_the_reason(text: str, position: int, reason: str) -> None:
    with pytest.raises(QueryError, match=re.escape(reason)) as caught:
        _parse(text)
    assert caught.value.position == position


@pytest.mark.parametrize("text", ["(" * 900 + "dog" + ")" * 900, "a " * 3000, "NOT " * 900 + "a"])
def test_monstrous_query_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(QueryError, match=r"shorten|simplify"):
        _parse(text)


@pytest.mark.parametrize("text", ["dog^1.2.3", "dog~2.5.5", '"a b"~2.5', "dog~.", "dog^."])
def test_a_mark_with_a_number_that_is_none_is_named(text: str) -> None:
    with pytest.raises(QueryError, match="no number stands after this mark") as caught:
        _parse(text)

    assert caught.value.position == len(re.split("[~^]", text)[0])


@given(
    st.text(
        alphabet=st.characters(codec="utf-8") | st.sampled_from('()[]{}":*^~-+/\\<>= '), max_size=40
    )
)
def test_any_text_is_a_query_or_a_query_error(text: str) -> None:
    try:
        parser.parse(text, now=datetime(2026, 5, 1, tzinfo=UTC))
    except QueryError as error:
        place = error.position or 0
    else:
        place = 0
    assert 0 <= place <= len(text)


_DOCUMENTED = re.findall(
    r"`((?:taken|added|camera|path|format|width|height|size|near|tag|source|is):[^`]+|[a-z\"][^`:]*)`",
    (Path(__file__).parents[3] / "docs" / "search.md")
    .read_text("utf-8")
    .split("## Keywords")[1]
    .split("## Order")[0],
)


@pytest.mark.parametrize("text", _DOCUMENTED)
def test_what_the_manual_shows_is_understood(text: str) -> None:
    assert _parse(text) is not None
