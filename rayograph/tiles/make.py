"""The work on one giant, step by step, as a guarded child does it.

Each step is an item of ``rayograph.guard``: a step that crashes, hangs or runs out of memory is a
fault of this picture alone, and what was done before it stays.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyvips

from rayograph.errors import ImageFault
from rayograph.headers import read_exif
from rayograph.tiles import vips
from rayograph.tiles.growing import Growing
from rayograph.tiles.shape import Shape
from rayograph.tiles.steps import STEP_ROWS, MakeConfig
from rayograph.tiles.store import FORMAT, Pyramid, TileStore
from rayograph.tiles.sweep import Sweep

# The mark of what was made from a file that was not there in full.
STREAMED = "streamed"
_UPRIGHT = "upright.tif"
# Reading more than this for one tile takes longer than somebody likes to wait.
_MAX_REACH = 4096


Step = tuple[Any, ...]
_makers: dict[MakeConfig, Maker] = {}


def work(step: Step, config: MakeConfig) -> Any:
    """Do one step: ``probe``, ``stream``, ``overview``, ``advance``, ``block`` or ``band``."""
    maker = _makers.get(config)
    if maker is None:
        vips.spare_memory()
        maker = _makers[config] = Maker(config)
    try:
        return getattr(maker, step[0])(*step[1:])
    except pyvips.Error as error:
        raise vips.fault_of(error, maker.kind or "picture") from None


class Maker:
    """Holds what is open between the steps of one giant."""

    def __init__(self, config: MakeConfig) -> None:
        self._config = config
        self._path = Path(config.path)
        self._store = TileStore(Path(config.folder))
        self._sweep: Sweep | None = None
        self._base: Any = None
        self.kind: str | None = None

    # -- steps ------------------------------------------------------------------------------

    def probe(self, mark: str, adopt: bool = False) -> Pyramid:
        """Read the header and note what the picture is.

        Args:
            mark: changes with the file's content; tiles made of another one go.
            adopt: what ``stream`` made is of this file.
        """
        self.kind = vips.kind_of(self._path)
        known = self._store.pyramid()
        if known is not None and (known.mark == mark or (adopt and known.mark == STREAMED)):
            return known if known.mark == mark else self._store.adopt(known, mark)
        image = vips.load(self._path, self.kind)
        turn = vips.orientation_of(image)
        random = vips.is_random(image, self.kind) or turn > 1
        return self._store.begin(self._about(image, turn, random=random, mark=mark))

    def stream(self, part: str, total_bytes: int, flag: str) -> bool:
        """The coarse levels of a JPEG while it still is being downloaded; whether that was done.

        Raises:
            ImageFault: ``changed`` when ``flag`` was removed.
        """
        # Come in full meanwhile, it has its own name.
        path = next((p for p in (Path(part), self._path) if p.exists()), self._path)
        file = Growing(path, total_bytes, Path(flag))
        try:
            return self._stream(file)
        except pyvips.Error:
            if file.error is not None:
                raise file.error from None
            raise
        finally:
            file.close()

    def overview(self) -> Pyramid:
        """The coarse levels, where the format gives a small picture for little."""
        pyramid = self._pyramid()
        small = self._small(pyramid)
        if small is None:
            return pyramid
        z, image = small
        if pyramid.has(z, pyramid.shape.grid(z)[1] - 1):
            return pyramid
        return self._coarse(pyramid, z, image)

    def advance(self) -> Pyramid:
        """Wait for some more rows of tiles; the last step completes what is left above them."""
        pyramid = self._pyramid()
        if pyramid.is_done:
            return pyramid
        if self._sweep is None:
            os.nice(self._config.nice)
            z = pyramid.shape.max_zoom
            first = _first_row(pyramid)
            image = self._open(pyramid, whole=True)
            self._sweep = Sweep(self._store, pyramid, image, z, name="sweep", first=first)
            self._sweep.start()
        pyramid, over = self._sweep.take(pyramid)
        if over:
            self._sweep = None
            pyramid = self._fill(pyramid)
        self._store.note(pyramid)
        return pyramid

    def block(self, z: int, x: int, y: int) -> None:
        """A tile, now, with those of the same read: its parent's other three."""
        pyramid = self._pyramid()
        shape = pyramid.shape
        if shape.scale(z) * shape.tile_size > _MAX_REACH:
            self._put(self._joined(shape, z, x, y), z, x, y)
            return
        places = [(z, i, j) for i in _pair(x) for j in _pair(y) if shape.holds(z, i, j)]
        if self._base is None:
            self._base = self._open(pyramid, whole=False)
        scale, size = shape.scale(z), shape.tile_size
        left, top = min(_pair(x)) * size * scale, min(_pair(y)) * size * scale
        wide = min(2 * size * scale, shape.width - left)
        high = min(2 * size * scale, shape.height - top)
        read = vips.plain(self._base.crop(left, top, wide, high))
        if scale > 1:
            read = read.shrink(scale, scale, ceil=True)
        read = read.copy_memory()
        for _, i, j in sorted(places, key=lambda place: place != (z, x, y)):
            across, down = shape.tile(z, i, j)
            self._put(read.crop((i % 2) * size, (j % 2) * size, across, down), z, i, j)

    def band(self, row: int) -> None:
        """The rows around one of the finest level, of a picture that is read from its top."""
        pyramid = self._pyramid()
        first = row // STEP_ROWS * STEP_ROWS
        image = self._open(pyramid, whole=True)
        z, name = pyramid.shape.max_zoom, f"band-{os.getpid()}"
        last = first + STEP_ROWS
        sweep = Sweep(self._store, pyramid, image, z, name=name, first=first, last=last)
        sweep.run()
        sweep.take(pyramid)

    # -- inside -----------------------------------------------------------------------------

    def _stream(self, file: Growing) -> bool:
        self.kind = "JPEG"
        head = file.header()
        turn = (head and head.exif and read_exif(head.exif)[0]) or 1
        if head is None or turn > 1:
            return False
        pyramid = self._about(head, turn, random=False, mark=STREAMED)
        small = self._eighth(pyramid.shape, file.source)
        if small is None:
            return False
        self._coarse(self._store.begin(pyramid), *small)
        return True

    def _about(self, image: Any, turn: int, *, random: bool, mark: str) -> Pyramid:
        """What a picture of this ``width`` and ``height`` as stored is."""
        assert self.kind is not None
        pixels, limit = image.width * image.height, self._config.max_pixels
        if pixels > limit:
            raise ImageFault(
                f"{image.width:,} x {image.height:,} pixels are more than the limit of {limit:,}",
                hint="tiles.max_pixels raises the limit",
                fault="too_large",
            )
        width, height = image.width, image.height
        if turn >= 5:
            width, height = height, width
        size, quality = self._config.tile_size, self._config.quality
        return Pyramid(width, height, size, quality, self.kind, random, mark, turn)

    def _pyramid(self) -> Pyramid:
        pyramid = self._store.pyramid()
        if pyramid is None:
            raise ImageFault("the picture's header was not read yet", fault="missing")
        self.kind = pyramid.kind
        return pyramid

    def _open(self, pyramid: Pyramid, *, whole: bool) -> Any:
        if pyramid.orientation > 1:
            return self._turned(pyramid)
        return vips.plain(vips.load(self._path, pyramid.kind, whole=whole))

    def _turned(self, pyramid: Pyramid) -> Any:
        """A turned picture cannot be read from its top: one that can be read anywhere is made."""
        copy = self._store.folder / _UPRIGHT
        if not copy.exists():
            part = copy.with_suffix(".part")
            image = vips.plain(vips.load(self._path, pyramid.kind, whole=True))
            image.tiffsave(str(part), tile=True, tile_width=512, tile_height=512, bigtiff=True)
            part.replace(copy)
        return vips.upright(vips.load(copy, "TIFF"))

    def _small(self, pyramid: Pyramid) -> tuple[int, Any] | None:
        """A coarse level of the picture that costs less than the picture, if it has one."""
        shape = pyramid.shape
        if pyramid.orientation > 1:
            return None
        if pyramid.kind == "JPEG":
            return self._eighth(shape, lambda: self._path)
        full = vips.load(self._path, pyramid.kind)
        copies = [c for c in vips.reduced(self._path, pyramid.kind, full) if c[0] <= 8.1]
        if not copies:
            return None
        factor, way = copies[-1]
        z = shape.max_zoom - (int(factor + 0.1).bit_length() - 1)
        image = vips.plain(vips.load(self._path, pyramid.kind, **way))
        width, height = shape.size(z)
        if max(abs(image.width - width), abs(image.height - height)) > 1:
            image = image.resize(width / image.width, vscale=height / image.height)
        return z, image.embed(0, 0, width, height, extend="copy")

    def _eighth(self, shape: Shape, source: Callable[[], Any]) -> tuple[int, Any] | None:
        z = shape.max_zoom - (vips.JPEG_SHRINK.bit_length() - 1)
        if z < shape.top:
            return None
        image = vips.load(source(), "JPEG", whole=True, shrink=vips.JPEG_SHRINK)
        # libvips leaves out what does not fill a whole pixel at the right and the bottom.
        return z, vips.plain(image).embed(0, 0, *shape.size(z), extend="copy")

    def _coarse(self, pyramid: Pyramid, z: int, image: Any) -> Pyramid:
        sweep = Sweep(self._store, pyramid, image, z, name="overview")
        sweep.run()
        pyramid, _ = sweep.take(pyramid)
        self._store.note(pyramid)
        return pyramid

    def _fill(self, pyramid: Pyramid) -> Pyramid:
        """Tiles still missing, each from those below it: after a pass that began further down."""
        shape, size = pyramid.shape, 0
        for z in range(shape.max_zoom - 1, -1, -1):
            columns, rows = shape.grid(z)
            there = {entry.name for entry in os.scandir(self._store.level(z))}
            for x, y in _missing(columns, rows, there):
                size += self._put(self._joined(shape, z, x, y), z, x, y)
        rows_of = {z: shape.grid(z)[1] for z in range(shape.max_zoom + 1)}
        (self._store.folder / _UPRIGHT).unlink(missing_ok=True)
        return pyramid.grown(rows_of, size)

    def _joined(self, shape: Shape, z: int, x: int, y: int) -> Any:
        """A tile from the four below it.

        Raises:
            ImageFault: one of them is not there yet.
        """
        return joined(self._store, shape, z, x, y)

    def _put(self, image: Any, z: int, x: int, y: int) -> int:
        part = self._store.level(z) / f".{x}_{y}.{os.getpid()}.{threading.get_ident()}"
        image.jpegsave(str(part), Q=self._config.quality, keep="none")
        return self._store.put(part, z, x, y)


def _first_row(pyramid: Pyramid) -> int:
    """Where a pass has to begin: above it three levels are complete."""
    z = pyramid.shape.max_zoom
    levels = range(z, max(-1, z - STEP_ROWS.bit_length()), -1)
    done = min(pyramid.rows[level] << (z - level) for level in levels)
    return done // STEP_ROWS * STEP_ROWS


def joined(store: TileStore, shape: Shape, z: int, x: int, y: int) -> Any:
    """A tile as an image, made from the four below it."""
    size = shape.tile_size
    canvas = None
    for i in (2 * x, 2 * x + 1):
        for j in (2 * y, 2 * y + 1):
            if not shape.holds(z + 1, i, j):
                continue
            path = store.tile(z + 1, i, j)
            if not path.exists():
                raise ImageFault("the tiles below are not there yet", fault="missing")
            child = vips.load(path, "JPEG")
            if canvas is None:
                canvas = pyvips.Image.black(2 * size, 2 * size, bands=child.bands)
            canvas = canvas.insert(child, (i % 2) * size, (j % 2) * size)
    assert canvas is not None
    wide = min(2 * size, shape.size(z + 1)[0] - 2 * x * size)
    high = min(2 * size, shape.size(z + 1)[1] - 2 * y * size)
    return canvas.crop(0, 0, wide, high).shrink(2, 2, ceil=True)


def _pair(place: int) -> tuple[int, int]:
    """A place and the other one under the same parent."""
    first = place // 2 * 2
    return first, first + 1


def _missing(columns: int, rows: int, there: set[str]) -> Iterable[tuple[int, int]]:
    for y in range(rows):
        for x in range(columns):
            if f"{x}_{y}.{FORMAT}" not in there:
                yield x, y
