"""A pyramid in the words of the IIIF Image API 3, level 0: what there is, which tile is meant."""

from __future__ import annotations

import math
import re
from typing import Any

from rayograph.schema import TilePyramid

_REGION = re.compile(r"(\d{1,9}),(\d{1,9}),(\d{1,9}),(\d{1,9})", re.ASCII)
_SIZE = re.compile(r"(\d{1,9}),(\d{1,9})", re.ASCII)
# IIIF knows JPEG by this ending alone.
_ENDINGS = {"jpeg": "jpg"}


def ending(pyramid: TilePyramid) -> str:
    """What the names of this pyramid's pictures end in."""
    return _ENDINGS.get(pyramid.format, pyramid.format)


def describe(pyramid: TilePyramid, address: str) -> dict[str, Any]:
    """``info.json``: exactly the requests that ``tile_of`` answers."""
    factors = [2**k for k in range(pyramid.max_zoom + 1) if not _in_one(pyramid, k - 1)]
    sizes = [
        dict(zip(("width", "height"), _level(pyramid, factor), strict=True))
        for factor in (2**k for k in range(pyramid.max_zoom, -1, -1) if _in_one(pyramid, k))
    ]
    info: dict[str, Any] = {
        "@context": "http://iiif.io/api/image/3/context.json",
        "id": address,
        "type": "ImageService3",
        "protocol": "http://iiif.io/api/image",
        "profile": "level0",
        "width": pyramid.width,
        "height": pyramid.height,
        "maxWidth": pyramid.tile_size,
        "maxHeight": pyramid.tile_size,
        "sizes": sizes,
        "tiles": [{"width": pyramid.tile_size, "scaleFactors": factors or [1]}],
    }
    if ending(pyramid) != "jpg":
        info |= {"preferredFormats": [ending(pyramid)], "extraFormats": [ending(pyramid)]}
    return info


def tile_of(pyramid: TilePyramid, region: str, size: str) -> tuple[int, int, int] | None:
    """``(z, x, y)`` of the tile that is the answer; None for what ``describe`` does not offer."""
    box = _box(pyramid, region)
    if box is None:
        return None
    if size == "max":
        wanted = _largest(pyramid) if region == "full" else (box[2], box[3])
    else:
        match = _SIZE.fullmatch(size)
        if match is None:
            return None
        wanted = int(match[1]), int(match[2])
    for k in range(pyramid.max_zoom + 1):
        side = pyramid.tile_size * 2**k
        x, y = box[0] // side, box[1] // side
        whole = (
            min(side, pyramid.width - x * side),
            min(side, pyramid.height - y * side),
        )
        if (x * side, y * side, *whole) == box and _scaled(whole, 2**k) == wanted:
            return pyramid.max_zoom - k, x, y
    return None


def _box(pyramid: TilePyramid, region: str) -> tuple[int, int, int, int] | None:
    if region == "full":
        return 0, 0, pyramid.width, pyramid.height
    match = _REGION.fullmatch(region)
    if match is None:
        return None
    x, y, width, height = (int(part) for part in match.groups())
    inside = x < pyramid.width and y < pyramid.height
    # The standard cuts a region off at the picture's edge.
    width, height = min(width, pyramid.width - x), min(height, pyramid.height - y)
    return (x, y, width, height) if inside and width and height else None


def _largest(pyramid: TilePyramid) -> tuple[int, int]:
    """The largest level that is one tile: what can be had of the whole."""
    k = next(k for k in range(pyramid.max_zoom + 1) if _in_one(pyramid, k))
    return _level(pyramid, 2**k)


def _in_one(pyramid: TilePyramid, k: int) -> bool:
    """Whether the level ``k`` below full size is one tile."""
    return k >= 0 and max(_level(pyramid, 2**k)) <= pyramid.tile_size


def _level(pyramid: TilePyramid, factor: int) -> tuple[int, int]:
    return _scaled((pyramid.width, pyramid.height), factor)


def _scaled(size: tuple[int, int], factor: int) -> tuple[int, int]:
    return math.ceil(size[0] / factor), math.ceil(size[1] / factor)
