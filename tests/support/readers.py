"""What other programs would show of a photo: its keywords, by the rules that each follows.

The fields are read by exiv2, the library of digiKam and darktable, not by Kadr. Each reader is
a function over them; where its rule comes from stands in its docstring.
"""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

#: The values of a file's fields, by exiv2's names: `{"Xmp.dc.subject": ["dog"]}`.
Fields = Mapping[str, Sequence[str]]

DC, LR, TAGS = "Xmp.dc.subject", "Xmp.lr.hierarchicalSubject", "Xmp.digiKam.TagsList"
LAST, SETS = "Xmp.MicrosoftPhoto.LastKeywordXMP", "Xmp.mediapro.CatalogSets"
CATEGORIES, IPTC, WINDOWS = (
    "Xmp.acdsee.categories",
    "Iptc.Application2.Keywords",
    "Exif.Image.XPKeywords",
)


@functools.cache
def _exiv2() -> Any:
    import exiv2

    for prefix, uri in {
        "acdsee": "http://ns.acdsee.com/iptc/1.0/",
        "kadr": "urn:kadr:xmp:1.0/",
    }.items():
        exiv2.XmpProperties.registerNs(uri, prefix)
    return exiv2


def _image(path: Path) -> Any:
    image = _exiv2().ImageFactory.open(str(path))
    image.readMetadata()
    return image


def read_fields(path: Path) -> dict[str, list[str]]:
    """Read the fields of a photo or a sidecar with exiv2."""
    image, fields = _image(path), {}
    for datum in [*image.xmpData(), *image.iptcData(), *image.exifData()]:
        values = [datum.toString(n) for n in range(datum.count())] or [datum.toString()]
        if datum.key().startswith(("Exif.", "Iptc.")):
            values = [datum.print()]
        fields.setdefault(datum.key(), []).extend(values)
    return fields


def read_types(path: Path) -> dict[str, str]:
    """Read the types of a file's XMP properties with exiv2: `{"Xmp.dc.subject": "XmpBag"}`."""
    return {datum.key(): datum.typeName() for datum in _image(path).xmpData()}


def add_words(path: Path, *words: str, key: str = DC) -> None:
    """Add keywords to an XMP list of a photo or a sidecar with exiv2, as another program would."""
    set_words(path, *read_fields(path).get(key, []), *words, key=key)


def set_words(path: Path, *words: str, key: str = DC) -> None:
    """Replace the keywords of an XMP list of a photo or a sidecar with exiv2."""
    image, exiv2 = _image(path), _exiv2()
    kind = exiv2.TypeId.xmpSeq if key == TAGS else exiv2.TypeId.xmpBag
    image.xmpData()[key] = exiv2.XmpArrayValue(list(words), kind)
    image.writeMetadata()


def _with_sidecar(embedded: Fields, sidecar: Fields | None) -> Fields:
    return embedded if sidecar is None else sidecar


def as_digikam(embedded: Fields, sidecar: Fields | None = None) -> list[str]:
    """Return the leaves of the first field that is not empty.

    Source: digiKam core/libs/metadataengine/dmetadata/dmetadatasettingscontainer.cpp
    (`defaultValues`: the order of fields) and dmetadata.cpp (`getItemTagsPath`). A sidecar replaces
    all XMP and IPTC of the file.
    """
    fields = _with_sidecar(embedded, sidecar)
    separators = {TAGS: "/", LAST: "/", LR: "|", SETS: "|"}
    for key in (TAGS, LAST, LR, SETS, DC, IPTC):
        if fields.get(key):
            separator = separators.get(key)
            return [v.split(separator)[-1] if separator else v for v in fields[key]]
    windows = embedded.get(WINDOWS, [])
    return [word for text in windows for word in text.split(";") if word]


def as_immich(embedded: Fields, sidecar: Fields | None = None) -> list[str]:
    """Return the full paths of the first of TagsList, hierarchicalSubject and IPTC keywords.

    Source: immich-app/immich server/src/services/metadata.service.ts (`getTagList`); not
    `dc:subject` (immich-app/immich#28015). A sidecar wins field by field.
    """
    fields = {**embedded, **(sidecar or {})}
    if fields.get(TAGS):
        return list(fields[TAGS])
    if fields.get(LR):
        return [path.replace("|", "/") for path in fields[LR]]
    return list(fields.get(IPTC, []))


def as_darktable(embedded: Fields, sidecar: Fields | None = None) -> list[str]:
    """Return the tags by `lr:hierarchicalSubject`, or else by `dc:subject`.

    Source: darktable-org/darktable src/common/exif.cc (`_exif_decode_xmp_data`). A sidecar adds to
    what was imported from the file (darktable-org/darktable#5486).
    """
    tags: list[str] = []
    for fields in (embedded, sidecar or {}):
        tags += [tag for tag in fields.get(LR) or fields.get(DC, []) if tag not in tags]
    return tags


def as_photoprism(embedded: Fields, sidecar: Fields | None = None) -> list[str]:
    """Return the flat words of `dc:subject`.

    Source: photoprism/photoprism internal/meta/xmp_document.go (`Keywords`); no paths
    (photoprism/photoprism#5710). A sidecar is the only source of a field that it has.
    """
    fields = {**embedded, **(sidecar or {})}
    return list(fields.get(DC, []))


def as_lightroom(
    embedded: Fields, sidecar: Fields | None = None, *, is_raw: bool = False
) -> list[str]:
    """Return the leaves of `lr:hierarchicalSubject` with the words of `dc:subject`.

    Source: Adobe's help page "Metadata basics and actions", and bufemc/picasa2xmp: Lightroom
    Classic reads sidecars of proprietary RAW files only. Not verified with the program itself.
    """
    fields = sidecar if is_raw and sidecar is not None else embedded
    leaves = [path.split("|")[-1] for path in fields.get(LR, [])]
    return [*leaves, *(word for word in fields.get(DC, []) if word not in leaves)]
