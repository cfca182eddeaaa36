"""What is known to be in a picture, for the formats that say it in boxes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rayograph.errors import ImageFault
from rayograph.export.labelled import labels_in

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing in a picture: what it is and, where that is known, its box in px (x, y, w, h).

    ``more`` is what else COCO has words for: area, outlines or a mask, key points, crowds.
    """

    label: str
    box: Box | None = None
    group: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


def marks_of(row: Mapping[str, Any]) -> list[Mark]:
    """Boxes where there are any, else labels, else tags; the latter are about the whole picture.

    Of an export with labels by words just their classes.
    """
    if "label" in row:
        return [Mark(label) for label in labels_in(row)]
    given = row.get("annotations")
    items = json.loads(given) if isinstance(given, str) else given
    boxes = [mark for item in items or () if (mark := _mark(item)) is not None]
    if boxes:
        return boxes
    return [Mark(label) for label in row.get("labels") or row.get("tags") or ()]


def _mark(item: Any) -> Mark | None:
    if not isinstance(item, Mapping) or not item.get("label"):
        return None
    box = item.get("box") or item.get("bbox")
    more: dict[str, Any] = {"iscrowd": int(bool(item.get("iscrowd")))}
    if item.get("area") is not None:
        more["area"] = item["area"]
    if item.get("polygons") or item.get("mask"):
        more["segmentation"] = item.get("polygons") or item["mask"]
    points = item.get("keypoints")
    if points:
        more["keypoints"] = points
        more["num_keypoints"] = sum(1 for seen in points[2::3] if seen)
    size = tuple(box) if box else None
    return Mark(str(item["label"]), size, item.get("supercategory"), more)


def check_usable(row: Mapping[str, Any], *, sized: bool = False) -> None:
    """Raise what keeps a row out of an export that holds images.

    Args:
        sized: the format needs width and height.

    Raises:
        ImageFault: it failed, is a part of a giant, or its size is not known yet.
    """
    if row["status"] == "failed":
        raise ImageFault(row["error"] or "it failed", fault=row["error_code"] or "corrupt")
    if row.get("region") is not None:
        raise ImageFault("a part of a giant is no file of its own", fault="region")
    if sized and not (row["width"] and row["height"]):
        raise ImageFault("its size is not known yet", fault="pending")


class Categories:
    """Names of what is in pictures, numbered as they come."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.groups: dict[str, str] = {}

    def number(self, mark: Mark) -> int:
        """0 for the first one."""
        if mark.group:
            self.groups.setdefault(mark.label, mark.group)
        return self.numbers.setdefault(mark.label, len(self.numbers))
