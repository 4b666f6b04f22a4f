"""The parts of a query that can be taken away or turned over one by one."""

import pytest

from catalog.language import chips


def test_parts_of_a_query_are_what_has_to_be_met():
    found = chips.split("dog AND (beach OR sea) NOT person")

    assert [(each.text, each.is_not) for each in found] == [
        ("dog", False),
        ("(beach OR sea)", False),
        ("person", True),
    ]
    assert found[0].removed == "(beach OR sea) NOT person"
    assert found[2].toggled == "dog (beach OR sea) person"


def test_an_or_is_one_part():
    [only] = chips.split("dog OR cat")

    assert (only.text, only.removed, only.toggled) == ("dog OR cat", "", "NOT (dog OR cat)")


@pytest.mark.parametrize(
    "text",
    [
        'tag:="polar bear"',
        "dog^0.5",
        "taken:[2023 TO 2024]",
        'near:"-48.85,2.35,10km"',
        "width:>-5",
    ],
)
def test_a_part_prints_as_it_was_written(text):
    assert [each.text for each in chips.split(text)] == [text]


def test_a_query_that_cannot_be_read_has_no_parts():
    assert chips.split("dog AND (") == []
    assert chips.split("") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "sea"),
        ("dog", "dog AND sea"),
        ("a OR b", "(a OR b) AND sea"),
        ("(a OR b)", "(a OR b) AND sea"),
    ],
)
def test_a_query_is_narrowed(text, expected):
    assert chips.narrow(text, "sea") == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [("dog", "dog"), ("polar bear", '"polar bear"'), ("and", '"and"'), ('5" nail', '"5\\" nail"')],
)
def test_a_keyword_is_quoted_where_it_must_be(word, expected):
    assert chips.quote(word) == expected
    assert len(chips.split(chips.quote(word))) == 1
