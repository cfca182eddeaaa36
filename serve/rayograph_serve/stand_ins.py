"""A picture for a tile that is not there yet, from what is: a coarser level, or finer tiles."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from rayograph.tiles import Shape, TileStore

_QUALITY = 75
# Finer tiles are put together over so many levels: more would mean opening hundreds.
_DEPTH = 3
_BLANK = (238, 238, 238)


def stand_in(store: TileStore, shape: Shape, z: int, x: int, y: int) -> bytes | None:
    """An encoded picture of the tile's size; None when nothing of it can be shown."""
    image = _enlarged(store, shape, z, x, y) or _assembled(store, shape, z, x, y)
    if image is None:
        return None
    out = io.BytesIO()
    image.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def _enlarged(store: TileStore, shape: Shape, z: int, x: int, y: int) -> Image.Image | None:
    """The same place of the finest coarser level that has it."""
    width, height = shape.tile(z, x, y)
    for up in range(1, z + 1):
        found = _open(store.tile(z - up, x >> up, y >> up))
        if found is None:
            continue
        part, size = 1 << up, shape.tile_size
        left, top = (x % part) * size / part, (y % part) * size / part
        box = (
            left,
            top,
            min(left + width / part, found.width),
            min(top + height / part, found.height),
        )
        return found.resize((width, height), Image.Resampling.BICUBIC, box=box)
    return None


def _assembled(store: TileStore, shape: Shape, z: int, x: int, y: int) -> Image.Image | None:
    """The tile from finer ones, blank where there are none."""
    canvas = Image.new("RGB", shape.tile(z, x, y), _BLANK)
    drawn = False
    for down in range(1, min(_DEPTH, shape.max_zoom - z) + 1):
        parts, step = 1 << down, shape.tile_size >> down
        for i in range(parts):
            for j in range(parts):
                at = (z + down, x * parts + i, y * parts + j)
                found = _open(store.tile(*at)) if shape.holds(*at) else None
                if found is not None:
                    small = max(1, found.width >> down), max(1, found.height >> down)
                    canvas.paste(found.resize(small, reducing_gap=2.0), (i * step, j * step))
                    drawn = True
        if drawn:
            break
    return canvas if drawn else None


def _open(path: Path) -> Image.Image | None:
    try:
        # Ours, made by libvips: nothing foreign is parsed in here.
        with Image.open(path, formats=("JPEG",)) as image:
            return image.convert("RGB")
    except OSError:
        return None
