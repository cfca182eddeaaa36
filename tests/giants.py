"""Small pictures that are treated as giants: tiny tiles, and bytes in every format."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from rayograph.tiles import TileStore
from rayograph.tiles.make import Maker
from rayograph.tiles.steps import MakeConfig
from rayograph.tiles.store import Pyramid

TILE = 64


def drawn(width: int, height: int, seed: int = 0) -> Any:
    """Smooth colours, so that JPEG keeps them nearly as they are; no two places look alike."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 226, (height // 64 + 2, width // 64 + 2, 3)).astype(np.uint8)
    image = pyvips.Image.new_from_array(coarse, interpretation="srgb")
    return image.resize(64, kernel="linear").crop(0, 0, width, height).cast("uchar")


def write(path: Path, width: int, height: int, **options: Any) -> Path:
    """A picture whose format is the path's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn(width, height).write_to_file(str(path), **options)
    return path


def maker(folder: Path, path: Path, **changes: Any) -> Maker:
    given = {"tile_size": TILE, "quality": 90, "max_pixels": 10**8} | changes
    return Maker(MakeConfig(str(folder), str(path), **given))


def built(folder: Path, path: Path) -> tuple[TileStore, Pyramid]:
    """The whole pyramid."""
    work = maker(folder, path)
    work.probe("1")
    pyramid = work.overview()
    while not pyramid.is_done:
        pyramid = work.advance()
    return TileStore(folder), pyramid


def assembled(store: TileStore, pyramid: Pyramid, z: int) -> Any:
    """A level as one picture, from its tiles."""
    shape = pyramid.shape
    columns, rows = shape.grid(z)
    width, height = shape.size(z)
    canvas = pyvips.Image.black(width, height, bands=3)
    for x in range(columns):
        for y in range(rows):
            tile = pyvips.Image.new_from_file(str(store.tile(z, x, y)))
            assert (tile.width, tile.height) == shape.tile(z, x, y), (z, x, y)
            tile = tile if tile.bands == 3 else tile.colourspace("srgb")
            canvas = canvas.insert(tile, x * shape.tile_size, y * shape.tile_size)
    return canvas


def difference(one: Any, other: Any) -> float:
    """The mean difference of two pictures of one size, 0-255."""
    assert (one.width, one.height) == (other.width, other.height)
    return float((one - other).abs().avg())


def dies(step: object, config: object) -> None:
    """A child's work on a file that is too much for it."""
    os.kill(os.getpid(), signal.SIGKILL)
