"""Reads keywords and the date taken from XMP packets and sidecars (ISO 16684-1, RDF/XML).

`metadata` calls it. The XML is untrusted: entities and DTDs are refused.
"""

from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

#: A longer packet is not read; Lightroom's longest, with brush strokes, have a few MiB.
MAX_BYTES = 8 * 1024 * 1024

_LIST_ITEM = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li"
_DESCRIPTION = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"
_SUBJECT = "{http://purl.org/dc/elements/1.1/}subject"
_HIERARCHICAL = "{http://ns.adobe.com/lightroom/1.0/}hierarchicalSubject"
_DIGIKAM = "{http://www.digikam.org/ns/1.0/}TagsList"
_DATES = (
    "{http://ns.adobe.com/exif/1.0/}DateTimeOriginal",
    "{http://ns.adobe.com/photoshop/1.0/}DateCreated",
    "{http://ns.adobe.com/xap/1.0/}CreateDate",
)
_SEPARATORS = {_HIERARCHICAL: "|", _DIGIKAM: "/"}


@dataclass(frozen=True, slots=True)
class Xmp:
    """What Kadr reads from XMP: keywords in the file's order, and the date as it is written."""

    keywords: tuple[str, ...] = ()
    date: str | None = None


def parse(packet: bytes) -> Xmp:
    """Parse an XMP packet; what is damaged, hostile or too long gives an empty `Xmp`.

    A hierarchical keyword "animal|dog" gives "animal" and "dog": both are true of the photo.
    """
    if len(packet) > MAX_BYTES:
        return Xmp()
    try:
        root = ElementTree.fromstring(packet.strip(b"\0 \t\r\n"), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):  # LookupError: encoding
        return Xmp()
    return Xmp(tuple(_keywords(root)), _date(root))


def _keywords(root: Element) -> list[str]:
    found: list[str] = []
    for tag in (_SUBJECT, _HIERARCHICAL, _DIGIKAM):
        for items in root.iter(tag):
            for item in items.iter(_LIST_ITEM):
                text = item.text or ""
                separator = _SEPARATORS.get(tag)
                found.extend(text.split(separator) if separator else [text])
    return found


def _date(root: Element) -> str | None:
    """Return a date that is an attribute or an element of rdf:Description; XMP allows both."""
    for name in _DATES:
        for description in root.iter(_DESCRIPTION):
            text = description.get(name) or description.findtext(name)
            if text:
                return text
    return None
