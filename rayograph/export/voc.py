"""Pascal VOC: ``JPEGImages/``, an XML file for each in ``Annotations/``, and the list of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as Tree

from rayograph.errors import ImageFault
from rayograph.export.marks import Mark, check_usable, marks_of
from rayograph.export.names import Names, safe_part
from rayograph.export.rows import Rows
from rayograph.export.staging import Staging

_STEP = 512
# Characters that no XML may hold, however they are written.
_NOT_XML = {code: None for code in range(32) if code not in (9, 10, 13)}


def write_voc(rows: Rows, staging: Staging) -> None:
    """Boxes where there are any; labels and tags as boxes around the whole picture."""
    names = Names(stems=True)
    with staging.scratch("voc").open("w+", encoding="utf-8") as listed:
        for number, row in enumerate(rows.records(), 1):
            try:
                check_usable(row, sized=True)
            except ImageFault as fault:
                staging.fail(row, fault.fault, fault.message)
            else:
                folder = row["folder"].replace("/", "_")
                flat = safe_part(f"{folder}_{row['file_name']}" if folder else row["file_name"])
                name = names.take(flat or "image")
                stem = name.rpartition(".")[0] or name
                staging.place(f"JPEGImages/{name}", row)
                staging.small(f"Annotations/{stem}.xml", _xml(name, row))
                listed.write(stem + "\n")
            if number % _STEP == 0:
                staging.step(_STEP)
        staging.step(staging.tally.total - staging.tally.done)
        listed.seek(0)
        staging.small("ImageSets/Main/all.txt", listed.read().encode())


def _xml(name: str, row: Mapping[str, Any]) -> bytes:
    top = Tree.Element("annotation")
    _add(top, "folder", "JPEGImages")
    _add(top, "filename", name)
    size = Tree.SubElement(top, "size")
    for key, value in (("width", row["width"]), ("height", row["height"]), ("depth", _depth(row))):
        _add(size, key, value)
    _add(top, "segmented", 0)
    for mark in marks_of(row):
        _add_object(top, mark, row)
    Tree.indent(top)
    text: str = Tree.tostring(top, encoding="unicode")
    return f"{text}\n".encode()


def _add_object(top: Tree.Element, mark: Mark, row: Mapping[str, Any]) -> None:
    thing = Tree.SubElement(top, "object")
    _add(thing, "name", mark.label)
    for key in ("truncated", "difficult"):
        _add(thing, key, 0)
    x, y, width, height = mark.box or (0, 0, row["width"], row["height"])
    box = Tree.SubElement(thing, "bndbox")
    # The very edges, as labelling tools write them; the first VOC sets counted pixels from 1.
    edges = {
        "xmin": max(0, x),
        "ymin": max(0, y),
        "xmax": min(row["width"], x + width),
        "ymax": min(row["height"], y + height),
    }
    for key, value in edges.items():
        _add(box, key, round(value))


def _add(parent: Tree.Element, tag: str, value: object) -> None:
    Tree.SubElement(parent, tag).text = str(value).translate(_NOT_XML)


def _depth(row: Mapping[str, Any]) -> int:
    return 1 if row.get("mode") in ("L", "1", "I", "F") else 3
