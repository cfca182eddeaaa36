"""The geometry of pyramids."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rayograph.tiles import Shape

SIDES = st.integers(1, 300_000)


def test_a_gigapixel() -> None:
    shape = Shape(32_000, 32_000, 512)
    assert shape.max_zoom == 15
    assert shape.grid(15) == (63, 63)
    assert shape.size(14) == (16_000, 16_000)
    assert shape.size(0) == (1, 1)
    assert shape.top == 9
    assert shape.rect(15, 62, 0).width == 256
    assert shape.rect(13, 1, 2).x == 2048


@given(SIDES, SIDES, st.sampled_from((64, 256, 512)))
def test_every_level_is_half_the_one_below_rounded_up(w: int, h: int, tile: int) -> None:
    shape = Shape(w, h, tile)
    assert shape.size(shape.max_zoom) == (w, h)
    assert shape.size(0) == (1, 1)
    for z in range(shape.max_zoom):
        below = shape.size(z + 1)
        assert shape.size(z) == (-(-below[0] // 2), -(-below[1] // 2))


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_the_tiles_of_a_level_cover_the_picture_once(w: int, h: int) -> None:
    shape = Shape(w, h, 64)
    for z in (shape.max_zoom, max(0, shape.max_zoom - 2)):
        columns, rows = shape.grid(z)
        rects = [shape.rect(z, x, y) for x in range(columns) for y in range(rows)]
        assert sum(r.width * r.height for r in rects) == w * h
        assert all(r.width > 0 and r.height > 0 for r in rects)


def test_regions_are_as_fine_as_the_limit_allows() -> None:
    shape = Shape(32_000, 32_000, 512)
    assert shape.region_levels(1500) == [14, 13, 12]
    assert shape.region_levels(100_000) == [15, 14, 13]
    assert shape.region_levels(10) == [10]
    assert shape.region_levels(0) == []
    assert Shape(400, 300, 512).region_levels(1500) == []


def test_a_sliver_at_the_edge_is_no_region() -> None:
    shape = Shape(64 * 3 + 10, 64 * 2 + 40, 64)
    z = shape.max_zoom
    assert list(shape.regions(z, 0)) == [0, 1, 2]
    assert list(shape.regions(z, 2)) == [0, 1, 2]
    assert list(Shape(64, 64 * 2 + 9, 64).regions(z, 2)) == []


def test_places_outside_are_none() -> None:
    shape = Shape(1000, 500, 64)
    z = shape.max_zoom
    assert shape.holds(z, 15, 7)
    for place in ((z, 16, 0), (z, 0, 8), (z + 1, 0, 0), (-1, 0, 0), (z, -1, 0)):
        assert not shape.holds(*place)
