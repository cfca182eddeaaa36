"""Analyses over HTTP: the real engine and catalog, the actors' part done when a test says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest
import pytest_asyncio

from rayograph.analysis.asked import from_text, to_text
from rayograph.catalog import Catalog
from rayograph.catalog.analyses import Wanted
from rayograph.schema import Progress
from rayograph_pipelines.analysis_work import work
from rayograph_serve.app import create_app
from rayograph_serve.catalog_engine import CatalogEngine
from tests.analysed import Hashed, Place

ARROW = "application/vnd.apache.arrow.stream"


class Foreman:
    """Notes what it is asked for; ``do`` works it out."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.catalog: Catalog = place.catalog
        self.running: dict[str, Wanted] = {}
        self.cancelled: list[tuple[str, str]] = []
        self.told: Progress | None = None

    async def analyse(self, dataset_id: str, asked: str) -> None:
        wanted = Wanted(dataset_id, from_text(asked))
        self.catalog.analyses.note(wanted)
        self.running[wanted.key] = wanted

    async def amend(self, progress: Progress) -> None:
        self.told = progress

    async def cancel_analyses(self, dataset_id: str, kind: str) -> None:
        self.cancelled.append((dataset_id, kind))

    async def analysis(self, key: str) -> dict[str, Any] | None:
        return {"stage": "comparing", "done": 3, "total": 9} if key in self.running else None

    def do(self, error: str | None = None) -> None:
        """What was asked for is done, or failed."""
        for key in [*self.running]:
            wanted = self.running.pop(key)
            if error is None:
                work(self.place.bench, wanted)
            state = "failed" if error else "done"
            self.catalog.analyses.note(Wanted(wanted.dataset_id, wanted.asked, state, error))


class Api:
    def __init__(self, place: Place, http: httpx.AsyncClient, foreman: Foreman) -> None:
        self.place, self.http, self.foreman = place, http, foreman
        self.root = f"/api/datasets/{place.row.dataset_id}"

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        answer = await self.http.get(f"{self.root}/{path}", headers=headers)
        return answer.status_code, answer.json()

    async def there(self, path: str) -> Any:
        """The answer, worked out if need be."""
        json = {"Accept": "application/json"}
        status, _ = await self.get(path, **json)
        if status == 202:
            self.foreman.do()
        status, body = await self.get(path, **json)
        assert status == 200, body
        return body


@asynccontextmanager
async def served(home: Path) -> AsyncIterator[Api]:
    """24 images of three contents, and the service over them."""
    place = Place(home, Hashed(), count=24)
    foreman = Foreman(place)
    engine = CatalogEngine(place.catalog, foreman, place.settings)  # type: ignore[arg-type]
    app = create_app(engine, place.settings)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
        yield Api(place, http, foreman)
        app.state.thumbnails.close()


@pytest_asyncio.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with served(tmp_path) as found:
        yield found


async def test_the_first_answer_is_how_far_it_is_and_never_waits(api: Api) -> None:
    answer = await api.http.get(f"{api.root}/duplicates")
    assert (answer.status_code, answer.headers["retry-after"]) == (202, "1")
    said = {"status": "computing", "stage": "comparing", "done": 3, "total": 9}
    assert answer.json() == said
    assert await api.get("duplicates") == (202, said)
    assert len(api.foreman.running) == 1
    api.foreman.do()
    status, body = await api.get("duplicates")
    assert (status, body["status"], body["stale"], body["refreshing"]) == (
        200,
        "ready",
        False,
        None,
    )
    assert body["coverage"] == {"searched": 24, "total": 24}


async def test_groups_come_in_pages_with_the_best_first(api: Api) -> None:
    body = await api.there("duplicates?kind=near&limit=1")
    group = body["items"][0]
    assert (body["total"], body["images"], body["threshold"]) == (2, 24, 6)
    assert group["images"][0]["image"]["id"] == group["best"]
    assert group["size"] == len(group["images"]) > 2
    assert group["reason"] in {"oldest", "shortest name", "first listed"}
    after = await api.there(f"duplicates?kind=near&limit=1&cursor={body['next_cursor']}")
    assert (after["items"][0]["group_id"], after["next_cursor"]) == (1, None)


async def test_decisions_settle_a_group_until_they_are_taken_back(api: Api) -> None:
    body = await api.there("duplicates?kind=exact&limit=1")
    group = body["items"][0]
    ids = [one["image"]["id"] for one in group["images"]]
    say = {"image_ids": ids, "best_id": group["best"], "decision": "hide"}
    path = f"{api.root}/duplicates/decisions"
    assert (await api.http.post(path, json=say)).json() == {"matched": 1}
    assert (await api.there("duplicates"))["total"] == body["total"] - 1
    decided = (await api.there("duplicates?show=decided"))["items"]
    assert [one["decision"] for one in decided[0]["images"]] == [None] + ["hide"] * (len(ids) - 1)
    assert api.foreman.told is not None
    assert (api.foreman.told.total, api.foreman.told.hidden) == (24 - len(ids) + 1, len(ids) - 1)
    listed = (await api.get("duplicates/decisions"))[1]
    assert (listed["total"], listed["items"][0]["decision"]) == (1, "hide")
    # Copies of one content are one decision, which near groups of it know too.
    near = await api.there("duplicates?kind=near&show=all")
    said = {one["decision"] for group in near["items"] for one in group["images"]}
    assert said == {None, "hide"}
    await api.http.post(path, json=say | {"decision": None})
    assert (await api.there("duplicates"))["total"] == body["total"]


async def test_not_duplicates_holds_for_all_pairs_and_both_ways_round(api: Api) -> None:
    group = (await api.there("duplicates?kind=near"))["items"][0]
    ids = [one["image"]["id"] for one in group["images"]]
    for best in (ids[0], ids[-1]):
        say = {"image_ids": ids, "best_id": best, "decision": "not_duplicates"}
        await api.http.post(f"{api.root}/duplicates/decisions", json=say)
    assert (await api.there("duplicates?kind=near"))["total"] == 1


async def test_decisions_are_about_images_of_this_dataset(api: Api) -> None:
    good = api.place.catalog.reader(api.place.row.dataset_id).column("id")[0].as_py()
    other = "bbbbbbbbbb-00000000000000000000"
    for bad in (other, good[:-4] + "ffff", "nothing' or true"):
        say = {"image_ids": [bad], "best_id": good, "decision": "keep"}
        answer = await api.http.post(f"{api.root}/duplicates/decisions", json=say)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "image_not_found")


async def test_scored_lists_come_in_pages(api: Api) -> None:
    first = await api.there("outliers?limit=10")
    more = await api.there(f"outliers?limit=20&cursor={first['next_cursor']}")
    scores = [one["score"] for one in (*first["items"], *more["items"])]
    assert (len(scores), scores == sorted(scores, reverse=True)) == (24, True)
    assert (more["next_cursor"], first["model"]) == (None, "fake")
    sample = await api.there("sample?n=5&method=balanced&by=content_hash&seed=3")
    assert [one["score"] for one in sample["items"]] == [None] * 5


async def test_clusters_have_names_and_pages_of_images(api: Api) -> None:
    levels = (await api.there("clusters"))["levels"]
    for level in levels:
        assert sum(cluster["size"] for cluster in level["clusters"]) == 24
    cluster = levels[-1]["clusters"][0]
    assert cluster["name"]
    page = await api.there(f"clusters/{cluster['cluster_id']}?limit=2")
    assert (page["total"], page["cluster"]) == (cluster["size"], cluster)
    assert page["items"][0]["image"]["id"] in cluster["examples"]
    for nobody in ("9-9", "0-99", "x", "0-"):
        assert (await api.get(f"clusters/{nobody}"))[0] == 404


async def test_the_map_is_an_arrow_stream_or_json(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ring(vectors: Any, seed: int, tell: Any = None) -> Any:
        turn = np.arange(len(vectors)) / 4
        return np.stack([np.cos(turn), np.sin(turn)], 1).astype(np.float32)

    monkeypatch.setattr("rayograph.analysis.places.fitted", ring)
    body = await api.there("map?limit=5")
    assert (len(body["items"]), body["total"]) == (5, 24)
    answer = await api.http.get(f"{api.root}/map")
    assert answer.headers["content-type"] == ARROW
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.column_names == ["id", "x", "y", "cluster"]
    assert table["id"].to_pylist()[:5] == [one["id"] for one in body["items"]]
    assert (answer.headers["x-total"], "x-next-cursor" in answer.headers) == ("24", False)
    part = await api.http.get(f"{api.root}/map?limit=20", headers={"Accept": ARROW})
    rest = await api.http.get(f"{api.root}/map?cursor={part.headers['x-next-cursor']}")
    assert pa.ipc.open_stream(rest.content).read_all().num_rows == 4
    assert b"bounds" in b"".join(table.schema.metadata.values())


async def test_a_result_is_served_while_a_newer_one_is_made(api: Api) -> None:
    await api.there("outliers")
    asked = {"parameters": {"neighbours": 10}, "refresh": True}
    answer = await api.http.post(f"{api.root}/outliers", json=asked)
    assert (answer.status_code, answer.json()["stage"]) == (202, "comparing")
    status, body = await api.get("outliers")
    assert (status, body["refreshing"]["done"]) == (200, 3)
    api.foreman.do()
    assert (await api.get("outliers"))[1]["refreshing"] is None
    asked["refresh"] = False
    await api.http.post(f"{api.root}/outliers", json=asked)
    assert api.foreman.running == {}
    await api.http.delete(f"{api.root}/outliers")
    assert api.foreman.cancelled == [(api.place.row.dataset_id, "outliers")]


async def test_a_result_is_stale_once_the_vectors_are_others(api: Api) -> None:
    await api.there("outliers")
    api.place.catalog.update(api.place.row.dataset_id, model_key="other weights")
    assert (await api.get("outliers"))[1]["stale"] is True


async def test_what_failed_or_was_cancelled_says_so_until_asked_anew(api: Api) -> None:
    await api.get("outliers")
    api.foreman.do(error="not enough memory")
    status, body = await api.get("outliers")
    assert (status, body["error"]["code"]) == (409, "analysis_failed")
    assert (await api.http.post(f"{api.root}/outliers", json={})).status_code == 202
    asked = next(iter(api.foreman.running.values())).asked
    api.foreman.running.clear()
    wanted = Wanted(api.place.row.dataset_id, asked, "cancelled")
    api.place.catalog.analyses.note(wanted)
    assert (await api.get("outliers"))[1]["error"]["code"] == "not_ready"
    known = (await api.get("analyses"))[1]["items"]
    assert [(one["analysis"], one["state"]) for one in known] == [("outliers", "cancelled")]
    assert from_text(to_text(asked)).model_dump(exclude={"analysis"}) == known[0]["parameters"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("duplicates?kind=near&threshold=40", "invalid_request"),
        ("duplicates?nothing=1", "invalid_request"),
        ("sample?n=3&share=0.5", "invalid_request"),
        ("sample?where=nothing%3D3", "invalid_filter"),
        ("outliers?neighbours=0", "invalid_request"),
        ("outliers?cursor=x", "invalid_request"),
    ],
)
async def test_what_makes_no_sense_is_refused_at_once(api: Api, path: str, code: str) -> None:
    if "cursor" in path:
        await api.there("outliers")
    status, body = await api.get(path)
    assert (status, body["error"]["code"]) == (422, code)
    assert api.foreman.running == {}


async def test_what_needs_vectors_says_that_there_are_none(tmp_path: Path) -> None:
    place = Place(tmp_path, None)
    foreman = Foreman(place)
    engine = CatalogEngine(place.catalog, foreman, place.settings)  # type: ignore[arg-type]
    app = create_app(engine, place.settings)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
        api = Api(place, http, foreman)
        for path in ("outliers", "clusters", "sample", "duplicates?kind=semantic"):
            status, body = await api.get(path)
            assert (status, body["error"]["code"]) == (409, "model_unavailable"), path
        for path in ("sample?method=random", "duplicates", "duplicates?kind=near"):
            assert (await api.get(path))[0] == 202, path
        app.state.thumbnails.close()
