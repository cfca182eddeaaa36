"""What a child is asked to do with a giant; ``tiles.make`` does it. Loads no libvips."""

from __future__ import annotations

from dataclasses import dataclass

WORK = "rayograph.tiles.make:work"
# A pass may begin at a multiple of so many rows: it makes three levels from there on, and the
# coarse picture of a JPEG the others.
STEP_ROWS = 4


@dataclass(frozen=True, slots=True)
class MakeConfig:
    """A giant: its store's folder, its file, and how its tiles are to be.

    ``nice`` is how much the pass over the whole steps back; what somebody waits for does not.
    """

    folder: str
    path: str
    tile_size: int
    quality: int
    max_pixels: int
    nice: int = 0
