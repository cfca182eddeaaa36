"""Building a pyramid: every format, resumed anywhere, and what is no picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pyvips

from rayograph.errors import ImageFault
from rayograph.tiles import TileStore
from rayograph.tiles.make import Maker, work
from rayograph.tiles.steps import MakeConfig
from rayograph.tiles.sweep import Sweep
from tests.giants import TILE, assembled, built, difference, drawn, maker, write
from tests.working import in_thread, joined

FORMATS: dict[str, dict[str, Any]] = {
    "a.jpg": {"Q": 95},
    "a.png": {},
    "a.webp": {"lossless": True},
    "a.tif": {"compression": "lzw"},
    "tiled.tif": {"tile": True, "tile_width": 128, "tile_height": 128},
    "big.tif": {"tile": True, "bigtiff": True, "compression": "deflate"},
    "pages.tif": {"tile": True, "pyramid": True},
    "subifds.tif": {"tile": True, "pyramid": True, "subifd": True},
}


def made(store: TileStore) -> dict[str, int]:
    """Tile -> when it was made."""
    tiles = (store.folder / "tiles").rglob("*.jpg")
    return {str(path.relative_to(store.folder)): path.stat().st_mtime_ns for path in tiles}


@pytest.mark.parametrize("name", FORMATS)
def test_the_whole_pyramid_of_every_format(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name, 600, 421, **FORMATS[name])
    store, pyramid = built(tmp_path / "store", path)
    shape = pyramid.shape
    assert (pyramid.width, pyramid.height) == (600, 421)
    assert pyramid.done_tiles == shape.total == len(made(store))
    assert pyramid.size_bytes == sum(
        p.stat().st_size for p in (store.folder / "tiles").rglob("*.jpg")
    )
    original = drawn(600, 421)
    for z in range(shape.max_zoom, shape.max_zoom - 4, -1):
        scale = shape.scale(z)
        expected = original.shrink(scale, scale, ceil=True)
        assert difference(assembled(store, pyramid, z), expected) < 4, z
    assert not list(store.folder.glob("work-*"))


def test_a_jpeg_shows_its_coarse_levels_first(tmp_path: Path) -> None:
    step = maker(tmp_path / "s", write(tmp_path / "a.jpg", 1200, 600))
    step.probe("1")
    pyramid = step.overview()
    shape, z = pyramid.shape, pyramid.shape.max_zoom
    assert [pyramid.rows[level] == shape.grid(level)[1] for level in range(z + 1)] == (
        [True] * (z - 2) + [False] * 3
    )
    assert len(made(TileStore(tmp_path / "s"))) == pyramid.done_tiles > 0


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "tiled.tif"])
def test_a_killed_builder_is_continued_and_no_finished_tile_made_again(
    name: str, tmp_path: Path
) -> None:
    path = write(tmp_path / name, 600, 1000, **FORMATS[name])
    store = TileStore(tmp_path / "store")
    first = maker(store.folder, path)
    first.probe("1")
    first.overview()
    pyramid = store.pyramid()
    assert pyramid is not None
    # What a kill leaves: some rows in their places, later ones unfinished in the work folder.
    z = pyramid.shape.max_zoom
    sweep = Sweep(store, pyramid, first._open(pyramid, whole=True), z, name="sweep", last=8)
    sweep.run()
    pyramid, _ = sweep.take(pyramid)
    store.note(pyramid)
    (store.folder / "work-sweep" / "dz_files" / str(z)).mkdir(parents=True)
    (store.folder / "work-sweep" / "dz_files" / str(z) / "0_8.jpg").write_bytes(b"torn")
    before = made(store)
    assert pyramid.rows[z - 2 :] == (2, 4, 8)

    store, pyramid = built(store.folder, path)
    after = made(store)
    assert {name: after[name] for name in before} == before
    assert pyramid.is_done
    assert len(after) == pyramid.shape.total
    level = assembled(store, pyramid, z - 2)
    assert difference(level, drawn(600, 1000).shrink(4, 4, ceil=True)) < 4
    assert not list(store.folder.glob("work-*"))


def test_a_finished_pyramid_is_left_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jpg", 700, 500)
    store, _ = built(tmp_path / "store", path)
    before = made(store)
    assert built(tmp_path / "store", path)[1].is_done
    assert made(store) == before


@pytest.mark.parametrize("turn", [3, 6, 8])
def test_a_turned_picture_stands_upright(turn: int, tmp_path: Path) -> None:
    image = drawn(500, 300).copy()
    image.set_type(pyvips.GValue.gint_type, "orientation", turn)
    path = tmp_path / "a.jpg"
    image.write_to_file(str(path), Q=95)
    store, pyramid = built(tmp_path / "store", path)
    expected = image.autorot()
    assert (pyramid.width, pyramid.height) == (expected.width, expected.height)
    assert difference(assembled(store, pyramid, pyramid.shape.max_zoom), expected) < 4
    assert not (store.folder / "upright.tif").exists()


@pytest.mark.parametrize("kind", ["grey", "alpha", "deep", "cmyk"])
def test_every_kind_of_pixel_becomes_8_bit_colour_or_grey(kind: str, tmp_path: Path) -> None:
    image = drawn(300, 200)
    image = {
        "grey": lambda: image.colourspace("b-w"),
        "alpha": lambda: image.bandjoin(128),
        "deep": lambda: image.colourspace("rgb16"),
        "cmyk": lambda: image.colourspace("cmyk"),
    }[kind]()
    path = tmp_path / ("a.tif" if kind == "cmyk" else "a.png")
    image.write_to_file(str(path))
    store, pyramid = built(tmp_path / "store", path)
    level = assembled(store, pyramid, pyramid.shape.max_zoom)
    expected = {
        "grey": lambda: drawn(300, 200).colourspace("b-w").colourspace("srgb"),
        "alpha": lambda: drawn(300, 200) * (128 / 255) + 255 * (127 / 255),
        "deep": lambda: drawn(300, 200),
        "cmyk": lambda: image.colourspace("srgb"),
    }[kind]()
    assert difference(level, expected) < 6


# -- while it is downloaded -----------------------------------------------------------------------


def test_a_jpeg_is_looked_at_while_it_comes(tmp_path: Path) -> None:
    data = write(tmp_path / "whole.jpg", 1200, 600).read_bytes()
    part, flag, target = tmp_path / "a.jpg.part", tmp_path / "flag", tmp_path / "a.jpg"
    flag.touch()
    part.write_bytes(data[:5000])
    step = maker(tmp_path / "s", target)
    done: list[bool] = []
    reader = in_thread(lambda: done.append(step.stream(str(part), len(data), str(flag))))
    with part.open("ab") as file:
        for start in range(5000, len(data), 5000):
            file.write(data[start : start + 5000])
            file.flush()
    joined(reader)
    assert done == [True]
    part.rename(target)
    store = TileStore(tmp_path / "s")
    before = made(store)
    pyramid = step.probe("7", True)
    assert (pyramid.mark, pyramid.done_tiles) == ("7", len(before))
    assert step.overview() == pyramid
    while not pyramid.is_done:
        pyramid = step.advance()
    assert before.items() <= made(store).items()
    z = pyramid.shape.max_zoom - 3
    assert difference(assembled(store, pyramid, z), drawn(1200, 600).shrink(8, 8)) < 4


def test_what_nobody_waits_for_any_more_is_let_go_of(tmp_path: Path) -> None:
    data = write(tmp_path / "a.jpg", 1200, 600).read_bytes()
    part = tmp_path / "a.jpg.part"
    part.write_bytes(data[: len(data) // 2])
    step = maker(tmp_path / "s", tmp_path / "a.jpg")
    with pytest.raises(ImageFault) as caught:
        step.stream(str(part), len(data), str(tmp_path / "no flag"))
    assert caught.value.fault == "changed"
    assert step.probe("8", False).done_tiles == 0
    assert not made(TileStore(tmp_path / "s"))


# -- on demand ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tiled.tif", "pages.tif"])
def test_any_tile_is_made_at_once_with_its_neighbours(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name, 600, 421, **FORMATS[name])
    store = TileStore(tmp_path / "store")
    step = maker(store.folder, path)
    shape = step.probe("1").shape
    z = shape.max_zoom
    step.block(z, 9, 6)
    names = [f"{x}_6.jpg" for x in (8, 9)]
    assert sorted(p.name for p in store.level(z).iterdir()) == sorted(names)
    step.block(z - 2, 1, 1)
    rect = shape.rect(z - 2, 1, 1)
    expected = drawn(600, 421).crop(rect.x, rect.y, rect.width, rect.height).shrink(4, 4, ceil=True)
    tile = pyvips.Image.new_from_file(str(store.tile(z - 2, 1, 1)))
    assert difference(tile, expected) < 4
    before = made(store)
    _, pyramid = built(store.folder, path)
    assert pyramid.is_done
    assert before.items() <= made(store).items()


def test_a_band_far_down_a_jpeg_is_made_before_its_turn(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jpg", 700, 1500)
    store = TileStore(tmp_path / "store")
    step = maker(store.folder, path)
    shape = step.probe("1").shape
    z = shape.max_zoom
    step.band(17)
    assert {int(n.stem.split("_")[1]) for n in store.level(z).iterdir()} == {16, 17, 18, 19}
    assert {int(n.stem.split("_")[1]) for n in store.level(z - 1).iterdir()} == {8, 9}
    rect = shape.rect(z, 3, 17)
    expected = drawn(700, 1500).crop(rect.x, rect.y, rect.width, rect.height)
    assert difference(pyvips.Image.new_from_file(str(store.tile(z, 3, 17))), expected) < 6


# -- faults ---------------------------------------------------------------------------------------


def steps(folder: Path, path: Path, **changes: Any) -> None:
    """As a child does them."""
    given = {"tile_size": TILE, "quality": 90, "max_pixels": 10**8} | changes
    config = MakeConfig(str(folder), str(path), **given)
    work(("probe", "1"), config)
    pyramid = work(("overview",), config)
    while not pyramid.is_done:
        pyramid = work(("advance",), config)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp"])
def test_a_file_that_ends_early_is_a_clear_failure(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name, 600, 421)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(ImageFault) as caught:
        steps(tmp_path / "store", path)
    assert caught.value.fault in {"truncated", "corrupt"}
    assert str(tmp_path) not in caught.value.message


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "empty"),
        (b"<html>no picture</html>", "not_an_image"),
        (b"%PDF-1.7", "not_an_image"),
        (b"GIF89a" + bytes(64), "unsupported"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "corrupt"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "truncated"),
    ],
)
def test_what_is_no_picture_fails_at_its_header(content: bytes, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageFault) as caught:
        steps(tmp_path / "store", path)
    assert caught.value.fault == fault, caught.value.message


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", 2000, 2000)
    with pytest.raises(ImageFault, match=r"2,000 x 2,000 pixels are more than the limit") as caught:
        steps(tmp_path / "store", path, max_pixels=10**6)
    assert caught.value.fault == "too_large"
    assert not (tmp_path / "store").exists()


def test_a_place_to_write_that_is_gone_ends_the_pass(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", 600, 600)
    step: Maker = maker(tmp_path / "store", path)
    pyramid = step.probe("1")
    sweep = Sweep(
        TileStore(tmp_path / "store" / "tiles" / "0" / "x"),
        pyramid,
        step._open(pyramid, whole=True),
        pyramid.shape.max_zoom,
        name="sweep",
    )
    sweep.run()
    with pytest.raises(OSError, match="No such file"):
        sweep.take(pyramid)
