"""Giants as datasets: which source is one, where its file and tiles lie, and how far it is.

All of it is read from the registry and the tile store's own files, so any process can say it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rayograph.errors import ConfigurationError, ImageFault
from rayograph.headers import READERS, Window, sniff_giant
from rayograph.schema import StageMode, StageProgress, TileInfo, TilePyramid, TilingState
from rayograph.sources import Source, file_uri, local_path
from rayograph.tiff import read_size
from rayograph.tiles.store import FORMAT, Pyramid, TileStore, tile_id, tiles_folder

if TYPE_CHECKING:
    from rayograph.catalog import DatasetRow
    from rayograph.settings import Settings

STAGES = ("download", "tiling")
_UNSAFE = re.compile(r"[^\w.-]+")
_MAX_NAME = 100


def as_giant(source: Source, settings: Settings) -> Source:
    """A single file of at least ``tiles.min_pixels`` as a giant; an address that may be opened.

    Reads a local file's header at most, and nothing from the network.

    Raises:
        SourceForbidden: the address lies in a private network.
        ConfigurationError: there is no folder for tiles.
    """
    if source.kind == "url":
        from rayograph.addresses import AddressRule, web_address

        AddressRule(settings.sources.allowed_hosts).check(web_address(source.uri))
    elif source.kind == "file" and _pixels(source) >= settings.tiles.min_pixels:
        source = replace(source, kind="giant")
    if source.is_giant and tiles_folder(settings) is None:
        raise ConfigurationError(
            "there is no folder for tiles: the catalog lies in a bucket",
            hint="set tiles.folder to one that all machines share",
        )
    return source


def _pixels(source: Source) -> int:
    """Width times height as the header says; 0 where it says nothing, which a stage will tell."""
    path = local_path(source.uri)
    assert path is not None
    try:
        with Path(path).open("rb") as file:
            window = Window(file)
            name = sniff_giant(window.data)
            if name == "TIFF":
                width, height = read_size(window)
            elif name in READERS:
                width, height = READERS[name](window)[:2]
            else:
                return 0
    except (OSError, ImageFault):
        return 0
    return width * height


def id_of(row: DatasetRow) -> str | None:
    """A dataset's ``tile_id``; None when it is no giant."""
    return tile_id(row.dataset_id, row.created_at) if row.source.is_giant else None


def store_of(row: DatasetRow, settings: Settings) -> TileStore:
    """Where a giant's tiles are."""
    folder, key = tiles_folder(settings), id_of(row)
    if folder is None or key is None:
        raise ConfigurationError("there is no folder for tiles", hint="set tiles.folder")
    return TileStore(folder / key)


def original_of(row: DatasetRow, settings: Settings) -> Path:
    """A giant's file: the user's own, or where its download is put."""
    path = local_path(row.source.uri)
    if path is not None:
        return Path(path)
    name = _UNSAFE.sub("_", row.source.name)[-_MAX_NAME:].lstrip(".")
    return store_of(row, settings).original / (name or "picture")


def preview_uri(store: TileStore, pyramid: Pyramid) -> str:
    """The whole picture as one tile: what thumbnails and vectors of the whole are made from."""
    return file_uri(str(store.tile(pyramid.shape.top, 0, 0)))


def disk_bytes(row: DatasetRow, settings: Settings) -> int | None:
    """Disk that a giant's download and tiles take; None for other datasets."""
    return store_of(row, settings).size_bytes() if row.source.is_giant else None


def preview_of(row: DatasetRow, settings: Settings) -> str | None:
    """``preview_uri`` of a dataset's whole picture; None when it is no giant, or too early."""
    if not row.source.is_giant:
        return None
    store = store_of(row, settings)
    pyramid = store.pyramid()
    return preview_uri(store, pyramid) if pyramid else None


def stages_at_rest(row: DatasetRow, settings: Settings) -> dict[str, StageProgress]:
    """The stages a giant has besides the ordinary ones, while nobody works on it."""
    if not row.source.is_giant:
        return {}
    pyramid = store_of(row, settings).pyramid()
    found = {}
    if row.source.kind == "url":
        found["download"] = _download_at_rest(row, original_of(row, settings))
    done, total = (pyramid.done_tiles, pyramid.shape.total) if pyramid else (0, 0)
    found["tiling"] = StageProgress(
        done=done, failed=0, total=total, state=_rest(row, bool(total) and done == total)
    )
    return found


def _download_at_rest(row: DatasetRow, target: Path) -> StageProgress:
    for path, whole in ((target, True), (target.with_name(target.name + ".part"), False)):
        if path.exists():
            size = path.stat().st_size
            return StageProgress(done=size, failed=0, total=size, state=_rest(row, whole))
    return StageProgress(done=0, failed=0, total=0, state=_rest(row, False))


def _rest(row: DatasetRow, done: bool) -> StageMode:
    if done:
        return "done"
    if row.error is not None:
        return "failed"
    return "paused" if row.paused else "waiting"


def tile_pyramid(row: DatasetRow, settings: Settings) -> TilePyramid | None:
    """The pyramid as the API shows it; None before the picture's size is known."""
    pyramid = store_of(row, settings).pyramid()
    if pyramid is None:
        return None
    shape = pyramid.shape
    status: TilingState = "tiling"
    if pyramid.is_done:
        status = "ready"
    elif row.error is not None:
        status = "failed"
    return TilePyramid(
        tile_id=tile_id(row.dataset_id, row.created_at),
        max_zoom=shape.max_zoom,
        status=status,
        width=shape.width,
        height=shape.height,
        tile_size=shape.tile_size,
        overlap=0,
        format=FORMAT,
        done_tiles=pyramid.done_tiles,
        total_tiles=shape.total,
    )


def tile_info(row: DatasetRow, settings: Settings) -> TileInfo | None:
    """``tile_info`` of a dataset's status; None for what is no giant, or not known to be one."""
    if not row.source.is_giant:
        return None
    found = tile_pyramid(row, settings)
    return TileInfo.model_validate(found.model_dump()) if found else None
