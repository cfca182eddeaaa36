"""Tiles for whoever looks: those that are there, those made at once, and stand-ins for the rest."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from rayograph import giants, ids
from rayograph.errors import ImageFault, NotFound, NotReady
from rayograph.guard import Guard
from rayograph.schema import TilePyramid
from rayograph.tiles.steps import STEP_ROWS, WORK, MakeConfig
from rayograph.tiles.store import FORMAT, MEDIA_TYPE, Pyramid, TileStore
from rayograph_serve.engine import TileBytes
from rayograph_serve.stand_ins import stand_in

if TYPE_CHECKING:
    from rayograph.catalog import Catalog, DatasetRow
    from rayograph.settings import Settings

# Giants for which a child is kept; more than are looked at at once.
_CHILDREN = 3
# What the builder reaches within a moment is left to it.
_NEAR_ROWS = 2 * STEP_ROWS


class Tiles:
    """The tiles of a catalog's giants."""

    def __init__(self, catalog: Catalog, settings: Settings) -> None:
        self._catalog, self._settings = catalog, settings
        self._children: OrderedDict[str, Guard[None]] = OrderedDict()
        self._making: dict[tuple[str, str, tuple[int, ...]], asyncio.Task[None]] = {}

    async def pyramid(self, tile_id: str) -> TilePyramid:
        """What a pyramid is and how far it is; see ``Engine.tile_pyramid``."""
        row = await asyncio.to_thread(self._row, tile_id)
        found = await asyncio.to_thread(giants.tile_pyramid, row, self._settings)
        if found is None:
            raise _not_yet()
        return found

    async def tile(self, tile_id: str, z: int, x: int, y: int, fmt: str) -> TileBytes:
        """One tile; see ``Engine.tile``."""
        row = await asyncio.to_thread(self._row, tile_id)
        store = giants.store_of(row, self._settings)
        found = await asyncio.to_thread(_there, store, z, x, y)
        if found is not None and fmt == FORMAT:
            return found
        pyramid = await asyncio.to_thread(store.pyramid)
        if pyramid is None:
            raise _not_yet()
        if fmt != FORMAT or not pyramid.shape.holds(z, x, y):
            raise NotFound("there is no such tile")
        return await self._make(row, store, pyramid, (z, x, y))

    def under_way(self) -> list[asyncio.Task[None]]:
        """What is being made now."""
        return list(self._making.values())

    async def _make(
        self, row: DatasetRow, store: TileStore, pyramid: Pyramid, place: tuple[int, int, int]
    ) -> TileBytes:
        if pyramid.random_access:
            try:
                await self._step(row, "block", *place)
            except ImageFault:
                found = None
            else:
                found = await asyncio.to_thread(_there, store, *place)
            if found is not None:
                return found
        else:
            self._hurry(row, pyramid, place)
        made = await asyncio.to_thread(stand_in, store, pyramid.shape, *place)
        if made is None:
            raise NotReady("this part of the picture is not there yet", hint="ask again soon")
        return TileBytes(made, "", MEDIA_TYPE, final=False)

    def _hurry(self, row: DatasetRow, pyramid: Pyramid, place: tuple[int, int, int]) -> None:
        """Have the tile's band made before its turn: nobody waits, the next request has it."""
        z, _, y = place
        finest = pyramid.shape.max_zoom
        wanted = (y << (finest - z)) // STEP_ROWS * STEP_ROWS
        near = pyramid.rows[finest] + _NEAR_ROWS > wanted
        busy = any(key[:2] == (row.dataset_id, "band") for key in self._making)
        if finest - z < STEP_ROWS.bit_length() and not near and not busy:
            task = asyncio.ensure_future(self._step(row, "band", wanted))
            # Seen by whoever asks again; a failure is the builder's to tell.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _step(self, row: DatasetRow, name: str, *place: int) -> None:
        """Do a step of ``tiles.make`` in a child; those who want the same wait for the same."""
        # The four tiles under one parent are one block.
        at = (place[0], place[1] // 2, place[2] // 2) if name == "block" else place
        key = (row.dataset_id, name, at)
        task = self._making.get(key)
        if task is None:
            work = asyncio.to_thread(self._in_child, row, (name, *place))
            task = self._making[key] = asyncio.ensure_future(work)
            task.add_done_callback(lambda _: self._making.pop(key))
        await asyncio.shield(task)

    def _in_child(self, row: DatasetRow, step: tuple[str | int, ...]) -> None:
        (found,) = self._child(row).map([step])
        if isinstance(found, ImageFault):
            raise found

    def _child(self, row: DatasetRow) -> Guard[None]:
        key = str(giants.id_of(row))
        child = self._children.pop(key, None)
        if child is None:
            options = self._settings.tiles
            store, path = (
                giants.store_of(row, self._settings),
                giants.original_of(row, self._settings),
            )
            config = MakeConfig(
                str(store.folder), str(path), options.size, options.quality, options.max_pixels
            )
            child = Guard(WORK, config, timeout_s=options.timeout_s, memory_mb=options.memory_mb)
        self._children[key] = child
        while len(self._children) > _CHILDREN:
            self._children.popitem(last=False)[1].close()
        return child

    def _row(self, tile_id: str) -> DatasetRow:
        dataset_id = tile_id.partition("-")[0]
        if ids.is_dataset_id(dataset_id):
            row = self._catalog.dataset(dataset_id)
            if giants.id_of(row) == tile_id:
                return row
        raise NotFound(f"no pyramid {tile_id[:80]!r}")


def _there(store: TileStore, z: int, x: int, y: int) -> TileBytes | None:
    path: Path = store.tile(z, x, y)
    try:
        info = path.stat()
    except OSError:
        return None
    return TileBytes(path, f"{info.st_mtime_ns:x}-{info.st_size:x}", MEDIA_TYPE)


def _not_yet() -> NotReady:
    return NotReady("the picture's size is not known yet", hint="ask again when it is downloaded")
