"""The geometry of a Deep Zoom pyramid: level ``max_zoom`` is full size, level 0 one pixel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rect:
    """px of the whole picture."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Shape:
    """A picture of ``width`` x ``height`` px in square tiles of ``tile_size`` px, overlap 0."""

    width: int
    height: int
    tile_size: int

    @property
    def max_zoom(self) -> int:
        """The level at full size."""
        return (max(self.width, self.height) - 1).bit_length()

    @property
    def top(self) -> int:
        """The finest level that is a single tile."""
        return next(z for z in range(self.max_zoom, -1, -1) if self.grid(z) == (1, 1))

    def scale(self, z: int) -> int:
        """px of the whole picture that one pixel of level ``z`` stands for."""
        return 1 << (self.max_zoom - z)

    def size(self, z: int) -> tuple[int, int]:
        """Width and height of a level, px."""
        scale = self.scale(z)
        return -(-self.width // scale), -(-self.height // scale)

    def grid(self, z: int) -> tuple[int, int]:
        """Columns and rows of tiles of a level."""
        width, height = self.size(z)
        return -(-width // self.tile_size), -(-height // self.tile_size)

    def holds(self, z: int, x: int, y: int) -> bool:
        """Whether there is such a tile."""
        if not 0 <= z <= self.max_zoom:
            return False
        columns, rows = self.grid(z)
        return 0 <= x < columns and 0 <= y < rows

    @property
    def total(self) -> int:
        """Tiles of all levels."""
        return sum(c * r for c, r in map(self.grid, range(self.max_zoom + 1)))

    def tile(self, z: int, x: int, y: int) -> tuple[int, int]:
        """Width and height of a tile, px of its level."""
        width, height = self.size(z)
        return (
            min(self.tile_size, width - x * self.tile_size),
            min(self.tile_size, height - y * self.tile_size),
        )

    def rect(self, z: int, x: int, y: int) -> Rect:
        """What a tile shows."""
        span = self.tile_size * self.scale(z)
        left, top = x * span, y * span
        return Rect(left, top, min(span, self.width - left), min(span, self.height - top))

    def region_levels(self, limit: int, scales: int = 3) -> list[int]:
        """Up to ``scales`` neighbouring levels below ``top`` whose tiles are at most ``limit``.

        As fine as fits: the smallest things that can be found are those of the finest level.
        """
        best: list[int] = []
        for finest in range(self.max_zoom, self.top, -1):
            levels = [z for z in range(finest, finest - scales, -1) if z > self.top]
            if sum(c * r for c, r in map(self.grid, levels)) <= limit:
                best = levels
                break
        return best

    def regions(self, z: int, y: int) -> Iterator[int]:
        """Columns of row ``y`` of level ``z`` whose tiles are worth a look of their own.

        A sliver at the edge is left to the coarser levels.
        """
        for x in range(self.grid(z)[0]):
            if min(self.tile(z, x, y)) * 4 >= self.tile_size:
                yield x
