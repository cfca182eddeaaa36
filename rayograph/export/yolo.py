"""YOLO: ``images/``, a text file for each in ``labels/``, and ``data.yaml`` with the classes."""

from __future__ import annotations

import yaml

from rayograph.errors import ImageFault
from rayograph.export.marks import Categories, Mark, check_usable, marks_of
from rayograph.export.names import Names, safe_path
from rayograph.export.rows import Rows
from rayograph.export.staging import Staging

_STEP = 512


def write_yolo(rows: Rows, staging: Staging) -> None:
    """Boxes where there are any; labels and tags as boxes around the whole picture."""
    names, classes = Names(stems=True), Categories()
    for number, row in enumerate(rows.records(), 1):
        try:
            check_usable(row, sized=True)
        except ImageFault as fault:
            staging.fail(row, fault.fault, fault.message)
        else:
            path = names.take(safe_path(row["folder"], row["file_name"]))
            staging.place(f"images/{path}", row)
            size = row["width"], row["height"]
            lines = [_line(classes.number(mark), mark, size) for mark in marks_of(row)]
            staging.small(f"labels/{path.rpartition('.')[0] or path}.txt", "".join(lines).encode())
        if number % _STEP == 0:
            staging.step(_STEP)
    staging.step(staging.tally.total - staging.tally.done)
    data = {"path": ".", "train": "images", "val": "images", "names": dict(_turned(classes))}
    staging.small("data.yaml", yaml.safe_dump(data, sort_keys=False, allow_unicode=True).encode())


def _turned(classes: Categories) -> list[tuple[int, str]]:
    return [(number, name) for name, number in classes.numbers.items()]


def _line(number: int, mark: Mark, size: tuple[int, int]) -> str:
    x, y, width, height = mark.box or (0, 0, *size)
    left, top = max(0.0, x), max(0.0, y)
    right, bottom = min(size[0], x + width), min(size[1], y + height)
    middle = (left + right) / 2 / size[0], (top + bottom) / 2 / size[1]
    share = max(0.0, right - left) / size[0], max(0.0, bottom - top) / size[1]
    return f"{number} {' '.join(f'{value:.6f}' for value in (*middle, *share))}\n"
