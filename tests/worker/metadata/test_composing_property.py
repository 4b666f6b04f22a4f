"""Random sidecars of others, random decisions: nothing foreign changes, and all can be undone."""

from datetime import UTC, datetime

from hypothesis import given, reject
from hypothesis import strategies as st
from lxml import etree

from tests.support.xmp import document
from worker.errors import MetadataError
from worker.metadata import composing, editing, xmp
from worker.metadata.composing import Style, Wanted
from worker.metadata.document import load

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
WORDS = ["dog", "Dog", "sea", "AC/DC", "a|b", "Größe", "x y", "&<>'\"", "👍🏽", "a" * 70]

words = st.sampled_from(WORDS)
parts = st.sampled_from(["animal", "Places", *WORDS])
paths = st.lists(parts, min_size=1, max_size=3).map(tuple)
space = st.sampled_from(["", "\n", "\n   ", " "])


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


@st.composite
def properties(draw: st.DrawFn) -> tuple[str, str]:
    """A property in any form: as (attribute, element), one of which is empty."""
    name = draw(st.sampled_from(["dc:subject", "lr:hierarchicalSubject", "digiKam:TagsList"]))
    separator = "/" if name == "digiKam:TagsList" else "|"
    values = draw(
        st.lists(words if name == "dc:subject" else paths.map(separator.join), max_size=4)
    )
    match draw(st.sampled_from(["Bag", "Seq", "Alt", "element", "attribute"])):
        case "attribute" if values:
            return f'{name}="{escape(values[0])}"', ""
        case "element" if values:
            return "", f"<{name}>{escape(values[0])}</{name}>"
        case form:
            kind = form if form in {"Bag", "Seq", "Alt"} else "Bag"
            gap = draw(space)
            items = "".join(f"<rdf:li>{escape(value)}</rdf:li>{gap}" for value in values)
            return "", f"<{name}>{gap}<rdf:{kind}>{gap}{items}</rdf:{kind}>{gap}</{name}>"


foreign = st.sampled_from(
    [
        "<xmp:Rating>3</xmp:Rating>",
        '<o:odd xmlns:o="urn:odd"><o:in o:a="1">t<o:b/>u</o:in></o:odd>',
        "<!-- a comment -->",
        "<?pi of others?>",
        (
            "<MicrosoftPhoto:LastKeywordXMP><rdf:Bag><rdf:li>Places/Rome</rdf:li></rdf:Bag>"
            "</MicrosoftPhoto:LastKeywordXMP>"
        ),
        "<xmp:Label xml:lang='en'>Red</xmp:Label>",
    ]
)


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    descriptions = []
    for _ in range(draw(st.integers(0, 3))):
        found = draw(st.lists(properties(), max_size=3, unique_by=lambda each: each[1][:12]))
        attributes = {each.partition("=")[0]: each for each, _ in found if each}
        inside = [element for _, element in found if element] + draw(st.lists(foreign, max_size=3))
        gap = draw(space)
        body = gap.join(["", *draw(st.permutations(inside)), ""]) if inside else draw(space)
        text = " ".join(attributes.values())
        descriptions.append(f'<rdf:Description rdf:about="" {text}>{body}</rdf:Description>')
    gap = draw(space)
    return document(gap + gap.join(descriptions) + gap)


wanted = st.builds(
    Wanted,
    confirmed=st.lists(paths, max_size=3).map(tuple),
    proposed=st.lists(paths, max_size=2).map(tuple),
    rejected=st.lists(words, max_size=2).map(tuple),
    withdrawn=st.lists(words, max_size=1).map(tuple),
)
styles = st.builds(Style, st.sampled_from([None, "Kadr"]), st.booleans())


def c14n(data: bytes) -> bytes:
    return etree.tostring(load(data).tree, method="c14n")


def write(data: bytes, what: Wanted, style: Style) -> bytes:
    try:
        return composing.compose(data, what, now=NOW, style=style).data or data
    except MetadataError as error:  # a field in several places, which nobody writes, is left alone
        if "written several times" not in str(error):
            raise
        reject()


@given(documents(), st.lists(st.tuples(wanted, styles), min_size=1, max_size=4))
def test_others_keep_what_they_wrote_and_withdrawing_restores_it(
    before: bytes, decisions: list[tuple[Wanted, Style]]
) -> None:
    data = before
    for what, style in decisions:
        data = write(data, what, style)
        assert composing.compose(data, what, now=NOW, style=style).data is None
        assert editing.foreign_part(load(data)) == editing.foreign_part(load(before))

    after = composing.withdraw(data, now=NOW).data or data
    assert composing.withdraw(after, now=NOW).data is None
    assert xmp.read(load(after)).fields == xmp.read(load(before)).fields
    assert xmp.read(load(after)).marker is None
    if b"<rdf:Description" in before:
        assert c14n(after) == c14n(before)


@given(documents(), wanted, styles)
def test_every_word_is_in_every_field_that_can_hold_it(
    before: bytes, what: Wanted, style: Style
) -> None:
    data = write(before, what, style)
    found = xmp.read(load(data)).fields

    said = [path for path in (*what.confirmed, *what.proposed) if path[-1] not in what.withdrawn]
    for path in said:
        word = path[-1]
        if word.casefold() in {each.casefold() for each in what.withdrawn}:
            continue
        flat = {value.casefold() for value in found[xmp.Field.SUBJECT].values}
        assert word.casefold() in flat
