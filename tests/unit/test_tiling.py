"""Tiles for whoever looks while the pyramid is being made."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest
import pyvips
from PIL import Image
from real_engine import Work

from rayograph import giants
from rayograph.catalog import Catalog, DatasetRow
from rayograph.datasets import open_dataset
from rayograph.errors import NotFound, NotReady
from rayograph.schema import NewDataset
from rayograph.settings import Settings
from rayograph.tiles import TileStore
from rayograph_serve.catalog_engine import CatalogEngine
from rayograph_serve.engine import TileBytes
from rayograph_serve.tiling import Tiles
from tests.giants import TILE, difference, drawn, maker, write
from tests.pictures import write_pictures
from tests.working import settings_for


class Looked:
    """A giant that is being looked at, at whatever step its builder is."""

    def __init__(self, home: Path, name: str, width: int, height: int, **how: Any) -> None:
        self.path = write(home / name, width, height, **how)
        tiles = {"min_pixels": 1, "size": TILE, "quality": 90}
        self.settings: Settings = settings_for(home, tiles=tiles)
        catalog = Catalog(self.settings.catalog.uri)
        self.row: DatasetRow = open_dataset(
            catalog, NewDataset(path=str(self.path)), self.settings
        )[0]
        self.store: TileStore = giants.store_of(self.row, self.settings)
        self.builder = maker(self.store.folder, self.path)
        self.tiles = Tiles(catalog, self.settings)
        self.key = str(giants.id_of(self.row))

    async def tile(self, z: int, x: int, y: int, fmt: str = "jpg") -> TileBytes:
        return await self.tiles.tile(self.key, z, x, y, fmt)


def pixels(found: TileBytes) -> Any:
    data = found.data if isinstance(found.data, bytes) else found.data.read_bytes()
    return pyvips.Image.new_from_buffer(data, "")


def part(width: int, height: int, giant: Looked, place: tuple[int, int, int]) -> Any:
    pyramid = giant.store.pyramid()
    assert pyramid is not None
    rect, scale = pyramid.shape.rect(*place), pyramid.shape.scale(place[0])
    cut = drawn(width, height).crop(rect.x, rect.y, rect.width, rect.height)
    return cut.shrink(scale, scale, ceil=True)


async def test_before_anything_is_known_and_what_is_no_tile(tmp_path: Path) -> None:
    giant = Looked(tmp_path, "p.jpg", 600, 400)
    with pytest.raises(NotReady):
        await giant.tiles.pyramid(giant.key)
    with pytest.raises(NotReady):
        await giant.tile(0, 0, 0)
    giant.builder.probe("1")
    assert (await giant.tiles.pyramid(giant.key)).width == 600
    for place in ((10, 10, 0), (11, 0, 0), (10, 0, 7)):
        with pytest.raises(NotFound):
            await giant.tile(*place)
    with pytest.raises(NotFound):
        await giant.tile(0, 0, 0, "png")
    for key in ("nothing", giant.row.dataset_id, f"{giant.row.dataset_id}-00000000", "../x"):
        with pytest.raises(NotFound):
            await giant.tiles.pyramid(key)


async def test_the_datasets_list_says_which_is_a_giant(tmp_path: Path) -> None:
    giant = Looked(tmp_path, "a.jpg", 300, 200)
    catalog = Catalog(giant.settings.catalog.uri)
    folder = NewDataset(path=str(write_pictures(tmp_path / "many", 2)))
    many, _ = open_dataset(catalog, folder, giant.settings)
    engine = CatalogEngine(catalog, Work(catalog), giant.settings)
    said = {each.dataset_id: each.tile_id for each in (await engine.datasets()).items}
    assert said == {giant.row.dataset_id: giant.key, many.dataset_id: None}


async def test_a_tile_that_can_be_read_is_made_at_once_and_kept(tmp_path: Path) -> None:
    giant = Looked(tmp_path, "p.tif", 600, 400, tile=True)
    giant.builder.probe("1")
    found, again = await asyncio.gather(giant.tile(10, 9, 6), giant.tile(10, 8, 6))
    assert found.final and again.final
    assert found.data == giant.store.tile(10, 9, 6)
    assert difference(pixels(found), part(600, 400, giant, (10, 9, 6))) < 4
    assert found.etag != again.etag
    made = giant.store.tile(10, 9, 6).stat().st_mtime_ns
    assert (await giant.tile(10, 9, 6)).etag == found.etag
    assert giant.store.tile(10, 9, 6).stat().st_mtime_ns == made
    small = await giant.tile(8, 1, 1)
    assert difference(pixels(small), part(600, 400, giant, (8, 1, 1))) < 4


async def test_far_down_a_jpeg_a_stand_in_is_shown_until_the_tile_is_made(tmp_path: Path) -> None:
    giant = Looked(tmp_path, "p.jpg", 300, 1800)
    giant.builder.probe("1")
    giant.builder.overview()
    place = (11, 2, 20)
    found = await giant.tile(*place)
    assert not found.final and isinstance(found.data, bytes)
    image = pixels(found)
    assert (image.width, image.height) == (TILE, TILE)
    # Enlarged eight times, it still shows the same place.
    assert difference(image, part(300, 1800, giant, place)) < 25
    assert difference(image, part(300, 1800, giant, (11, 2, 8))) > 25
    await asyncio.gather(*giant.tiles.under_way())
    found = await giant.tile(*place)
    assert found.final
    assert difference(pixels(found), part(300, 1800, giant, place)) < 6
    # What the builder is about to make is left to it.
    assert not (await giant.tile(11, 0, 2)).final
    assert giant.tiles.under_way() == []


async def test_a_coarse_tile_is_put_together_from_finer_ones(tmp_path: Path) -> None:
    giant = Looked(tmp_path, "p.png", 300, 600)
    giant.builder.probe("1")
    place = (8, 0, 0)
    with pytest.raises(NotReady):
        await giant.tile(*place)
    giant.builder.band(0)
    giant.store.tile(8, 0, 0).unlink()
    found = await giant.tile(*place)
    assert not found.final and isinstance(found.data, bytes)
    image = Image.open(io.BytesIO(found.data))
    assert image.size == (64, 64)
    assert difference(pixels(found), part(300, 600, giant, place)) < 8


async def test_a_picture_that_cannot_be_read_any_more_is_not_ready(tmp_path: Path) -> None:
    giant = Looked(tmp_path, "p.tif", 600, 400, tile=True)
    giant.builder.probe("1")
    giant.path.unlink()
    with pytest.raises(NotReady):
        await giant.tile(10, 0, 0)
