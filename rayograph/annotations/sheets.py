"""An image's annotations as the table keeps them: one small JSON text, read only when asked for.

A reader makes ``Sheet``s in the file's own measure; ``shown`` makes px of the image as displayed
of them, which needs the image's size and so comes later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from rayograph.annotations.answers import Annotation, Mask

Point = Callable[[float, float], tuple[float, float]]


class Rle(msgspec.Struct):
    """COCO's run lengths; a text is their compressed form."""

    size: tuple[int, int]
    counts: list[int] | str


class Item(msgspec.Struct, array_like=True):
    """One object; ``shape`` is polygons or run lengths, ``box`` is x, y, width, height."""

    label: str | None
    box: tuple[float, float, float, float] | None = None
    shape: list[list[float]] | Rle | None = None
    keypoints: list[float] | None = None
    area: float | None = None
    iscrowd: bool = False
    supercategory: str | None = None


class Sheet(msgspec.Struct, array_like=True):
    """All objects of an image.

    Args:
        size: width and height, px, of what was annotated; None: the file does not say.
        shares: lengths are shares of the image's width and height.
    """

    items: list[Item]
    size: tuple[float, float] | None = None
    shares: bool = False


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Sheet)


def encode(sheet: Sheet) -> str:
    return _encoder.encode(sheet).decode()


def shown(
    text: str | None, width: int | None, height: int | None, orientation: int | None
) -> list[Annotation]:
    """A kept sheet as the API answers it; empty while shares of an unknown size are all there is.

    Args:
        width, height: of the image as displayed, px.
    """
    if not text:
        return []
    sheet = _decoder.decode(text)
    place, turned = _placed(sheet, width, height, orientation)
    if place is None:
        return []
    return [_annotation(item, place, turned=turned) for item in sheet.items]


def _placed(
    sheet: Sheet, width: int | None, height: int | None, orientation: int | None
) -> tuple[Point | None, bool]:
    """Where a point lies in the image as displayed, and whether the picture was turned."""
    if width is None or height is None:
        return (None if sheet.shares else lambda x, y: (x, y)), False
    if sheet.shares:
        return lambda x, y: (x * width, y * height), False
    if sheet.size is None or min(sheet.size) <= 0 or sheet.size == (width, height):
        return lambda x, y: (x, y), False
    if sheet.size == (height, width) and (orientation or 1) >= 5:
        # It was annotated as it is stored, on its side.
        return _TURNS[int(orientation or 1)](float(width), float(height)), True
    across, down = width / sheet.size[0], height / sheet.size[1]
    return lambda x, y: (x * across, y * down), False


_TURNS: dict[int, Callable[[float, float], Point]] = {
    5: lambda _w, _h: lambda x, y: (y, x),
    6: lambda w, _h: lambda x, y: (w - y, x),
    7: lambda w, h: lambda x, y: (w - y, h - x),
    8: lambda _w, h: lambda x, y: (y, h - x),
}


def _annotation(item: Item, place: Point, *, turned: bool) -> Annotation:
    flat = item.keypoints or []
    points = [place(x, y) for x, y in zip(flat[::3], flat[1::3], strict=False)]
    keypoints = [v for (x, y), seen in zip(points, flat[2::3], strict=False) for v in (x, y, seen)]
    polygons: list[list[float]] = []
    mask = None
    if isinstance(item.shape, Rle):
        # Run lengths cannot be turned cheaply; scaled, they are stretched over the picture.
        mask = None if turned else Mask(size=item.shape.size, counts=runs(item.shape.counts))
    elif item.shape:
        polygons = [_moved(part, place) for part in item.shape]
    return Annotation(
        label=item.label,
        supercategory=item.supercategory,
        box=_box(item.box, place) if item.box else None,
        area=item.area,
        iscrowd=item.iscrowd,
        polygons=polygons,
        mask=mask,
        keypoints=[round(value, 2) for value in keypoints],
    )


def _moved(flat: list[float], place: Point) -> list[float]:
    points = (place(x, y) for x, y in zip(flat[::2], flat[1::2], strict=False))
    return [round(value, 2) for point in points for value in point]


def _box(box: tuple[float, float, float, float], place: Point) -> tuple[float, float, float, float]:
    x, y, width, height = box
    (x0, y0), (x1, y1) = place(x, y), place(x + width, y + height)
    left, top = min(x0, x1), min(y0, y1)
    return round(left, 2), round(top, 2), round(abs(x1 - x0), 2), round(abs(y1 - y0), 2)


def runs(counts: list[int] | str) -> list[int]:
    """Run lengths of COCO's compressed text: six bits a character, differences from the third on.

    Raises:
        ValueError: it is no such text.
    """
    if not isinstance(counts, str):
        return counts
    found: list[int] = []
    value, shift = 0, 0
    for char in counts:
        bits = ord(char) - 48
        if not 0 <= bits < 64:
            raise ValueError(f"{char!r} is not part of run lengths")
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        found.append(value + found[-2] if len(found) > 2 else value)
        value, shift = 0, 0
    if shift:
        raise ValueError("the run lengths end in the middle")
    return found


def shape_fault(shape: Any) -> str | None:
    """Why polygons or run lengths make no shape; None: they do."""
    if isinstance(shape, Rle):
        try:
            counts = runs(shape.counts)
        except ValueError as error:
            return str(error)
        height, width = shape.size
        if min(counts, default=0) < 0 or sum(counts) != height * width:
            return f"run lengths that add up to {sum(counts)} for {height} x {width} px"
    elif shape and any(len(part) < 6 or len(part) % 2 for part in shape):
        return "a polygon needs at least three points, x and y of each"
    return None
