"""Giants: pictures cut into a pyramid of tiles; libvips is loaded in children alone."""

from rayograph.tiles.shape import Shape
from rayograph.tiles.store import Pyramid, TileStore, tiles_folder

__all__ = ["Pyramid", "Shape", "TileStore", "tiles_folder"]
