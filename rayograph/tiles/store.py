"""Where a giant's tiles lie: a folder in Deep Zoom layout, with its state in two small files.

A tile is in its place only whole (written elsewhere, renamed), so any process may add tiles at
any time and a ``kill -9`` leaves none torn. ``pyramid.json`` says what the picture is and is
written once; ``rows.json`` says how far the one builder has come.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayograph.folders import folder_beside
from rayograph.tiles.shape import Shape

if TYPE_CHECKING:
    from rayograph.settings import Settings

FORMAT = "jpg"
MEDIA_TYPE = "image/jpeg"
_PYRAMID, _ROWS = "pyramid.json", "rows.json"
_GONE = ".deleted-"


@dataclass(frozen=True, slots=True)
class Pyramid:
    """What a giant is, and how many rows of tiles each level has from its top on.

    ``random_access``: any part can be read without what stands before it. ``mark`` is that of the
    file it was made from.
    """

    width: int
    height: int
    tile_size: int
    quality: int
    kind: str
    random_access: bool
    mark: str
    orientation: int = 1
    rows: tuple[int, ...] = ()
    size_bytes: int = 0

    @property
    def shape(self) -> Shape:
        return Shape(self.width, self.height, self.tile_size)

    @property
    def done_tiles(self) -> int:
        grids = map(self.shape.grid, range(len(self.rows)))
        return sum(grid[0] * rows for grid, rows in zip(grids, self.rows, strict=True))

    @property
    def is_done(self) -> bool:
        return self.done_tiles == self.shape.total

    def has(self, z: int, y: int) -> bool:
        """Whether a level's row is complete."""
        return y < self.rows[z]

    def grown(self, rows: dict[int, int], size_bytes: int) -> Pyramid:
        """With at least so many rows of these levels, and so many bytes more."""
        most = tuple(max(count, rows.get(z, 0)) for z, count in enumerate(self.rows))
        return replace(self, rows=most, size_bytes=self.size_bytes + size_bytes)


class TileStore:
    """One giant's folder; reading never waits for whoever builds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def original(self) -> Path:
        """The folder of the downloaded file."""
        return self.folder / "original"

    def level(self, z: int) -> Path:
        return self.folder / "tiles" / str(z)

    def tile(self, z: int, x: int, y: int) -> Path:
        """Where a tile is or will be."""
        return self.level(z) / f"{x}_{y}.{FORMAT}"

    def pyramid(self) -> Pyramid | None:
        """What is known of the picture; None before its header was read."""
        try:
            about = json.loads((self.folder / _PYRAMID).read_bytes())
        except FileNotFoundError:
            return None
        with contextlib.suppress(FileNotFoundError):
            about |= json.loads((self.folder / _ROWS).read_bytes())
        about["rows"] = tuple(about["rows"])
        return Pyramid(**about)

    def begin(self, pyramid: Pyramid) -> Pyramid:
        """Note what the picture is; the builder's first step. Tiles of another one go."""
        for name in (_ROWS, _PYRAMID):
            (self.folder / name).unlink(missing_ok=True)
        shutil.rmtree(self.folder / "tiles", ignore_errors=True)
        begun = replace(pyramid, rows=(0,) * (pyramid.shape.max_zoom + 1))
        for z in range(len(begun.rows)):
            self.level(z).mkdir(parents=True, exist_ok=True)
        _write(self.folder / _PYRAMID, asdict(begun))
        return begun

    def adopt(self, pyramid: Pyramid, mark: str) -> Pyramid:
        """Note that what is there is of the file with this mark."""
        adopted = replace(pyramid, mark=mark)
        _write(self.folder / _PYRAMID, asdict(adopted))
        return adopted

    def note(self, pyramid: Pyramid) -> None:
        """Note how far the builder is; only rows whose tiles are in their places."""
        _write(self.folder / _ROWS, {"rows": pyramid.rows, "size_bytes": pyramid.size_bytes})

    def put(self, part: Path, z: int, x: int, y: int) -> int:
        """Move a finished tile into its place; returns its bytes, 0 when there was one already."""
        target = self.tile(z, x, y)
        if target.exists():
            part.unlink()
            return 0
        size = part.stat().st_size
        part.replace(target)
        return size

    @contextlib.contextmanager
    def workplace(self, name: str) -> Iterator[Path]:
        """A folder for unfinished tiles; what a killed predecessor left in it goes first."""
        folder = self.folder / f"work-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def size_bytes(self) -> int:
        """Disk this giant uses: what was downloaded, and finished tiles."""
        pyramid = self.pyramid()
        return _folder_bytes(self.original) + (pyramid.size_bytes if pyramid else 0)

    def delete(self) -> None:
        """Put everything out of sight at once; ``remove_deleted`` takes it off the disk."""
        with contextlib.suppress(FileNotFoundError):
            self.folder.rename(self.folder.with_name(f"{_GONE}{self.folder.name}-{os.getpid()}"))


def tile_id(dataset_id: str, created_at: str) -> str:
    """A giant's pyramid: made anew, it has another id, so no cache shows the old tiles."""
    mark = hashlib.blake2b(created_at.encode(), digest_size=4).hexdigest()
    return f"{dataset_id}-{mark}"


def tiles_folder(settings: Settings) -> Path | None:
    """The folder of all giants: ``tiles.folder``, or beside the tables; None in a bucket."""
    if settings.tiles.folder is not None:
        return Path(settings.tiles.folder).expanduser().absolute() / "tiles"
    return folder_beside(settings, "tiles")


def remove_deleted(folder: Path) -> None:
    """Take deleted giants off the disk: hundreds of thousands of files need a while."""
    for gone in folder.glob(f"{_GONE}*"):
        shutil.rmtree(gone, ignore_errors=True)


def used_bytes(folder: Path) -> int:
    """Disk all giants use."""
    if not folder.is_dir():
        return 0
    stores = [TileStore(Path(e.path)) for e in os.scandir(folder) if e.is_dir()]
    return sum(store.size_bytes() for store in stores)


def _folder_bytes(folder: Path) -> int:
    try:
        return sum(e.stat().st_size for e in os.scandir(folder) if e.is_file())
    except FileNotFoundError:
        return 0


def _write(path: Path, data: dict[str, Any]) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    part.write_text(json.dumps(data))
    part.replace(path)
