"""Changes the values of properties in an XMP document and leaves everything else as it is.

`composing` decides on the values. What is not Kadr's to change is compared before and after, in
canonical form (`foreign_part`): if it differed, nothing may be written. Adding values and taking
them out again restores a document, to the white space around them.
"""

import copy
import re
from collections.abc import Iterable, Iterator, Sequence

from lxml import etree

from worker.errors import MetadataError
from worker.metadata import document, xmp
from worker.metadata.document import Document
from worker.metadata.xmp import NAMESPACES, Field, Form

#: The fields that Kadr writes, and the container of a new one: digiKam flattens a hierarchical
#: subject that is a Seq, and its own list is one.
WRITTEN_FIELDS = {
    Field.SUBJECT: Form.BAG,
    Field.HIERARCHY: Form.BAG,
    Field.TAGS_LIST: Form.SEQ,
}
DATE = "xmp:MetadataDate"

_ABOUT = xmp.name("rdf:about")
_LI, _DESCRIPTION = xmp.name("rdf:li"), xmp.name("rdf:Description")
#: The attributes of a description that `_description` makes.
_BARE = {_ABOUT: ""}
_KADR = f"{{{NAMESPACES['kadr']}}}"
_FORMS = {f"{{{document.RDF}}}{form}": form for form in (Form.BAG, Form.SEQ, Form.ALT)}
_DECLARATION = re.compile(r"^\ufeff?\s*<\?xml\s")
#: Between our own elements, so that a person can read them.
_BREAK = "\n   "

Element = etree._Element  # noqa: SLF001 - lxml's only name for the type


def serialize(parsed: Document, before: bytes) -> bytes:
    """Return a document as UTF-8, with the XML declaration and line ends that it had before."""
    text = etree.tostring(parsed.tree, encoding="unicode") + "\n"
    head = before[:200].decode("utf-8", errors="ignore").replace("\0", "")
    if _DECLARATION.match(head):
        text = '<?xml version="1.0" encoding="UTF-8"?>\n' + text
    return text.replace("\n", "\r\n").encode() if b"\r\n" in before else text.encode()


def foreign_part(parsed: Document, *more: Field) -> bytes:
    """Return the canonical form (C14N 1.0, with comments) of what is not Kadr's to change.

    Left out are the three keyword fields, Kadr's marker, the date of the metadata, and a
    description that says nothing else.

    Args:
        parsed: The document.
        more: Fields that are left out as well.
    """
    ours = {xmp.name(each) for each in (*WRITTEN_FIELDS, DATE, *more)}
    tree = copy.deepcopy(parsed.tree)
    for description in list(next(tree.iter(f"{{{document.RDF}}}RDF")).iterchildren("*")):
        for name in list(description.attrib):
            if name in ours or str(name).startswith(_KADR):
                del description.attrib[name]
        for element in list(description.iterchildren("*")):
            if element.tag in ours or str(element.tag).startswith(_KADR):
                _remove(element)
        if description.tag == _DESCRIPTION and _is_bare(description):
            _remove(description)
    return etree.tostring(tree, method="c14n", with_comments=True)


def add_values(parsed: Document, field: str, values: Sequence[str], form: Form) -> None:
    """Add values to the end of a property, which is made where there is none.

    Raises:
        MetadataError: The property is written in a form that Kadr does not know.
    """
    container = _container(parsed, field, form)
    for value in values:
        item = etree.Element(_LI)
        item.text = value
        _append(container, item)


def remove_values(parsed: Document, field: str, values: Iterable[str]) -> None:
    """Take values out of a property, each once; an empty property stays."""
    items = [(xmp.item_text(item), item) for item in _items(parsed, field)]
    for value in values:
        found = next((pair for pair in reversed(items) if pair[0] == value), None)
        if found is None:
            _remove_single(parsed, field, value)
        else:
            items.remove(found)
            _remove(found[1])


def _remove_single(parsed: Document, field: str, value: str) -> None:
    """Take out the value of a property that is written without a container."""
    name = xmp.name(field)
    for description in parsed.rdf.iterchildren("*"):
        if description.get(name) == value:
            description.set(name, "")
            return
        for element in description.iterchildren(name):
            if not len(element) and element.text == value:
                element.text = None
                return


def remove_property(parsed: Document, field: str) -> None:
    """Remove a property from all descriptions, in whatever form it is."""
    name = xmp.name(field)
    for description in parsed.rdf.iterchildren("*"):
        description.attrib.pop(name, None)
        for element in list(description.iterchildren(name)):
            _remove(element)


def set_text(parsed: Document, field: str, value: str, *, only_change: bool = False) -> None:
    """Set a property of one value, as an attribute where it was one, else as an element.

    Args:
        parsed: The document.
        field: The property, with its prefix.
        value: Its new value.
        only_change: Whether a document without the property stays without.
    """
    name = xmp.name(field)
    for description in parsed.rdf.iterchildren("*"):
        if description.get(name) is not None:
            description.set(name, value)
            return
        for element in description.iterchildren(name):
            element.text = value
            return
    if not only_change:
        element = _new_element(field)
        element.text = value
        _append(_description(parsed), element)


def find_form(parsed: Document, field: str) -> Form | None:
    """Return the form of a property that `add_values` would write as a container.

    None for a property that has a container already, or is not there.

    Raises:
        MetadataError: It is written several times without a container.
    """
    if any(True for _ in _containers(parsed, field)):
        return None
    name = xmp.name(field)
    forms = [
        form
        for description in parsed.rdf.iterchildren("*")
        for form, is_there in (
            (Form.ATTRIBUTE, description.get(name) is not None),
            *((Form.ELEMENT, True) for _ in description.iterchildren(name)),
        )
        if is_there
    ]
    if len(forms) > 1:
        raise MetadataError(f"{field} is written several times; let its program write it anew")
    return forms[0] if forms else None


def restore_form(parsed: Document, field: str, form: Form) -> None:
    """Write a property of at most one value in the form that it had before Kadr added others."""
    found, name = xmp.find(parsed, field), xmp.name(field)
    if found is None or len(found.values) > 1:
        return
    for description in parsed.rdf.iterchildren("*"):
        for element in description.iterchildren(name):
            if form is Form.ATTRIBUTE:
                _remove(element)
                description.set(name, "".join(found.values))
                return
            for container in list(element.iterchildren(*_FORMS)):
                element.remove(container)
            element.text = "".join(found.values) or element.text
            return


def _containers(parsed: Document, field: str) -> Iterator[Element]:
    for description in parsed.rdf.iterchildren("*"):
        for element in description.iterchildren(xmp.name(field)):
            yield from element.iterchildren(*_FORMS)


def _is_bare(description: Element) -> bool:
    return not len(description) and not description.text and dict(description.attrib) == _BARE


def _items(parsed: Document, field: str) -> Iterator[Element]:
    for container in _containers(parsed, field):
        yield from container.iterchildren("*")


def _container(parsed: Document, field: str, form: Form) -> Element:
    """Return the container of a property; make it, and write a single value into it."""
    for container in _containers(parsed, field):
        return container
    name = xmp.name(field)
    for description in parsed.rdf.iterchildren("*"):
        for element in description.iterchildren(name):
            return _contain(element, form)
        value = description.attrib.pop(name, None)
        if value is not None:
            element = _new_element(field)
            element.text = str(value)
            _append(description, element)
            return _contain(element, form)
    element = _new_element(field)
    _append(_description(parsed), element)
    return _contain(element, form)


def _contain(element: Element, form: Form) -> Element:
    if len(element):
        raise MetadataError(
            f"{etree.QName(element).localname} is written in a form that is not known; "
            "let its program write it anew"
        )
    value = element.text
    container = etree.SubElement(element, f"{{{document.RDF}}}{form}")
    if value and value.strip():
        element.text = None
        item = etree.SubElement(container, _LI)
        item.text = value
    return container


def _new_element(field: str) -> Element:
    prefix = field.partition(":")[0]
    return etree.Element(xmp.name(field), nsmap={prefix: NAMESPACES[prefix]})


def _description(parsed: Document) -> Element:
    """Return the description that new properties go into, the first one."""
    for element in parsed.rdf.iterchildren(_DESCRIPTION):
        return element
    element = etree.Element(_DESCRIPTION, {_ABOUT: ""})
    _append(parsed.rdf, element)
    return element


def _append(parent: Element, child: Element) -> None:
    """Append a child so that `_remove` restores the white space around it."""
    if len(parent):
        last = parent[-1]
        child.tail = last.tail
        first = parent.text if parent.text and not parent.text.strip() else None
        last.tail = first if len(parent) == 1 else parent[-2].tail or first
    parent.append(child)


def _remove(element: Element) -> None:
    parent, before = element.getparent(), element.getprevious()
    if parent is None:
        return
    if before is not None and element.getnext() is None:
        before.tail = element.tail
    elif before is None and element.getnext() is None and element.tail:
        parent.text = (parent.text or "") + element.tail
    parent.remove(element)
