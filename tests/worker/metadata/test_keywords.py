"""The keywords of all fields are one list: each once, leaves with their broader words."""

import pytest

from catalog.said import Keyword
from tests.support.xmp import bag, sidecar
from worker.metadata import keywords, xmp


def collect(body: str, attributes: str = "", **more: object) -> list[Keyword]:
    fields = xmp.parse(sidecar(body, attributes)).fields
    return list(keywords.collect(fields, **more))  # type: ignore[arg-type]


def words(*args: object, **more: object) -> list[str]:
    return [each.word for each in collect(*args, **more)]  # type: ignore[arg-type]


CATEGORIES = (
    '&lt;Categories&gt;&lt;Category Assigned="0"&gt;Animals&lt;Category Assigned="1"&gt;Fox'
    "&lt;/Category&gt;&lt;/Category&gt;&lt;/Categories&gt;"
)


@pytest.mark.parametrize(
    "body",
    [
        bag("lr:hierarchicalSubject", "Animals|Fox"),
        bag("digiKam:TagsList", "Animals/Fox", form="Seq"),
        bag("MicrosoftPhoto:LastKeywordXMP", "Animals/Fox"),
        bag("mediapro:CatalogSets", "Animals|Fox"),
        f"<acdsee:categories>{CATEGORIES}</acdsee:categories>",
    ],
)
def test_leaf_of_a_path_is_the_keyword(body: str) -> None:
    assert collect(body) == [Keyword("Fox", ("Animals",))]


def test_path_in_attribute_form_is_read() -> None:
    assert collect("", 'lr:hierarchicalSubject="a|b"') == [Keyword("b", ("a",))]


def test_broader_words_stand_nearest_first() -> None:
    assert collect(bag("lr:hierarchicalSubject", "Nature|Animals|Fox")) == [
        Keyword("Fox", ("Animals", "Nature"))
    ]


def test_flat_word_is_the_leaf_of_its_path() -> None:
    body = bag("dc:subject", "fox", "sea") + bag("lr:hierarchicalSubject", "Animals|Fox")

    assert collect(body) == [Keyword("fox", ("Animals",)), Keyword("sea")]


def test_slash_in_a_word_is_no_path() -> None:
    music = bag("digiKam:TagsList", "AC/DC", "music/AC/DC")

    assert words(bag("dc:subject", "AC/DC") + music) == ["AC/DC"]
    assert words(bag("lr:hierarchicalSubject", "music|AC/DC") + music) == ["AC/DC"]
    assert collect(bag("dc:subject", "24/7") + bag("digiKam:TagsList", "24/7")) == [Keyword("24/7")]


def test_marks_of_programs_are_left_out() -> None:
    darktable = bag("dc:subject", "darktable", "exported", "fox", "format") + bag(
        "lr:hierarchicalSubject", "darktable|format|jpg", "darktable|exported", "animals|fox"
    )
    digikam = bag("dc:subject", "Scanned for Faces", "sea") + bag(
        "digiKam:TagsList",
        *("_Digikam_Internal_Tags_/Scanned for Faces", "_Digikam_root_tag_/sea", "People/Unknown"),
    )

    assert words(darktable) == ["fox"]
    assert collect(digikam) == [Keyword("sea")]
    assert words(bag("dc:subject", "darktable|exported", "darktable")) == ["darktable"]


def test_word_that_is_a_mark_and_a_keyword_stays() -> None:
    body = bag("dc:subject", "jpg") + bag(
        "lr:hierarchicalSubject", "darktable|format|jpg", "formats|jpg"
    )

    assert collect(body) == [Keyword("jpg", ("formats",))]


def test_named_people_are_keywords() -> None:
    assert words(bag("Iptc4xmpExt:PersonInImage", "Anna")) == ["Anna"]


WHOLE = "International Federation of Red Cross and Red Crescent Societies Conference"


def test_word_that_iptc_cut_is_the_whole_one() -> None:
    cut = WHOLE[:64]

    assert words(bag("dc:subject", WHOLE), more=[cut], cut={cut}) == [WHOLE]
    assert words("", more=[cut], cut={cut}) == [cut]
    assert words(bag("dc:subject", WHOLE), more=["International"]) == [WHOLE, "International"]


def test_keywords_nobody_would_write_are_left_out() -> None:
    many = ["", "  ", "x" * 101, *(f"word {n}" for n in range(2000))]

    found = words(bag("dc:subject", *many))

    assert found[0] == "word 0"
    assert len(found) == keywords.MAX_KEYWORDS
