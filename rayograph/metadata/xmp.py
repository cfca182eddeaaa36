"""XMP: the RDF packet that Lightroom and its kin write. Parsed by defusedxml: no entity is ever
expanded, no document type read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rayograph.metadata import values
from rayograph.metadata.exif import camera_names
from rayograph.metadata.values import some, whole, word

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_XMP = 1 << 20
_MAX_PROPERTIES = 4096
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_XMP = "{http://ns.adobe.com/xap/1.0/}"
_TIFF = "{http://ns.adobe.com/tiff/1.0/}"
_EXIF = "{http://ns.adobe.com/exif/1.0/}"
_AUX = "{http://ns.adobe.com/exif/1.0/aux/}"
_PHOTOSHOP = "{http://ns.adobe.com/photoshop/1.0/}"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_CONTAINERS = {_RDF + "Alt", _RDF + "Bag", _RDF + "Seq"}


def read(packet: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    """Details for columns, and texts in which tools hide what they did; none of a broken packet."""
    root = _parsed(packet)
    if root is None:
        return {}, {}
    found = dict[str, list[str]]()
    for name, items in _properties(root):
        found.setdefault(name, items)

    def first(*names: str) -> str | None:
        return next((found[name][0] for name in names if found.get(name)), None)

    creators = found.get(_DC + "creator", [])
    details = some(
        **camera_names(first(_TIFF + "Make"), first(_TIFF + "Model")),
        lens=word(first(_AUX + "Lens")),
        title=values.text(first(_DC + "title")),
        description=values.text(first(_DC + "description")),
        keywords=values.words(found.get(_DC + "subject", [])),
        creator=word("; ".join(creators)),
        copyright=values.text(first(_DC + "rights")),
        file_rating=whole(_rounded(first(_XMP + "Rating")), -1, 5),
        software=word(first(_XMP + "CreatorTool")),
        taken_at=first(_EXIF + "DateTimeOriginal", _PHOTOSHOP + "DateCreated"),
    )
    comment = first(_EXIF + "UserComment")
    return details, some(UserComment=comment)


def _parsed(packet: bytes) -> Element | None:
    if len(packet) > MAX_XMP:
        return None
    # Few pictures have a packet: what parses it is loaded with the first.
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(packet.strip(b"\0 \r\n\t"), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError):
        return None
    return root


def _properties(root: Element) -> Iterator[tuple[str, list[str]]]:
    """Each property of each description, however it is spelt: attribute, text or container."""
    count = 0
    for description in root.iter(_RDF + "Description"):
        yield from ((name, [value]) for name, value in description.attrib.items() if value.strip())
        for child in description:
            count += 1
            if count > _MAX_PROPERTIES:
                return
            items = _items(child)
            if items:
                yield child.tag, items


def _items(element: Element) -> list[str]:
    for inner in element:
        if inner.tag in _CONTAINERS:
            listed = [li for li in inner if li.tag == _RDF + "li" and (li.text or "").strip()]
            if inner.tag == _RDF + "Alt":
                listed.sort(key=lambda li: li.get(_LANGUAGE, "x-default") != "x-default")
            return [str(li.text) for li in listed[:_MAX_PROPERTIES]]
    return [element.text] if element.text and element.text.strip() else []


def _rounded(value: str | None) -> int | None:
    found = values.real(value, -1, 5) if value else None
    return None if found is None else round(found)
