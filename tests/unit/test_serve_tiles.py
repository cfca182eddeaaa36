"""Tiles: Deep Zoom and IIIF over one pyramid, conditional, and nothing outside the picture."""

from __future__ import annotations

import io
import itertools
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image
from serving import BASE, Served, serving

from tests.drawn_pyramid import DrawnPyramid

GIANT = "0123456789-0123456789abcdef0123"
DEEP_ZOOM = "{http://schemas.microsoft.com/deepzoom/2008}"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path, count=1) as served:
        served.engine.giants[GIANT] = DrawnPyramid(GIANT)
        yield served


def giant(served: Served) -> DrawnPyramid:
    return served.engine.giants[GIANT]


async def test_the_descriptor_has_the_pyramids_shape(served: Served) -> None:
    answer = await served.http.get(f"/api/tiles/{GIANT}.dzi")
    assert answer.headers["content-type"] == "application/xml"
    image = ET.fromstring(answer.content)
    assert image.attrib == {"Format": "jpeg", "Overlap": "0", "TileSize": "256"}
    size = image.find(f"{DEEP_ZOOM}Size")
    assert size is not None
    assert size.attrib == {"Width": "3000", "Height": "2000"}


async def test_before_the_size_is_known_it_is_not_ready(served: Served) -> None:
    giant(served).known = False
    for path in (
        f"tiles/{GIANT}.dzi",
        f"tiles/{GIANT}_files/0/0_0.jpeg",
        f"iiif/{GIANT}/info.json",
    ):
        answer = await served.http.get(f"/api/{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_ready")


async def test_every_tile_has_the_size_its_place_gives(served: Served) -> None:
    pyramid = giant(served)
    for z in (0, 8, 9, pyramid.max_zoom):
        columns, rows = pyramid.tiles_of(z)
        across, down = pyramid.level(z)
        for x, y in {(0, 0), (columns - 1, rows - 1)}:
            answer = await served.http.get(f"/api/tiles/{GIANT}_files/{z}/{x}_{y}.jpeg")
            assert answer.headers["content-type"] == "image/jpeg"
            expected = (min(256, across - 256 * x), min(256, down - 256 * y))
            assert Image.open(io.BytesIO(answer.content)).size == expected


@pytest.mark.parametrize(
    "place",
    [
        *("13/0_0.jpeg", "12/12_0.jpeg", "12/0_8.jpeg", "12/0_0.png", "0/1_0.jpeg"),
        *("-1/0_0.jpeg", "12/a_0.jpeg", "12/0_-1.jpeg", "1_0/0.jpeg", "12/²_0.jpeg"),
        f"12/{'9' * 5000}_0.jpeg",
    ],
)
async def test_outside_there_is_nothing(served: Served, place: str) -> None:
    answer = await served.http.get(f"/api/tiles/{GIANT}_files/{place}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_unknown_giants_are_not_found(served: Served) -> None:
    for path in ("tiles/x.dzi", "tiles/x_files/0/0_0.jpeg", "iiif/x", "iiif/x/info.json"):
        assert (await served.http.get(f"/api/{path}")).status_code == 404


async def test_a_final_tile_is_kept_for_good_and_answers_conditions(served: Served) -> None:
    path = f"/api/tiles/{GIANT}_files/12/3_2.jpeg"
    first = await served.http.get(path)
    assert first.headers["x-tile"] == "final"
    assert first.headers["cache-control"] == "private, max-age=31536000, immutable"
    again = await served.http.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = await served.http.get(path, headers={"If-None-Match": '"x"'})
    assert other.content == first.content


async def test_a_stand_in_is_never_kept(served: Served) -> None:
    giant(served).made = 9
    path = f"/api/tiles/{GIANT}_files/12/3_2.jpeg"
    early = await served.http.get(path, headers={"If-None-Match": "*"})
    assert (early.status_code, early.headers["x-tile"]) == (200, "stand-in")
    assert early.headers["cache-control"] == "no-store"
    assert "etag" not in early.headers
    giant(served).made = None
    assert (await served.http.get(path)).content != early.content


async def test_a_tile_in_a_file_is_sent_and_one_that_vanished_is_not_found(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = giant(served).tile(0, 0, 0, "jpeg")
    path = tmp_path / "tile.jpeg"
    path.write_bytes(b"the tile")
    kept = type(drawn)(path, "mark", "image/jpeg")
    monkeypatch.setattr(giant(served), "tile", lambda *_: kept)
    address = f"/api/tiles/{GIANT}_files/0/0_0.jpeg"
    assert (await served.http.get(address)).content == b"the tile"
    path.unlink()
    assert (await served.http.get(address)).status_code == 404


async def test_all_that_iiif_offers_can_be_had(served: Served) -> None:
    answer = await served.http.get(f"/api/iiif/{GIANT}", follow_redirects=True)
    info = answer.json()
    assert answer.headers["content-type"].startswith("application/ld+json")
    assert info["id"] == f"{BASE}/api/iiif/{GIANT}"
    assert (info["profile"], info["width"], info["height"]) == ("level0", 3000, 2000)
    (tiles,) = info["tiles"]
    assert tiles == {"width": 256, "scaleFactors": [1, 2, 4, 8, 16]}
    assert info["sizes"][-1] == {"width": 188, "height": 125}
    asked = [(f"full/{s['width']},{s['height']}", (s["width"], s["height"])) for s in info["sizes"]]
    for factor in (4, 8, 16):
        side = 256 * factor
        for x, y in itertools.product(range(0, 3000, side), range(0, 2000, side)):
            width, height = min(side, 3000 - x), min(side, 2000 - y)
            size = (-(-width // factor), -(-height // factor))
            asked.append((f"{x},{y},{width},{height}/{size[0]},{size[1]}", size))
    for request, size in asked:
        answer = await served.http.get(f"{info['id']}/{request}/0/default.jpg")
        assert answer.status_code == 200, request
        assert Image.open(io.BytesIO(answer.content)).size == size


async def test_iiif_and_deep_zoom_are_the_same_tiles(served: Served) -> None:
    deep = await served.http.get(f"/api/tiles/{GIANT}_files/11/1_2.jpeg")
    iiif = f"/api/iiif/{GIANT}/512,1024,512,512/256,256/0/default.jpg"
    same = await served.http.get(iiif, headers={"If-None-Match": deep.headers["etag"]})
    assert same.status_code == 304
    full = await served.http.get(f"/api/iiif/{GIANT}/256,0,256,256/max/0/color.jpg")
    assert full.content == giant(served).tile(12, 1, 0, "jpeg").data
    whole = await served.http.get(f"/api/iiif/{GIANT}/full/max/0/default.jpg")
    assert Image.open(io.BytesIO(whole.content)).size == (188, 125)


@pytest.mark.parametrize(
    "request_",
    [
        *("full/3000,2000/0/default.jpg", "full/100,100/0/default.jpg", "full/^max/0/default.jpg"),
        *("0,0,256,256/100,100/0/default.jpg", "1,0,256,256/256,256/0/default.jpg"),
        *("0,0,256,256/256,256/90/default.jpg", "0,0,256,256/256,256/0/gray.jpg"),
        *("0,0,256,256/256,256/0/default.png", "9999,0,256,256/256,256/0/default.jpg"),
        *("square/max/0/default.jpg", "0,0,0,0/0,0/0/default.jpg", "pct:0,0,9,9/max/0/default.jpg"),
    ],
)
async def test_iiif_gives_nothing_that_it_does_not_offer(served: Served, request_: str) -> None:
    answer = await served.http.get(f"/api/iiif/{GIANT}/{request_}")
    assert answer.status_code == 404
    assert "info.json" in answer.json()["error"]["hint"]


async def test_iiif_says_which_format_the_tiles_have(served: Served) -> None:
    giant(served).format = "png"
    info = (await served.http.get(f"/api/iiif/{GIANT}/info.json")).json()
    assert info["preferredFormats"] == info["extraFormats"] == ["png"]
    answer = await served.http.get(f"/api/iiif/{GIANT}/0,0,256,256/256,256/0/default.png")
    assert answer.headers["content-type"] == "image/png"
    giant(served).overlap = 1
    assert (await served.http.get(f"/api/iiif/{GIANT}/info.json")).status_code == 404


async def test_a_giant_smaller_than_a_tile_is_one_tile(served: Served) -> None:
    served.engine.giants[GIANT] = DrawnPyramid(GIANT, width=200, height=1)
    info = (await served.http.get(f"/api/iiif/{GIANT}/info.json")).json()
    assert info["tiles"] == [{"width": 256, "scaleFactors": [1]}]
    answer = await served.http.get(f"/api/iiif/{GIANT}/full/max/0/default.jpg")
    assert Image.open(io.BytesIO(answer.content)).size == (200, 1)


async def test_without_the_token_there_are_no_tiles(tmp_path: Path) -> None:
    async with serving(tmp_path, count=1, server={"host": "0.0.0.0", "token": "s3cret"}) as served:
        served.engine.giants[GIANT] = DrawnPyramid(GIANT)
        for path in (f"tiles/{GIANT}.dzi", f"tiles/{GIANT}_files/0/0_0.jpeg", f"iiif/{GIANT}"):
            assert (await served.http.get(f"/api/{path}")).status_code == 401
            known = {"Authorization": "Bearer s3cret"}
            assert (await served.http.get(f"/api/{path}", headers=known)).status_code in {200, 303}
