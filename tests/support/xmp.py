"""XMP documents for tests, as different programs write them."""

NAMESPACES = (
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xmlns:lr="http://ns.adobe.com/lightroom/1.0/"'
    ' xmlns:digiKam="http://www.digikam.org/ns/1.0/"'
    ' xmlns:MicrosoftPhoto="http://ns.microsoft.com/photo/1.0/"'
    ' xmlns:mediapro="http://ns.iview-multimedia.com/mediapro/1.0/"'
    ' xmlns:acdsee="http://ns.acdsee.com/iptc/1.0/"'
    ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    ' xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
    ' xmlns:exif="http://ns.adobe.com/exif/1.0/"'
    ' xmlns:exifEX="http://cipa.jp/exif/1.0/"'
    ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
    ' xmlns:kadr="urn:kadr:xmp:1.0/"'
)


def sidecar(body: str = "", attributes: str = "") -> bytes:
    """Make a document of one description with these elements and attributes."""
    return document(f'<rdf:Description rdf:about="" {attributes}>{body}</rdf:Description>')


def document(descriptions: str) -> bytes:
    """Make a document of these descriptions, with an xpacket around it."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {NAMESPACES}>{descriptions}</rdf:RDF>'
        '</x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def bag(name: str, *words: str, form: str = "Bag") -> str:
    """Make a list property."""
    items = "".join(f"<rdf:li>{word}</rdf:li>" for word in words)
    return f"<{name}><rdf:{form}>{items}</rdf:{form}></{name}>"
