"""Parses XMP documents (ISO 16684-1, RDF/XML), which come from anywhere and are not trusted.

`xmp` reads the fields of a document. Network, DTDs and entities are off; a document with a DOCTYPE,
or one above the limits, is refused.
"""

import codecs
import re
from dataclasses import dataclass

from lxml import etree

from worker.errors import MetadataError

#: A longer document is not read; Lightroom's longest, with brush strokes, have a few MiB.
MAX_BYTES = 8 * 1024 * 1024
#: Elements within elements.
MAX_DEPTH = 64
#: Elements, attributes, comments and processing instructions.
MAX_NODES = 100_000

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNMARKED = ((b"<\0\0\0", "utf-32-le"), (b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})["']""")
_DECLARATION = re.compile(r"^<\?xml\s[^>]*\?>")
#: Encodings that XMP was seen in; others of Python's are slow on hostile input, or no encodings.
_ENCODINGS = re.compile(r"utf-8|ascii|iso8859-\d+|cp125\d|shift_jis|euc_jp|gb2312|gbk|gb18030|big5")
_DOCTYPE = re.compile(r"<!\s*DOCTYPE", re.IGNORECASE)
_EMPTY = "\0 \t\r\n\ufeff"

# For repairs: a packet within other bytes, and what XML does not allow in a text.
_PACKET = re.compile(r"<((?:\w+:)?(?:xmpmeta|xapmeta|RDF))[\s>].*</\1\s*>", re.DOTALL)
_ILLEGAL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_REFERENCE = re.compile(r"&#(?:x([0-9a-fA-F]+)|([0-9]+));")
_LONE_AMPERSAND = re.compile(r"&(?!#x?[0-9a-fA-F]{1,7};|(?:lt|gt|amp|quot|apos);)")
_MAX_DIGITS = 7
_MAX_CODE = 0x10FFFF
#: What stands for a character that could not be read.
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True)
class Document:
    """An XMP document."""

    tree: "etree._ElementTree"
    #: The only rdf:RDF in it.
    rdf: "etree._Element"
    #: Something in it was not XML and was replaced or left out: it may be read, but not written.
    is_repaired: bool = False


def load(data: bytes, *, repair: bool = False) -> Document:
    """Parse a sidecar or a packet.

    Args:
        data: The document in UTF-8, UTF-16 or another common encoding, with or without a byte
            order mark, an xpacket around it, and padding.
        repair: Whether characters that XML does not allow are replaced by U+FFFD, so that they cost
            the words that they stand in, not the document.

    Raises:
        MetadataError: It is too long or too deep, has a DOCTYPE, is not well-formed, or is not XMP.
    """
    if len(data) > MAX_BYTES:
        raise MetadataError(f"longer than {MAX_BYTES >> 20} MiB; let its program write it anew")
    encoding = _encoding_of(data)
    try:
        return _parse(data.decode(encoding))
    except (UnicodeDecodeError, etree.XMLSyntaxError, ValueError) as error:
        if not repair:
            raise MetadataError(_not_xml(error)) from error
    try:
        document = _parse(_repaired(data.decode(encoding, errors="replace")))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise MetadataError(_not_xml(error)) from error
    return Document(document.tree, document.rdf, is_repaired=True)


def parse_xml(text: str) -> "etree._ElementTree":
    """Parse any XML text under the same limits.

    Raises:
        MetadataError: It has a DOCTYPE, or is too long or too deep.
        XMLSyntaxError: It is not well-formed.
        ValueError: It holds characters that XML does not allow.
    """
    text = _DECLARATION.sub("", text.strip(_EMPTY), count=1)
    if _DOCTYPE.search(text):
        raise MetadataError("has a DOCTYPE, which XMP never needs; let its program write it anew")
    if text.count("<") > 2 * MAX_NODES or text.count('="') + text.count("='") > MAX_NODES:
        raise _too_many()
    root = etree.fromstring(text.encode(), _parser())
    _check_size(root)
    return root.getroottree()


def _parser() -> "etree.XMLParser":
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        strip_cdata=False,
    )


def _parse(text: str) -> Document:
    tree = parse_xml(text)
    found = list(tree.iter(f"{{{RDF}}}RDF"))
    if len(found) != 1:
        fact = "is not XMP" if not found else "has several rdf:RDF"
        raise MetadataError(f"{fact}; let its program write it anew")
    return Document(tree, found[0])


def _check_size(root: "etree._Element") -> None:
    nodes = depth = 0
    for event, element in etree.iterwalk(root, events=("start", "end", "comment", "pi")):
        if event == "end":
            depth -= 1
            continue
        nodes += 1
        if event == "start":
            depth += 1
            nodes += len(element.attrib)
        if nodes > MAX_NODES:
            raise _too_many()
        if depth > MAX_DEPTH:
            raise MetadataError(f"deeper than {MAX_DEPTH} elements; let its program write it anew")


def _too_many() -> MetadataError:
    return MetadataError(f"more than {MAX_NODES:,} elements; let its program write it anew")


def _encoding_of(data: bytes) -> str:
    """Return the encoding of a document by its first bytes, or else by what it declares.

    Raises:
        MetadataError: It declares one that is not read.
    """
    start = data[:64].lstrip(b"\r\n\t ")
    for mark, encoding in (*_BOMS, *_UNMARKED):
        if start.startswith(mark):
            return encoding
    declared = _DECLARED.match(data[:512])
    if declared is None:
        return "utf-8"
    name = declared[1].decode("ascii", errors="replace")
    try:
        known = codecs.lookup(name).name
    except LookupError:
        known = ""
    if known.startswith(("utf-16", "utf-32")):  # which it cannot be: it was saved anew as UTF-8
        return "utf-8"
    if not _ENCODINGS.fullmatch(known):
        raise MetadataError(f"in the encoding {name}, which is not read; save it as UTF-8")
    return known


def _not_xml(error: Exception) -> str:
    text = " ".join(str(error).split())[:120]
    return f"is not well-formed XML ({text}); let its program write it anew"


def _repaired(text: str) -> str:
    packet = _PACKET.search(text)
    text = _ILLEGAL.sub(REPLACEMENT, packet[0] if packet else text)
    return _LONE_AMPERSAND.sub("&amp;", _REFERENCE.sub(_legal_reference, text))


def _legal_reference(found: re.Match[str]) -> str:
    digits, base = (found[1], 16) if found[1] else (found[2], 10)
    code = int(digits, base) if len(digits.lstrip("0")) <= _MAX_DIGITS else _MAX_CODE + 1
    if code > _MAX_CODE or _ILLEGAL.match(chr(code)):
        return REPLACEMENT
    return found[0]
