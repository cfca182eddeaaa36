"""A giant nobody had to make: each tile is drawn when it is asked for, and all levels agree."""

from __future__ import annotations

import colorsys
import functools
import io
import math
from dataclasses import dataclass, field

from PIL import Image, ImageDraw

from rayograph.errors import NotFound, NotReady
from rayograph.schema import TileInfo, TilePyramid
from rayograph_serve.engine import TileBytes

_MEDIA = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


@dataclass
class DrawnPyramid:
    """Tiles of levels below ``made`` are final, the others stand-ins; ``missing`` have none."""

    tile_id: str
    width: int = 3000
    height: int = 2000
    tile_size: int = 256
    overlap: int = 0
    format: str = "jpeg"
    state: str = "ready"
    known: bool = True
    made: int | None = None
    missing: set[tuple[int, int, int]] = field(default_factory=set)
    asked: list[tuple[int, int, int]] = field(default_factory=list)

    @property
    def max_zoom(self) -> int:
        return math.ceil(math.log2(max(self.width, self.height, 1)))

    @property
    def info(self) -> TileInfo | None:
        return TileInfo.model_validate(self.pyramid().model_dump()) if self.known else None

    def pyramid(self) -> TilePyramid:
        if not self.known:
            raise NotReady("its size is not known yet", hint="ask again when it is downloaded")
        counts = [math.prod(self.tiles_of(z)) for z in range(self.max_zoom + 1)]
        done = counts if self.made is None else counts[: self.made]
        return TilePyramid(
            tile_id=self.tile_id,
            width=self.width,
            height=self.height,
            tile_size=self.tile_size,
            overlap=self.overlap,
            format=self.format,
            max_zoom=self.max_zoom,
            status=self.state,  # type: ignore[arg-type]
            done_tiles=sum(done),
            total_tiles=sum(counts),
        )

    def level(self, z: int) -> tuple[int, int]:
        """Size of a level, px."""
        factor = 2 ** (self.max_zoom - z)
        return math.ceil(self.width / factor), math.ceil(self.height / factor)

    def tiles_of(self, z: int) -> tuple[int, int]:
        columns, rows = self.level(z)
        return math.ceil(columns / self.tile_size), math.ceil(rows / self.tile_size)

    def tile(self, z: int, x: int, y: int, fmt: str) -> TileBytes:
        self.asked.append((z, x, y))
        if not self.known or (z, x, y) in self.missing:
            raise NotReady("this tile is not made yet")
        columns, rows = self.tiles_of(z) if z <= self.max_zoom else (0, 0)
        if fmt != self.format or x >= columns or y >= rows:
            raise NotFound("there is no such tile")
        final = self.made is None or z < self.made
        left, top = x * self.tile_size, y * self.tile_size
        across, down = self.level(z)
        size = (min(self.tile_size, across - left), min(self.tile_size, down - top))
        factor = 2 ** (self.max_zoom - z)
        whole = (self.width, self.height)
        data = draw((left, top), size, factor, whole, fmt, grey=not final)
        mark = f"{self.tile_id}-{z}-{x}-{y}" + ("" if final else "-s")
        return TileBytes(data, mark, _MEDIA[fmt], final)


@functools.lru_cache(maxsize=4096)
def draw(
    corner: tuple[int, int],
    size: tuple[int, int],
    factor: int,
    whole: tuple[int, int],
    fmt: str,
    *,
    grey: bool = False,
) -> bytes:
    """A window onto a picture of coloured fields that are numbered and 1/8 of it wide."""
    field_px = max(1, max(whole) / 8)
    image = Image.new("RGB", size)
    pen = ImageDraw.Draw(image)
    first = [int(c * factor // field_px) for c in corner]
    last = [int((c + s) * factor // field_px) for c, s in zip(corner, size, strict=True)]
    for row in range(first[1], last[1] + 1):
        for column in range(first[0], last[0] + 1):
            at = [(n * field_px / factor) - c for n, c in zip((column, row), corner, strict=True)]
            side = field_px / factor
            tone = colorsys.hsv_to_rgb(
                (column * 0.11 + row * 0.07) % 1, 0.15 if grey else 0.55, 0.8
            )
            fill = tuple(int(part * 255) for part in tone)
            pen.rectangle((at[0], at[1], at[0] + side, at[1] + side), fill)
            _rings(pen, at, side)
            if side > 40:
                pen.text(
                    (at[0] + 8, at[1] + 6), f"{column},{row}", (20, 20, 20), font_size=side / 6
                )
    out = io.BytesIO()
    image.save(out, fmt.upper(), quality=85)
    return out.getvalue()


def _rings(pen: ImageDraw.ImageDraw, at: list[float], side: float) -> None:
    """Detail that only a close look shows."""
    for ring in range(1, 9):
        inset = side * ring / 18
        if side - 2 * inset < 4 or side < 24:
            return
        box = (at[0] + inset, at[1] + inset, at[0] + side - inset, at[1] + side - inset)
        pen.ellipse(box, outline=(40, 36, 32), width=max(1, int(side / 400)))
