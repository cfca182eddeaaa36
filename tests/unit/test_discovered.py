"""What analyses found is a field like any other; what is gone is in no result that is read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from test_serve_analyses import Api, served

from rayograph.analysis.asked import ClustersAsked, OutliersAsked
from rayograph.catalog.columns import CLUSTER
from rayograph.catalog.filters import in_sight
from rayograph.catalog.picking import filter_of
from rayograph.errors import NotReady
from rayograph.export.rows import Rows
from rayograph_serve.faceting import Faceting
from tests.analysed import Hashed
from tests.working import run_of


@pytest_asyncio.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with served(tmp_path) as found:
        yield found


async def listed(api: Api, where: str | None = None, **more: str) -> list[dict[str, Any]]:
    query = {"limit": "100", **({"where": where} if where else {}), **more}
    answer = await api.http.get(f"{api.root}/images", params=query)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["total"] == len(body["items"])
    return list(body["items"])


async def middle(api: Api) -> list[dict[str, Any]]:
    """The clusters that a filter can name."""
    levels = (await api.there("clusters"))["levels"]
    return list(levels[min(1, len(levels) - 1)]["clusters"])


async def test_a_cluster_is_a_field_once_it_is_worked_out(api: Api) -> None:
    answer = await api.http.get(f"{api.root}/images", params={"where": "cluster=0"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_ready")
    assert "rayograph clusters" in answer.json()["error"]["hint"]
    assert len(await listed(api)) == 24
    clusters = await middle(api)
    assert sum(one["size"] for one in clusters) == 24
    for one in clusters:
        found = await listed(api, one["where"])
        number = one["cluster_id"].partition("-")[2]
        assert {image["cluster"] for image in found} == {f"{number} {one['name']}"}
        assert len(found) == one["size"]
        page = (await api.get(f"clusters/{one['cluster_id']}?limit=100"))[1]
        assert {i["image"]["id"] for i in page["items"]} == {image["id"] for image in found}
        exact = f'cluster="{number} {one["name"]}"'
        by_name = f'cluster:"{one["name"].upper()}"'
        assert len(await listed(api, exact)) == one["size"] <= len(await listed(api, by_name))
        left = await listed(api, f"not {one['where']}")
        assert len(left) == 24 - one["size"]


async def test_facets_exports_searches_and_batches_take_it(api: Api) -> None:
    (one, *_) = await middle(api)
    row = api.place.catalog.dataset(api.place.row.dataset_id)
    facet = Faceting(api.place.catalog).facets(row, None, ["cluster"], 99).items[0]
    counts = {value.value: value.count for value in facet.values}
    number = one["cluster_id"].partition("-")[2]
    assert counts[f"{number} {one['name']}"] == one["size"]
    picked = Faceting(api.place.catalog).facets(row, one["where"], ["cluster"], 99).items[0]
    assert [v.value for v in picked.values if v.chosen == "in"] == [f"{number} {one['name']}"]
    reader = api.place.catalog.reader(row.dataset_id)
    assert Rows(row, reader, where=one["where"]).total == one["size"]
    edit = {"where": one["where"], "tags_add": ["alike"]}
    answer = await api.http.post(f"{api.root}/images/batch", json=edit)
    assert answer.json()["matched"] == one["size"]
    assert len(await listed(api, f"tag:alike and {one['where']}")) == one["size"]
    query = reader.vector(one["examples"][0])
    found = reader.search(query, k=24, where=filter_of(row, one["where"]))[0]
    assert {image["cluster"] for image in found} == {f"{number} {one['name']}"}


async def test_how_strange_an_image_is_can_be_filtered_and_sorted_by(api: Api) -> None:
    items = (await api.there("outliers?limit=100"))["items"]
    found = await listed(api, sort="-outlier")
    assert [one["outlier"] for one in found] == [one["score"] for one in items]
    limit = items[11]["score"]
    above = [one for one in items if one["score"] >= limit]
    assert len(await listed(api, f"outlier>={limit}")) == len(above)


async def test_other_parameters_have_a_result_and_no_field(api: Api) -> None:
    await api.there("clusters?seed=5")
    levels = (await api.there("clusters?seed=5"))["levels"]
    assert {one["where"] for level in levels for one in level["clusters"]} == {None}
    with pytest.raises(NotReady):
        row = api.place.catalog.dataset(api.place.row.dataset_id)
        reader = api.place.catalog.reader(row.dataset_id)
        reader.page(offset=0, limit=9, where=filter_of(row, "cluster:a"))


async def test_a_result_of_an_earlier_version_becomes_a_field_when_it_is_read(api: Api) -> None:
    await middle(api)
    table = api.place.catalog.writer(api.place.row.dataset_id).dataset()
    table.drop_columns(CLUSTER.names)
    assert api.place.catalog.discoveries(api.place.row.dataset_id).lacks(ClustersAsked())
    (one, *_) = await middle(api)
    assert len(await listed(api, one["where"])) == one["size"]
    assert not api.place.catalog.discoveries(api.place.row.dataset_id).lacks(ClustersAsked())


async def test_what_comes_later_has_no_cluster_until_they_are_worked_out_anew(api: Api) -> None:
    await middle(api)
    (api.place.folder / "99999.jpg").touch()
    again(api)
    assert [one["file_name"] for one in await listed(api, "cluster is missing")] == ["99999.jpg"]
    await api.http.post(f"{api.root}/clusters", json={})
    api.foreman.do()
    assert await listed(api, "cluster is missing") == []


async def test_what_is_gone_is_in_no_result_that_is_read(api: Api) -> None:
    """Missing, purged or hidden: out of pages, counts, clusters, the map's rows and groups."""
    clusters = await middle(api)
    await api.there("outliers")
    copies = await api.there("duplicates")
    gone, hidden = (await api.get("outliers?limit=2"))[1]["items"]
    (api.place.folder / gone["image"]["file_name"]).unlink()
    again(api)
    by_content = await listed(api, f"content_hash='{hidden['image']['content_hash']}'")
    await api.http.patch(f"/api/images/{hidden['image']['id']}", json={"hidden": True})
    left = {image["id"] for image in await listed(api)}
    assert len(left) == 23 - len(by_content)
    for purged in (False, True):
        if purged:
            assert api.place.catalog.rows(api.place.row.dataset_id).purge() == 1
        page = (await api.get("outliers?limit=100"))[1]
        assert {one["image"]["id"] for one in page["items"]} == left
        assert (page["total"], page["next_cursor"]) == (len(left), None)
        now = await middle(api)
        assert sum(one["size"] for one in now) == len(left)
        assert {key for one in now for key in one["examples"]} <= left
        for one in now:
            members = (await api.get(f"clusters/{one['cluster_id']}?limit=100"))[1]
            assert members["total"] == one["size"] == len(members["items"])
        groups = (await api.get("duplicates?show=all"))[1]
        # Hidden copies are what duplicates are about; one whose file is gone is no copy.
        shown = [one["image"]["id"] for group in groups["items"] for one in group["images"]]
        assert gone["image"]["id"] not in shown
        assert groups["images"] == copies["images"] - 1 == len(shown)
    assert len(now) <= len(clusters)


async def test_nothing_is_noted_for_nobody(api: Api) -> None:
    await api.there("outliers?neighbours=3")
    snapshot = api.place.catalog.writer(api.place.row.dataset_id).dataset()
    assert "outlier" not in snapshot.schema.names
    assert in_sight(snapshot) is None
    assert api.place.catalog.discoveries(api.place.row.dataset_id).lacks(OutliersAsked())


def again(api: Api) -> None:
    """A rescan."""
    key = api.place.row.dataset_id
    api.place.catalog.update(key, listed=False)
    run_of(api.place.settings, api.place.catalog.dataset(key), Hashed()).work()
