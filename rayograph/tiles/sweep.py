"""One pass of libvips over a picture from top to bottom; whole rows of tiles are moved into place.

libvips' own ``dzsave`` does the work, at its own speed: what is added is that finished rows are
taken out of its hands while it goes on, so that they can be seen, counted and kept.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

from rayograph.tiles.steps import STEP_ROWS
from rayograph.tiles.store import FORMAT, Pyramid, TileStore


class Sweep:
    """Makes a level's tiles from row ``first`` on, and those of all coarser levels it can.

    Args:
        image: the whole level ``z``, read in order.
        last: the row to end before; default: to the bottom.
    """

    def __init__(
        self,
        store: TileStore,
        pyramid: Pyramid,
        image: Any,
        z: int,
        *,
        name: str,
        first: int = 0,
        last: int | None = None,
    ) -> None:
        self._store, self._name = store, name
        self._z, self._first = z, first
        self._size, self._quality = pyramid.tile_size, pyramid.quality
        top = first * self._size
        height = image.height - top
        if last is not None:
            height = min(height, (last - first) * self._size)
        whole = top == 0 and height == image.height
        self._image = image.crop(0, top, image.width, height)
        self._depth = (max(image.width, height) - 1).bit_length()
        # Begun further down, coarser rows than these do not start where ours do.
        self._coarsest = 0 if whole else z - (STEP_ROWS.bit_length() - 1)
        self._row = -1
        self._new: dict[int, int] = {}
        self._new_bytes = 0
        self._over = False
        self._error: Exception | None = None
        self._change = threading.Condition()

    def start(self) -> None:
        """Begin in a thread of its own."""
        threading.Thread(target=self.run, name="sweep", daemon=True).start()

    def run(self) -> None:
        """Make everything; what went wrong is raised by ``take``."""
        try:
            with self._store.workplace(self._name) as folder:
                self._image.set_progress(True)
                self._image.signal_connect("eval", lambda _, at: self._moved_on(folder, at))
                self._image.dzsave(
                    str(folder / "dz"),
                    tile_size=self._size,
                    overlap=0,
                    depth="onepixel",
                    suffix=f".{FORMAT}[Q={self._quality},keep=none]",
                )
                self._collect(folder / "dz_files", over=True)
        except Exception as error:  # noqa: BLE001 (raised by whoever takes)
            self._error = error
        with self._change:
            self._over = True
            self._change.notify()

    def take(self, pyramid: Pyramid) -> tuple[Pyramid, bool]:
        """Wait for rows; returns the pyramid with them, and whether that was all.

        Raises:
            Exception: whatever ended the pass early.
        """
        with self._change:
            self._change.wait_for(lambda: self._over or (self._new and not self._last(pyramid)))
            if self._error is not None:
                raise self._error
            grown = pyramid.grown(self._new, self._new_bytes)
            self._new, self._new_bytes = {}, 0
            return grown, self._over

    def _last(self, pyramid: Pyramid) -> bool:
        """Whether these are the last rows there are: then the end is only a moment away."""
        return pyramid.grown(self._new, 0).is_done

    def _moved_on(self, folder: Path, at: Any) -> None:
        row = at.npels // (self._image.width * self._size)
        if row != self._row:
            self._row = row
            # Raised in here, an error would only be printed: the last collection meets it again.
            with contextlib.suppress(OSError):
                self._collect(folder / "dz_files", over=False)

    def _collect(self, folder: Path, *, over: bool) -> None:
        """Move every row that is complete: all, or those above the one being written."""
        for entry in list(os.scandir(folder)):
            if not entry.name.isdigit():
                continue
            z = self._z - (self._depth - int(entry.name))
            if not self._coarsest <= z:
                continue
            rows = defaultdict(list)
            for tile in list(os.scandir(entry.path)):
                x, y = tile.name.partition(".")[0].split("_")
                rows[int(y)].append((int(x), Path(tile.path)))
            current = -1 if over or not rows else max(rows)
            self._move(z, {y: tiles for y, tiles in rows.items() if y != current})

    def _move(self, z: int, rows: dict[int, list[tuple[int, Path]]]) -> None:
        base = self._first >> (self._z - z)
        size = sum(
            self._store.put(path, z, x, base + y) for y, tiles in rows.items() for x, path in tiles
        )
        if rows:
            with self._change:
                self._new[z] = max(self._new.get(z, 0), base + max(rows) + 1)
                self._new_bytes += size
                self._change.notify()
