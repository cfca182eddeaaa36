"""COCO: one ``annotations.json``; with images, these beside it in ``images/``."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import IO, Any

from rayograph.errors import ImageFault
from rayograph.export.marks import Categories, Mark, check_usable, marks_of
from rayograph.export.names import Names, safe_path
from rayograph.export.plain import to_json
from rayograph.export.rows import Rows
from rayograph.export.staging import Staging

NAME = "annotations.json"
_OWN = ("id", "file_name", "width", "height", "taken_at", "annotations", "region", "error")
_STEP = 512


def write_coco(rows: Rows, staging: Staging, *, images: bool) -> None:
    """Boxes where there are any; labels and tags as boxes around the whole picture.

    Without images, ``file_name`` is where the file lies below the source's folder.
    """
    names = Names()
    found = _Found()
    spool = staging.scratch("coco")
    with staging.open(NAME) as file, spool.open("w+b") as marks:
        file.write(f'{{"info":{to_json(_info(rows))},"images":['.encode())
        for number, row in enumerate(rows.records(), 1):
            try:
                check_usable(row)
            except ImageFault as fault:
                staging.fail(row, fault.fault, fault.message)
            else:
                path = safe_path(row["folder"], row["file_name"])
                if images:
                    path = f"images/{names.take(path)}"
                    staging.place(path, row)
                else:
                    path = f"{row['folder']}/{row['file_name']}".lstrip("/")
                file.write(("\n" if found.images == 0 else ",\n").encode())
                file.write(to_json(_image(number, path, row)).encode())
                found.images += 1
                _write_marks(marks, number, row, found)
            if number % _STEP == 0:
                staging.step(_STEP)
        staging.step((staging.tally.total or 0) - staging.tally.done)
        file.write(b'\n],"annotations":[')
        marks.seek(0)
        shutil.copyfileobj(marks, file)
        file.write(f'],"categories":{to_json(found.listed())}'.encode())
        file.write(f',"failures":{to_json(list(staging.failures()))}}}\n'.encode())


class _Found:
    def __init__(self) -> None:
        self.images = self.marks = 0
        self.categories = Categories()

    def listed(self) -> list[dict[str, Any]]:
        found = self.categories
        return [
            {"id": n + 1, "name": name, "supercategory": found.groups.get(name, "")}
            for name, n in found.numbers.items()
        ]


def _info(rows: Rows) -> dict[str, Any]:
    row = rows.dataset
    return {"description": row.description or row.name, "contributor": "rayograph", "version": "1"}


def _image(number: int, path: str, row: Mapping[str, Any]) -> dict[str, Any]:
    about = {"id": number, "file_name": path, "width": row["width"], "height": row["height"]}
    if row["taken_at"]:
        about["date_captured"] = row["taken_at"]
    more = {k: v for k, v in row.items() if k not in _OWN and v not in (None, [], False)}
    return {**about, "rayograph_id": row["id"], **more}


def _write_marks(file: IO[bytes], image: int, row: Mapping[str, Any], found: _Found) -> None:
    for mark in marks_of(row):
        file.write((",\n" if found.marks else "\n").encode())
        found.marks += 1
        category = found.categories.number(mark) + 1
        file.write(to_json(_annotation(found.marks, image, category, mark, row)).encode())


def _annotation(
    number: int, image: int, category: int, mark: Mark, row: Mapping[str, Any]
) -> dict[str, Any]:
    box = mark.box or (0, 0, row["width"] or 0, row["height"] or 0)
    base = {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": [round(value, 3) for value in box],
        "area": round(box[2] * box[3], 3),
        "iscrowd": 0,
    }
    return {**base, **mark.more}
