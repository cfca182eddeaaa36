"""Labels by words over HTTP: the real engine and catalog, the actors' part done when told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import pytest_asyncio

from rayograph.errors import NotFound
from rayograph.export.local import export
from tests.labelled import Api, served


@pytest_asyncio.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with served(tmp_path) as api:
        yield api


async def test_classes_are_named_scored_and_counted(api: Api) -> None:
    begun = await api.ask(
        "POST", "labels", 202, name="Things", classes=["cat", "dog", {"name": "Red  car"}]
    )
    assert begun["name"] == "things" and begun["state"] == "wanted"
    assert begun["computing"]["stage"] == "scoring"
    assert begun["coverage"] == {"searched": 0, "total": 24}
    api.foreman.do()
    labels = await api.ask("GET", "labels/things")
    assert labels["state"] == "done" and not labels["stale"] and labels["computing"] is None
    assert labels["coverage"] == {"searched": 24, "total": 24}
    assert [(c["name"], c["key"]) for c in labels["classes"]][2] == ("Red car", "red_car")
    assert [c["count"] for c in labels["classes"]] == [6, 6, 6]
    assert labels["unlabelled"] == 6
    assert [sum(c["histogram"]["counts"]) for c in labels["classes"]] == [6, 6, 6]
    assert labels["model"] == "fake"


async def test_scores_and_classes_filter_and_sort(api: Api) -> None:
    await api.made()
    assert await api.numbers("labels.things:dog") == [1, 5, 9, 13, 17, 21]
    assert await api.numbers('labels.things:"red car" and file_name:"0001*"') == [10, 14, 18]
    assert await api.numbers("labels.things.red_car>=0.5") == [2, 6, 10, 14, 18, 22]
    assert await api.numbers("labels.things is missing") == [3, 7, 11, 15, 19, 23]
    assert len(await api.numbers("labels.things:*")) == 18
    assert len(await api.numbers("not labels.things:dog")) == 18
    assert len(await api.numbers("labels.things!=dog")) == 18
    assert len(await api.numbers("labels.things in (dog, cat)")) == 12
    best = await api.numbers("width>0", sort="-labels.things.dog")
    assert {number % 4 for number in best[:6]} == {1}
    assert len(await api.numbers("labels.things.certainty>=0")) == 24


async def test_what_is_hidden_is_not_counted_as_no_filter_shows_it(api: Api) -> None:
    await api.made()
    listed = await api.http.get(f"{api.root}/images", params={"where": "labels.things:cat"})
    image = listed.json()["items"][0]["id"]
    assert (await api.http.patch(f"/api/images/{image}", json={"hidden": True})).is_success
    labels = await api.ask("GET", "labels/things")
    assert labels["coverage"] == {"searched": 23, "total": 23}
    assert [c["count"] for c in labels["classes"]] == [5, 6, 6]
    assert len(await api.numbers("labels.things:cat")) == 5


async def test_samples_are_balanced_by_classes_and_the_map_is_coloured_by_them(api: Api) -> None:
    await api.made()
    facets = (await api.ask("GET", "facets"))["items"]
    assert {f["name"]: f["single"] for f in facets if f["kind"] == "tags"}["labels.things"]
    path = "sample?method=balanced&by=labels.things&n=12"
    await api.ask("GET", path, 202)
    api.foreman.do()
    chosen = [int(item["image"]["file_name"][:5]) for item in (await api.ask("GET", path))["items"]]
    assert sorted(number % 4 for number in chosen) == [0] * 4 + [1] * 4 + [2] * 4
    await api.ask("GET", "map?colour=labels.things", 202)
    api.foreman.do()
    headers = {"Accept": "application/json"}
    for colour, counted in (("labels.things", "labels"), ("labels.things.dog", "edges")):
        answer = await api.http.get(f"{api.root}/map?colour={colour}", headers=headers)
        legend = answer.json()["legend"]
        assert legend["field"] == colour and legend[counted]
        assert sum(legend["counts"]) + legend["rest"] + legend["missing"] == 24
    for path in ("sample?method=balanced&by=labels.thing&n=2", "map?colour=labels.things.horse"):
        answer = await api.http.get(f"{api.root}/{path}", headers=headers)
        assert answer.status_code == 422, answer.text


async def test_what_is_not_there_is_said_with_what_is(api: Api) -> None:
    await api.made()
    for where in ("labels.thing:dog", "labels.things:horse", "labels.things.horse>0.5"):
        answer = await api.http.get(f"{api.root}/images", params={"where": where})
        assert answer.status_code == 422 and answer.json()["error"]["code"] == "invalid_filter"
        assert "there are" in answer.json()["error"]["hint"]
    answer = await api.http.get(f"{api.root}/images", params={"sort": "labels.things"})
    assert answer.status_code == 422
    await api.ask("GET", "labels/other", 404)


async def test_fields_name_labels(api: Api) -> None:
    await api.made()
    fields = {f["name"]: f for f in (await api.ask("GET", "fields"))["items"]}
    assert fields["labels.things"]["values"] == ["cat", "dog", "red_car"]
    assert not fields["labels.things"]["sortable"] and fields["labels.things.cat"]["sortable"]
    assert "labels.things.certainty" in fields


async def test_a_threshold_moves_counts_and_filters_alike(api: Api) -> None:
    labels = await api.made()
    counts = labels["classes"][0]["histogram"]["counts"]
    for least in (0.0, 0.9, 0.97, 0.99, 1.0):
        body = {"thresholds": {"cat": least}}
        changed = await api.ask("PATCH", "labels/things", **body)
        expected = sum(counts[round(least * 100) :])
        assert changed["classes"][0]["count"] == expected
        assert len(await api.numbers("labels.things:cat")) == expected
    assert not api.foreman.running
    await api.ask("PATCH", "labels/things", 422, thresholds={"cat": 1.5})
    await api.ask("PATCH", "labels/things", 404, thresholds={"horse": 0.5})


async def test_an_image_can_have_several_classes(api: Api) -> None:
    labels = await api.made("cat", "a cat on a dog", "dog", name="many", several=True)
    assert labels["several"] and labels["unlabelled"] is None
    assert [c["threshold"] for c in labels["classes"]] == [0.5] * 3
    # The fake's text with both words points to the first.
    both = await api.numbers("labels.many:cat and labels.many.a_cat_on_a_dog>=0.5")
    assert both == [0, 4, 8, 12, 16, 20]
    assert sum(labels["classes"][0]["histogram"]["counts"]) == 24


async def test_classes_are_a_facet(api: Api) -> None:
    await api.made()
    await api.made("cat", "dog", name="many", several=True)
    answer = await api.http.get(f"{api.root}/facets", params={"fields": "labels.things"})
    (facet,) = answer.json()["items"]
    assert {v["value"]: v["count"] for v in facet["values"]} == {"cat": 6, "dog": 6, "red_car": 6}
    assert facet["missing"] == 6
    await api.ask("PATCH", "labels/things", thresholds={"cat": 1.0})
    params = {"fields": "labels.things,labels.many", "where": "labels.things:dog"}
    one, many = (await api.http.get(f"{api.root}/facets", params=params)).json()["items"]
    assert {v["value"]: v["count"] for v in one["values"]} == {"dog": 6, "red_car": 6}
    assert {v["value"]: v["count"] for v in many["values"]} == {"cat": 0, "dog": 6}
    whole = (await api.http.get(f"{api.root}/facets")).json()["items"]
    assert {"labels.things", "labels.many"} <= {facet["name"] for facet in whole}
    answer = await api.http.get(f"{api.root}/facets", params={"fields": "labels.others"})
    assert answer.status_code == 422


async def test_a_correction_shows_at_once_and_can_be_taken_back(api: Api) -> None:
    await api.made()
    said = await api.correct([1], "cat", True)
    assert said == {"matched": 1, "scored": 1}
    assert 1 in await api.numbers("labels.things:cat and labels.things.cat=1")
    assert 1 not in await api.numbers("labels.things:dog")
    assert (await api.numbers("width>0", sort="labels.things.certainty"))[-1] == 1
    labels = await api.ask("GET", "labels/things")
    assert [c["count"] for c in labels["classes"]] == [7, 5, 6]
    assert labels["classes"][0]["yes"] == 1 and labels["corrections"] == labels["unused"] == 1
    await api.correct([1], "red car", True)
    page = await api.ask("GET", "labels/things/corrections")
    assert [(c["class"], c["is"]) for c in page["items"]] == [("red car", True)]
    await api.correct([1], None, None)
    assert await api.numbers("labels.things:dog") == [1, 5, 9, 13, 17, 21]
    assert (await api.ask("GET", "labels/things/corrections"))["total"] == 0


async def test_none_of_them_and_not_this_one(api: Api) -> None:
    await api.made()
    await api.correct([1], None, False)
    await api.correct([5], "dog", False)
    assert {1, 5}.isdisjoint(await api.numbers("labels.things:dog"))
    assert 1 in await api.numbers("labels.things is missing")
    body = {"where": "labels.things:dog", "class": "dog", "is": True}
    assert (await api.ask("POST", "labels/things/corrections", **body))["matched"] == 4
    await api.ask("POST", "labels/things/corrections", 422, **{"where": "width>0", "is": True})
    await api.ask("POST", "labels/things/corrections", 422, **{"class": "dog", "is": True})
    strange = {"ids": await api.ids(1), "class": "horse", "is": True}
    await api.ask("POST", "labels/things/corrections", 404, **strange)


async def test_corrections_outlive_scoring_anew(api: Api) -> None:
    await api.made()
    await api.correct([1], "cat", True)
    await api.ask("PATCH", "labels/things", 200, use="probe")
    api.foreman.do()
    assert 1 in await api.numbers("labels.things:cat and labels.things.cat=1")
    await api.ask("PATCH", "labels/things", 200, use="words")
    api.foreman.do()
    assert 1 in await api.numbers("labels.things:cat and labels.things.cat=1")


async def test_a_probe_learns_what_words_cannot_say(api: Api) -> None:
    await api.made()
    await api.ask("POST", "labels/things/refine", 409)
    # What the words call nothing are cats, to this person.
    await api.correct([3, 7, 11], "cat", True)
    await api.correct([0, 4], "cat", True)
    await api.correct([1, 5], "dog", True)
    begun = await api.ask("POST", "labels/things/refine", 202)
    assert begun["use"] == "probe" and begun["computing"]
    api.foreman.do()
    assert {15, 19, 23, 8} <= set(await api.numbers("labels.things:cat"))
    assert {9, 13, 17, 21} <= set(await api.numbers("labels.things:dog"))
    labels = await api.ask("GET", "labels/things")
    assert labels["quality"]["examples"] == 7 and labels["unused"] == 0
    assert labels["quality"]["probe"] >= labels["quality"]["words"]
    await api.ask("PATCH", "labels/things", 200, use="words")
    api.foreman.do()
    assert 15 not in await api.numbers("labels.things:cat")
    assert (await api.ask("GET", "labels/things"))["quality"] is None


async def test_a_change_of_name_keeps_scores(api: Api) -> None:
    await api.made()
    await api.made("cat", name="others")
    await api.ask("PATCH", "labels/things", 409, name="Others")
    await api.ask("PATCH", "labels/things", 200, name="My things")
    assert len(await api.numbers("labels.my_things:dog")) == 6
    names = [each["name"] for each in (await api.ask("GET", "labels"))["items"]]
    assert names == ["my_things", "others"]


async def test_labels_are_removed_with_all_they_left(api: Api) -> None:
    await api.made()
    await api.correct([1], "cat", True)
    await api.ask("DELETE", "labels/things", 204)
    reader = api.place.catalog.reader(api.place.row.dataset_id)
    assert not [n for n in reader.snapshot().schema.names if n.startswith("label_")]
    assert not api.place.catalog.analyses.wanted(api.place.row.dataset_id)
    await api.ask("GET", "labels/things", 404)
    again = await api.made()
    assert again["corrections"] == 0 and [c["count"] for c in again["classes"]] == [6, 6, 6]


async def test_what_makes_no_sense_is_refused(api: Api) -> None:
    await api.made()
    await api.ask("POST", "labels", 409, name="things", classes=["cat"])
    await api.ask("POST", "labels", 422, name="more", classes=[])
    await api.ask("POST", "labels", 422, name="more", classes=["Cat", "cat"])
    await api.ask("POST", "labels", 422, name="more", classes=["?!"])
    await api.ask("POST", "labels", 422, name="!", classes=["cat"])


async def test_a_failure_and_a_cancel_are_told(api: Api) -> None:
    await api.ask("POST", "labels", 202, name="things", classes=["cat"])
    api.foreman.do(error="no memory")
    labels = await api.ask("GET", "labels/things")
    assert labels["state"] == "failed" and labels["error"] == "no memory"
    await api.ask("POST", "labels/things/score", 202)
    await api.ask("POST", "labels/things/cancel")
    assert api.foreman.cancelled[-1][1] == "labels" and not api.foreman.running


async def test_classes_become_tags_and_go_again(api: Api) -> None:
    await api.made()
    (mine,) = await api.ids(0)
    await api.ask("POST", "images/batch", ids=[mine], tags_add=["cat"])
    done = await api.ask("POST", "labels/things/tags", undo=False)
    assert done == {"tagged": {"cat": 5, "dog": 6, "red car": 6}, "images": 17}
    assert await api.numbers("tag:cat") == [0, 4, 8, 12, 16, 20]
    assert (await api.ask("POST", "labels/things/tags", undo=True))["images"] == 17
    # What a person had tagged before stays.
    assert await api.numbers("tags:*") == [0]
    assert (await api.ask("POST", "labels/things/tags", undo=True))["images"] == 0
    await api.ask("POST", "labels/things/tags", prefix="auto ")
    assert len(await api.numbers('tag:"auto dog"')) == 6


async def test_classes_and_scores_are_exported(api: Api, tmp_path: Path) -> None:
    await api.made()
    await api.made("cat", "dog", name="many", several=True)
    await api.correct([1], "cat", True)
    catalog, dataset = api.place.catalog, api.place.row.dataset_id
    plain = export(catalog, dataset, "parquet", tmp_path / "plain.parquet")
    assert not [name for name in pq.read_schema(plain).names if name.startswith("label_")]
    table = pq.read_table(
        export(catalog, dataset, "parquet", tmp_path / "one.parquet", labels="things")
    )
    labels = dict(zip(table["file_name"].to_pylist(), table["label"].to_pylist(), strict=True))
    assert [labels[f"{n:05d}.jpg"] for n in range(4)] == ["cat", "cat", "red car", None]
    assert table["labels.things.cat"].to_pylist()[1] == 1
    many = pq.read_table(
        export(catalog, dataset, "parquet", tmp_path / "many.parquet", labels="many")
    )
    assert many["label"].to_pylist()[:3] == [["cat"], ["dog"], []]
    path = export(catalog, dataset, "coco", tmp_path / "coco.json", labels="things")
    coco = json.loads(path.read_text())
    assert [each["name"] for each in coco["categories"]] == ["cat", "red car", "dog"]
    assert len(coco["annotations"]) == 18
    folder = export(catalog, dataset, "folder", tmp_path / "folders", labels="things")
    found = {each.name: len([*each.iterdir()]) for each in folder.iterdir() if each.is_dir()}
    assert found == {"cat": 7, "dog": 5, "red car": 6, "unlabelled": 6}
    with pytest.raises(NotFound):
        export(catalog, dataset, "csv", tmp_path / "x.csv", labels="nothing")


async def test_an_export_of_no_such_labels_is_refused_at_once(api: Api) -> None:
    await api.ask("POST", "labels", 202, name="things", classes=["cat"])
    await api.ask("POST", "exports", 404, format="csv", labels="nothing")
    await api.ask("POST", "exports", 409, format="csv", labels="things")
    await api.ask("GET", "export?format=csv&labels=nothing", 404)
