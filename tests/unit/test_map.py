"""The map: its columns and colours over HTTP, and areas of it as filters everywhere."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import pytest_asyncio
from test_serve_analyses import ARROW, Api, served

from rayograph.analysis.asked import MapAsked
from rayograph.catalog.analyses import Result
from rayograph.catalog.discovered import Discoveries
from rayograph.errors import InvalidFilter
from rayograph.where import parse

LEFT = 'area:"-9,-9 0,9"'


@pytest_asyncio.fixture
async def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    """A served dataset of 24 whose map is there: 16 on the left of it, 8 on the right."""

    def columns(vectors: Any, seed: int, tell: Any = None) -> Any:
        at = np.arange(len(vectors))
        return np.stack([np.where(at < 16, -1, 1), at / 24], 1).astype(np.float32)

    monkeypatch.setattr("rayograph.analysis.places.fitted", columns)
    async with served(tmp_path) as found:
        await found.there("map")
        yield found


async def arrow(api: Api, query: str) -> pa.Table:
    answer = await api.http.get(f"{api.root}/map?{query}", headers={"Accept": ARROW})
    assert answer.status_code == 200, answer.text
    return pa.ipc.open_stream(answer.content).read_all()


def about(table: pa.Table) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(table.schema.metadata[b"rayograph"])
    return found


async def test_what_the_page_needs_has_no_ids_in_it(api: Api) -> None:
    table = await arrow(api, "columns=x,y")
    assert [(f.name, str(f.type)) for f in table.schema] == [("x", "float"), ("y", "float")]
    said = about(table)
    assert (said["total"], said["level"], said["stale"]) == (24, len(said["clusters"]) - 1, False)
    assert said["clusters"][0][0]["name"]
    assert said["clusters"][0][0]["parent"] is None
    ids = (await arrow(api, "columns=id"))["id"].to_pylist()
    one = (await api.get("map?offset=17&limit=1", Accept="application/json"))[1]
    assert [each["id"] for each in one["items"]] == ids[17:18]
    status, body = await api.get("map?columns=x,z", Accept=ARROW)
    assert (status, body["error"]["hint"]) == (422, "there are id, x, y, cluster")


async def test_colours_are_numbers_with_a_legend(api: Api) -> None:
    rows = (await api.get("images?limit=24"))[1]["items"]
    tagged = [row["id"] for row in rows[:5]]
    await api.http.post(f"{api.root}/images/batch", json={"ids": tagged, "tags_add": ["a", "b"]})
    await api.http.post(f"{api.root}/images/batch", json={"ids": tagged[:1], "tags_remove": ["a"]})
    table = await arrow(api, "columns=&colour=tags")
    legend = about(table)["legend"]
    assert (legend["labels"], legend["counts"]) == (["b", "a"], [5, 0])
    assert (legend["rest"], legend["missing"]) == (0, 19)
    ids = (await arrow(api, "columns=id"))["id"].to_pylist()
    codes = dict(zip(ids, table["colour"].to_pylist(), strict=True))
    assert str(table.schema.field("colour").type) == "uint8"
    assert {codes[key] for key in tagged} == {0}
    assert sum(code == 255 for code in codes.values()) == 19
    page = (await api.get("map?colour=size&limit=3", Accept="application/json"))[1]
    assert page["legend"]["missing"] == 0
    assert sum(page["legend"]["counts"]) == 24
    assert len(page["legend"]["edges"]) == len(page["legend"]["counts"]) + 1
    for wrong in ("uri", "area", "nothing"):
        assert (await api.get(f"map?colour={wrong}"))[0] == 422


async def test_rare_values_share_a_colour(api: Api) -> None:
    rows = (await api.get("images?limit=24"))[1]["items"]
    for at, row in enumerate(rows):
        edit = {"tags_add": [f"tag {at % 20:02}"]}
        await api.http.patch(f"/api/images/{row['id']}", json=edit)
    legend = about(await arrow(api, "colour=tags"))["legend"]
    assert (len(legend["labels"]), legend["rest"], legend["missing"]) == (12, 8, 0)
    assert sum(legend["counts"]) + legend["rest"] == 24


async def test_an_area_is_a_filter_like_any(api: Api) -> None:
    places = await arrow(api, "")
    left = {one["id"] for one in places.to_pylist() if one["x"] < 0}
    status, body = await api.get(f"images?where={LEFT}&limit=3")
    assert (status, body["total"]) == (200, 16)
    rest = (await api.get(f"images?where={LEFT}&limit=24&cursor={body['next_cursor']}"))[1]
    assert {row["id"] for row in body["items"] + rest["items"]} == left
    assert (await api.get(f"images?where=not {LEFT}"))[1]["total"] == 8
    assert (await api.get(f"facets?where={LEFT}"))[1]["total"] == 16
    batch = {"where": LEFT, "tags_add": ["left"]}
    answer = await api.http.post(f"{api.root}/images/batch", json=batch)
    assert answer.json()["matched"] == 16
    assert (await api.get("images?where=tag:left"))[1]["total"] == 16
    key = min(left)
    asked = {"image_id": key, "where": f"{LEFT} and not id={key}", "k": 30}
    found = (await api.http.post(f"{api.root}/search", json=asked)).json()
    assert {hit["image"]["id"] for hit in found["items"]} <= left - {key}
    assert found["coverage"] == {"searched": 15, "total": 15}


async def test_a_triangle_has_what_is_inside_of_it(api: Api) -> None:
    triangle = 'area:"-2,-0.1 -0.9,-0.1 -2,1"'
    places = (await arrow(api, "")).to_pylist()
    # Right of it runs the line x + y = -1, on which nothing lies.
    inside = {one["id"] for one in places if one["x"] + one["y"] < -1 and one["y"] > -0.1}
    found = (await api.get(f"images?where={triangle}&limit=24"))[1]["items"]
    assert {row["id"] for row in found} == inside


async def test_what_has_no_place_is_in_no_area(api: Api) -> None:
    snapshot = api.place.catalog.reader(api.place.row.dataset_id).snapshot()
    ids = snapshot.to_table(columns=["id"])["id"].slice(2, 3)
    noted(str(snapshot.uri), ids, [0.0] * 3)
    assert (await api.get('images?where=area:"-9,-9 9,9"'))[1]["total"] == 3
    assert (await api.get('images?where=not area:"-9,-9 9,9"'))[1]["total"] == 0
    assert (await api.get("images?where=area is missing"))[1]["total"] == 21


async def test_an_area_without_a_map_says_how_to_begin(tmp_path: Path) -> None:
    async with served(tmp_path) as bare:
        status, body = await bare.get('images?where=area:"-9,-9 9,9"')
    assert (status, body["error"]["code"]) == (409, "not_ready")
    assert "rayograph map" in body["error"]["hint"]


def noted(uri: str, ids: pa.ChunkedArray, x: list[float]) -> None:
    """A map of these images alone is put into the table."""
    at = pa.array(x, pa.float32())
    places = pa.table({"id": ids, "x": at, "y": pc.negate(at)})
    about = {b"rayograph.about": b'{"covered": 1, "total": 1, "marks": ""}'}
    made = lance.write_dataset(places.replace_schema_metadata(about), uri + ".map")
    Discoveries(uri).note(MapAsked(), Result(made))


def test_places_stay_with_their_rows_beside_deleted_ones(tmp_path: Path) -> None:
    uri = str(tmp_path / "rows.lance")
    rows = pa.table({"id": [f"i{at}" for at in range(10)]})
    lance.write_dataset(rows, uri, max_rows_per_file=4, data_storage_version="2.2")
    lance.dataset(uri).delete("id in ('i0', 'i5')")
    noted(uri, rows["id"].take(pa.array(range(9, -1, -1))), [float(at) for at in range(9, -1, -1)])
    found = lance.dataset(uri).to_table()
    assert found["id"].to_pylist() == [f"i{at}" for at in (1, 2, 3, 4, 6, 7, 8, 9)]
    assert found["map_x"].to_pylist() == [1, 2, 3, 4, 6, 7, 8, 9]
    assert found["map_y"].to_pylist() == [-1, -2, -3, -4, -6, -7, -8, -9]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('area:"1,2"', "two corners"),
        ('area:"1,2 3"', "no corner"),
        ('area:"1,2 nan,3"', "too far away"),
        ('area:"1,2 1e9,3"', "too far away"),
        (f'area:"{"0,0 " * 101}"', "at most 100"),
        ('area="0,0 1,1"', "goes with :"),
        ('area in ("0,0 1,1")', "goes with :"),
    ],
)
def test_what_is_no_area_is_said(text: str, why: str) -> None:
    with pytest.raises(InvalidFilter, match=why) as refused:
        parse(text)
    assert refused.value.hint == 'like area:"-1,-1 0.5,0.5"'
