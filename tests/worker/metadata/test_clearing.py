"""Rejected keywords of other programs are taken out on request, and nothing else."""

from datetime import UTC, datetime

import pytest

from tests.support.xmp import bag, sidecar
from worker.metadata import clearing, composing, xmp
from worker.metadata.clearing import Cleared
from worker.metadata.composing import Wanted
from worker.metadata.document import load
from worker.metadata.xmp import Field

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
RATING = "<xmp:Rating>3</xmp:Rating>"


def clear(data: bytes, *rejected: str) -> Cleared:
    return clearing.clear(data, rejected, now=NOW)


def fields(data: bytes | None) -> dict[str, list[str]]:
    found = xmp.read(load(data or b"")).fields
    return {each: list(values.values) for each, values in found.items()}


def test_rejected_word_goes_from_all_fields_and_the_rest_stays() -> None:
    before = sidecar(
        bag("dc:subject", "sea", "Dog")
        + bag("lr:hierarchicalSubject", "animal|dog", "dog|beagle")
        + bag("digiKam:TagsList", "animal/dog", form="Seq")
        + bag("MicrosoftPhoto:LastKeywordXMP", "animal/dog", "sea")
        + RATING
    )
    cleared = clear(before, "dog", "animal")

    assert cleared.words == ("Dog",)
    assert fields(cleared.data) == {
        "dc:subject": ["sea"],
        "lr:hierarchicalSubject": ["dog|beagle"],
        "digiKam:TagsList": [],
        "MicrosoftPhoto:LastKeywordXMP": ["sea"],
    }
    assert RATING.encode() in (cleared.data or b"")


def test_nothing_changes_where_no_rejected_word_is() -> None:
    marks = bag("lr:hierarchicalSubject", "darktable|format|jpg")

    assert clear(sidecar(bag("dc:subject", "sea") + marks), "dog", "jpg") == Cleared()


@pytest.mark.parametrize("attribute", ['dc:subject="dog"', 'lr:hierarchicalSubject="animal|dog"'])
def test_single_value_without_a_list_goes(attribute: str) -> None:
    cleared = clear(sidecar(RATING, attribute), "dog")

    assert list(fields(cleared.data).values()) == [[]]
    again = composing.compose(cleared.data or b"", Wanted(confirmed=(("sea",),)), now=NOW)
    assert fields(again.data)["dc:subject"] == ["sea"]


def test_slash_within_a_word_is_no_level() -> None:
    both = sidecar(bag("dc:subject", "AC/DC") + bag("digiKam:TagsList", "music/AC/DC", form="Seq"))

    assert clear(both, "dc") == Cleared()
    assert fields(clear(both, "ac/dc").data) == {"dc:subject": [], "digiKam:TagsList": []}


def test_words_of_kadr_are_left_to_the_write_and_an_emptied_field_still_counts() -> None:
    wanted = Wanted(confirmed=(("dog",), ("sand",)))
    written = composing.compose(sidecar(bag("dc:subject", "sea")), wanted, now=NOW).data or b""
    cleared = clear(written, "sea", "dog")

    assert fields(cleared.data)[Field.SUBJECT] == ["dog", "sand"]
    foreign = composing.foreign_fields(xmp.read(load(cleared.data or b"")))
    assert foreign[Field.SUBJECT].values == ()
    assert fields(composing.withdraw(cleared.data or b"", now=NOW).data) == {"dc:subject": []}
