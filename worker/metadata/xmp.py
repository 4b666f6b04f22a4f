"""Reads what an XMP document says of its photo: keywords, people, date, position, Kadr's marker.

`worker.images` reads embedded packets with it, `worker.watch` sidecars; what writes sidecars takes
the names of fields and namespaces from here. Who reads and writes which field, and in which form,
is told in docs/metadata.md.
"""

import enum
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from lxml import etree

from catalog.said import Taken
from worker.errors import MetadataError
from worker.metadata import dates, document
from worker.metadata.document import Document

#: By prefix. Kadr's own ends in a slash as all of XMP's do, and names no host.
NAMESPACES = {
    "acdsee": "http://ns.acdsee.com/iptc/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "exifEX": "http://cipa.jp/exif/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "kadr": "urn:kadr:xmp:1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "mediapro": "http://ns.iview-multimedia.com/mediapro/1.0/",
    "MicrosoftPhoto": "http://ns.microsoft.com/photo/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "rdf": document.RDF,
    "x": "adobe:ns:meta/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
}

#: More values of one field than anybody gives a photo; a hostile document may hold 100,000.
MAX_VALUES = 2_000


def name(prefixed: str) -> str:
    """Return the name of a property as lxml writes it: "dc:subject" as "{http://...}subject"."""
    prefix, _, local = prefixed.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


class Field(enum.StrEnum):
    """A field that holds keywords, in the order in which they are read."""

    SUBJECT = "dc:subject"
    HIERARCHY = "lr:hierarchicalSubject"
    TAGS_LIST = "digiKam:TagsList"
    LAST_KEYWORDS = "MicrosoftPhoto:LastKeywordXMP"
    CATALOG_SETS = "mediapro:CatalogSets"
    #: One text of escaped XML; its values here are paths with `|` between the names.
    CATEGORIES = "acdsee:categories"
    PEOPLE = "Iptc4xmpExt:PersonInImage"


#: Fields whose values are words, not paths.
FLAT = frozenset({Field.SUBJECT, Field.PEOPLE})
#: What stands between the names of a path, root first.
SEPARATORS: Mapping[Field, str] = {
    Field.HIERARCHY: "|",
    Field.TAGS_LIST: "/",
    Field.LAST_KEYWORDS: "/",
    Field.CATALOG_SETS: "|",
    Field.CATEGORIES: "|",
}


class Form(enum.StrEnum):
    """How a property is written."""

    BAG = "Bag"
    SEQ = "Seq"
    ALT = "Alt"
    #: `<dc:subject>dog</dc:subject>`
    ELEMENT = "element"
    #: `<rdf:Description dc:subject="dog">`
    ATTRIBUTE = "attribute"


@dataclass(frozen=True, slots=True)
class Values:
    """The values of a property as they are written, in order, and its form."""

    form: Form
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Marker:
    """What Kadr noted in a document that it wrote: which words were a person's, which its own."""

    version: str | None = None
    #: Words that a person gave or confirmed.
    confirmed: tuple[str, ...] = ()
    #: Words of a model that nobody confirmed.
    proposed: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    #: The values that Kadr added to dc:subject, lr:hierarchicalSubject and digiKam:TagsList.
    words: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    #: What must be known to take them out again; see `composing`.
    before: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Xmp:
    """What a document says of its photo; None and empty for what it does not say."""

    #: The keyword fields that are in it, also those without a value.
    fields: Mapping[Field, Values] = field(default_factory=dict)
    taken: Taken | None = None
    #: WGS 84 degrees, north and east positive.
    position: tuple[float, float] | None = None
    marker: Marker | None = None
    #: The extension of the photo that a sidecar is for, upper case without a dot: "CR2".
    sidecar_for: str | None = None
    #: Why it could not be read; all else is then empty.
    problem: str | None = None
    #: Some of it was damaged: the rest counts, but the document must not be written.
    is_repaired: bool = False


_DATES = (
    ("exif:DateTimeOriginal", "exifEX:OffsetTimeOriginal"),
    ("photoshop:DateCreated", None),
    ("exif:DateTimeDigitized", "exifEX:OffsetTimeDigitized"),
    ("xmp:CreateDate", None),
)
_CONTAINERS = {
    document.RDF.join(("{", "}")) + form: form for form in (Form.BAG, Form.SEQ, Form.ALT)
}
_LI, _VALUE, _DESCRIPTION = name("rdf:li"), name("rdf:value"), name("rdf:Description")
_MEMBER = re.compile(re.escape(name("rdf:_")) + r"\d{1,6}")
_COORDINATE = re.compile(
    r"\s*([-+]?\d{1,3}(?:\.\d{1,15})?)"
    r"(?:,\s*(\d{1,2}(?:\.\d{1,15})?))?(?:,\s*(\d{1,2}(?:\.\d{1,15})?))?\s*([NSEW]?)\s*",
    re.IGNORECASE,
)


def parse(data: bytes) -> Xmp:
    """Read a sidecar or a packet; one that is refused is an `Xmp` with a `problem`.

    A bad character costs the word that it stands in.
    """
    try:
        return read(document.load(data, repair=True))
    except MetadataError as error:
        return Xmp(problem=str(error))


def read(parsed: Document) -> Xmp:
    """Return what a document says."""
    found = {each: _values(parsed, each) for each in Field}
    latitude = _coordinate(_text(parsed, "exif:GPSLatitude"), 90.0)
    longitude = _coordinate(_text(parsed, "exif:GPSLongitude"), 180.0)
    is_placed = latitude is not None and longitude is not None and (latitude or longitude)
    extension = _text(parsed, "photoshop:SidecarForExtension")
    return Xmp(
        fields={each: values for each, values in found.items() if values is not None},
        taken=next(_dates(parsed), None),
        position=(latitude, longitude) if is_placed else None,  # type: ignore[arg-type]
        marker=_marker(parsed),
        sidecar_for=extension.strip().lstrip(".").upper() or None if extension else None,
        is_repaired=parsed.is_repaired,
    )


def find(parsed: Document, prefixed: str) -> Values | None:
    """Return the values of a property in all descriptions of a document; None if it is in none.

    Descriptions within other properties, such as the sources of a collage, do not count.
    """
    wanted = name(prefixed)
    form: Form | None = None
    values: list[str] = []
    for description in parsed.rdf.iterchildren("*"):
        written = description.get(wanted)
        if written is not None:
            form = form or Form.ATTRIBUTE
            values += [written] if written.strip() else []
        for element in description.iterchildren(wanted):
            found = _of_element(element)
            form = form or found.form
            values += found.values
    return None if form is None else Values(form, tuple(values[:MAX_VALUES]))


def _values(parsed: Document, which: Field) -> Values | None:
    found = find(parsed, which)
    if found is None or which is not Field.CATEGORIES:
        return found
    return Values(found.form, tuple(path for text in found.values for path in _categories(text)))


def _of_element(element: "etree._Element") -> Values:
    for container in element.iterchildren(*_CONTAINERS):
        items = (
            item_text(item)
            for item in container.iterchildren("*")
            if item.tag == _LI or _MEMBER.fullmatch(str(item.tag))
        )
        return Values(_CONTAINERS[str(container.tag)], tuple(islice(items, MAX_VALUES)))
    text = item_text(element)
    return Values(Form.ELEMENT, (text,) if text.strip() else ())


def item_text(item: "etree._Element") -> str:
    """Return the text of a value, which may be qualified: then it is in rdf:value."""
    described = item.find(_DESCRIPTION)
    holder = item if described is None else described
    value = holder.find(_VALUE)
    if value is not None:
        return "".join(value.itertext())
    return holder.get(_VALUE) or "".join(holder.itertext())


def _categories(text: str) -> Iterator[str]:
    """Yield the assigned categories of ACDSee, as paths with `|` between the names.

    `<Categories><Category Assigned="0">Animals<Category Assigned="1">Fox</Category></Category>
    </Categories>` is "Animals|Fox".
    """
    try:
        root = document.parse_xml(text).getroot()
    except (MetadataError, etree.XMLSyntaxError, ValueError):
        return
    paths = {root: ""}
    for category in root.iter("Category"):
        above = category.getparent()
        before = paths.get(above, "") if above is not None else ""
        own = (category.text or "").strip().replace("|", "/")
        paths[category] = f"{before}|{own}" if before else own
        if category.get("Assigned") == "1" and own:
            yield paths[category]


def _dates(parsed: Document) -> Iterator[Taken]:
    for prefixed, zone in _DATES:
        found = dates.parse(_text(parsed, prefixed), _text(parsed, zone) if zone else None)
        if found is not None:
            yield found


def _coordinate(text: str | None, limit: float) -> float | None:
    """Return degrees of "48,51.5N", "48,51,30N" or "-33.85"; None for what makes no sense."""
    found = _COORDINATE.fullmatch(text or "")
    if found is None:
        return None
    degrees, minutes, seconds = (float(part or 0) for part in found.groups()[:3])
    total = abs(degrees) + minutes / 60 + seconds / 3600
    is_negative = found[1].startswith("-") or found[4].upper() in {"S", "W"}
    return None if total > limit else -total if is_negative else total


def _marker(parsed: Document) -> Marker | None:
    names = ("Confirmed", "Proposed", "Rejected", "Words", "Paths", "Tags", "Before")
    found = {local: find(parsed, f"kadr:{local}") for local in names}
    version = _text(parsed, "kadr:Version")
    if version is None and all(each is None for each in found.values()):
        return None
    return Marker(version, *(() if each is None else each.values for each in found.values()))


def _text(parsed: Document, prefixed: str) -> str | None:
    found = find(parsed, prefixed)
    return found.values[0] if found is not None and found.values else None
