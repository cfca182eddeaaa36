"""Pascal VOC: an XML file an image."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException, ElementTree

from rayograph.annotations.reports import Annotated, Notes, Reading, distinct
from rayograph.annotations.sheets import Item, Sheet, encode

_SIDES = ("xmin", "ymin", "xmax", "ymax")


def read(place: Path, key_of: Callable[[Path, str | None], str], notes: Notes) -> Reading:
    """Every XML file below a folder, or one.

    Args:
        key_of: the key of the image of a file, which may name it.
    """
    files = [place] if place.is_file() else sorted(place.rglob("*.xml"))
    for path in files:
        name = path.name if place.is_file() else str(path.relative_to(place))
        try:
            root = ElementTree.parse(path).getroot()
        except DefusedXmlException:
            notes.bad(name, "it defines entities, which annotations have no use for")
            continue
        except ParseError as error:
            notes.bad(name, str(error).partition(":")[0], line=error.position[0])
            continue
        except (OSError, ValueError, LookupError) as error:
            notes.bad(name, getattr(error, "strerror", None) or "it is no text")
            continue
        if root.tag == "annotation":
            yield _annotated(root, name, key_of(path, root.findtext("filename")), notes)
    if not files:
        notes.note = "there are no XML files in it"


def _annotated(root: Element, name: str, key: str, notes: Notes) -> Annotated:
    items = []
    for number, element in enumerate(root.iterfind("object")):
        field = f"object[{number}]"
        label = (element.findtext("name") or "").strip()
        if not label:
            notes.bad(name, "it has no name", field=f"{field}.name")
            continue
        try:
            items.append(Item(label, _box(element.find("bndbox"))))
        except ValueError as error:
            notes.bad(name, str(error), field=f"{field}.bndbox")
    labels = distinct([item.label for item in items])
    sheet = encode(Sheet(items, _size(root.find("size")))) if items else None
    return Annotated(key, labels, len(items), sheet)


def _box(element: Element | None) -> tuple[float, float, float, float] | None:
    if element is None:
        return None
    sides = []
    for side in _SIDES:
        text = element.findtext(side)
        try:
            sides.append(float(text or ""))
        except ValueError:
            raise ValueError(f"{side} is no number") from None
    left, top, right, bottom = sides
    if not all(map(math.isfinite, sides)) or right < left or bottom < top:
        raise ValueError("it ends before it begins")
    return left, top, right - left, bottom - top


def _size(element: Element | None) -> tuple[float, float] | None:
    try:
        width, height = (
            float((element.findtext(side) or "0") if element is not None else "0")
            for side in ("width", "height")
        )
    except ValueError:
        return None
    return (width, height) if width > 0 and height > 0 else None
