"""Named versions: kept, compared, gone back to; and what edits and stages make of going back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import lance
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving import Served, serving

from rayograph.catalog import Catalog
from rayograph.catalog.curation import Curator, Edit
from rayograph.catalog.returning import go_back
from rayograph.catalog.snapshots import Snapshots, differ
from rayograph.cli.snapshots import difference
from rayograph.errors import Conflict, InvalidRequest, NotFound
from rayograph.snapshots import SnapshotDiff
from tests.exporting import NAMES, Shop, shop
from tests.fake_engine import draw_pictures
from tests.fake_snapshots import FakeSnapshots
from tests.working import Warm, names, opened, run_of, settings_for, touch


@pytest.fixture
def kept(tmp_path: Path) -> Shop:
    return shop(tmp_path)


def snapshots(one: Shop) -> Snapshots:
    return one.catalog.snapshots(one.dataset)


def named(one: Shop, name: str, note: str | None = None) -> None:
    snapshots(one).create(name, one.catalog.dataset(one.dataset), note)


def compare(one: Shop, name: str, to: str | None = None) -> Any:
    return snapshots(one).compare(name, to, one.catalog.dataset(one.dataset))


def tags(one: Shop) -> dict[str, list[str] | None]:
    return {row["file_name"]: row["tags"] for row in one.rows().records()}


def test_what_changed_is_counted_by_column(kept: Shop) -> None:
    named(kept, "before", "first look")
    assert compare(kept, "before").columns == {}
    kept.tag("con.jpg", "new")
    kept.tag("bad.jpg", rating=2)
    kept.tag("one.png", rating=5)
    found = compare(kept, "before")
    assert (found.added, found.removed, found.changed) == (0, 0, 3)
    assert found.columns == {"tags": 1, "rating": 2}
    assert len(found.ids["changed"]) == 3
    (listed,) = snapshots(kept).all()
    assert (listed.name, listed.note, listed.rows) == ("before", "first look", len(NAMES))
    assert listed.own_bytes > 0


def test_new_and_vanished_images_are_counted(kept: Shop) -> None:
    named(kept, "before")
    draw_pictures(kept.folder / "more", 3)
    kept.catalog.update(kept.dataset, listed=False)
    run_of(kept.settings, kept.catalog.dataset(kept.dataset)).work()
    found = compare(kept, "before")
    assert (found.added, found.removed, found.changed) == (3, 0, 0)
    named(kept, "after")
    backwards = compare(kept, "after", "before")
    assert (backwards.added, backwards.removed) == (0, 3)
    assert sorted(backwards.ids["removed"]) == sorted(found.ids["added"])


def test_going_back_brings_all_of_it_and_the_ledger_adds_up(kept: Shop) -> None:
    named(kept, "before")
    was = tags(kept)
    kept.tag("con.jpg", "new")
    draw_pictures(kept.folder / "more", 3)
    kept.catalog.update(kept.dataset, listed=False)
    run_of(kept.settings, kept.catalog.dataset(kept.dataset)).work()
    assert kept.reader.total() == len(NAMES) + 3
    go_back(kept.catalog, kept.dataset, "before")
    assert tags(kept) == was
    counts = kept.reader.counts()
    assert sum(counts.statuses(embeds=True).values()) == counts.total == len(NAMES)
    # What came since is found again.
    kept.catalog.update(kept.dataset, listed=False)
    progress = run_of(kept.settings, kept.catalog.dataset(kept.dataset)).work()
    assert progress.status == "complete" and progress.total == len(NAMES) + 3
    kept.tag("con.jpg", "later")
    assert tags(kept)["con.jpg"] == ["sea", "later"]


def test_one_taken_in_the_middle_of_work_goes_on_from_there(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    row = opened(settings, touch(tmp_path / "pictures", *names(20)), first=20)
    one = Shop(settings, Catalog(settings.catalog.uri), tmp_path / "pictures", row.dataset_id)
    named(one, "listed")
    run_of(settings, row).work()
    go_back(one.catalog, one.dataset, "listed")
    assert one.reader.counts().stage("metadata")["pending"] == 20
    assert one.catalog.dataset(one.dataset).listed is False
    progress = run_of(settings, one.catalog.dataset(one.dataset)).work()
    assert (progress.ready, progress.total) == (20, 20)


def test_the_model_of_then_serves_again(kept: Shop) -> None:
    named(kept, "before")
    before = kept.catalog.dataset(kept.dataset)
    key = next(kept.rows(where="status=ready").records())["id"]
    vector = kept.reader.vector(key)
    kept.catalog.update(kept.dataset, next_model="other")
    warm = Warm()
    warm.keys["other"] = "other-1"
    run_of(kept.settings, kept.catalog.dataset(kept.dataset), warm).work()
    assert kept.catalog.dataset(kept.dataset).space != before.space
    go_back(kept.catalog, kept.dataset, "before")
    after = kept.catalog.dataset(kept.dataset)
    assert (after.space, after.model, after.next_model) == (before.space, before.model, None)
    assert np.array_equal(kept.catalog.reader(kept.dataset).vector(key), vector)


def test_an_edit_under_way_is_made_anew_on_what_was_gone_back_to(
    kept: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    named(kept, "before")
    kept.tag("con.jpg", "lost")
    once = Curator._once
    tries: list[int] = []

    def late(self: Curator, edit: Edit, pick: Any) -> int:
        def pick_and_go_back(snapshot: Any) -> str:
            if not tries:
                tries.append(1)
                go_back(kept.catalog, kept.dataset, "before")
            return str(pick(snapshot))

        return once(self, edit, pick_and_go_back)

    monkeypatch.setattr(Curator, "_once", late)
    kept.tag("con.jpg", "kept")
    assert tags(kept)["con.jpg"] == ["sea", "kept"]


def test_clean_up_never_takes_a_named_version(kept: Shop) -> None:
    named(kept, "before")
    for number in range(3):
        kept.tag("con.jpg", f"tag{number}")
    uri = kept.catalog._table_uri(kept.dataset)
    writer = kept.catalog.writer(kept.dataset)
    writer.clean(older_than_s=0)
    assert len(lance.dataset(uri).versions()) == 2
    go_back(kept.catalog, kept.dataset, "before")
    assert tags(kept)["con.jpg"] == ["sea"]
    snapshots(kept).delete("before")
    writer.clean(older_than_s=0)
    assert len(lance.dataset(uri).versions()) == 1
    assert tags(kept)["con.jpg"] == ["sea"]


@pytest.mark.parametrize(
    "name", ["", "a b", "ä", "../x", "a/b", ".a", "a.", "a..b", "a.lock", "x" * 81, "-a"]
)
def test_names_that_cannot_be(kept: Shop, name: str) -> None:
    with pytest.raises(InvalidRequest):
        named(kept, name)


def test_a_name_is_given_once_and_missing_ones_are_said(kept: Shop) -> None:
    named(kept, "v1.2-final_3")
    with pytest.raises(Conflict):
        named(kept, "v1.2-final_3")
    for call in (snapshots(kept).delete, snapshots(kept).restore):
        with pytest.raises(NotFound):
            call("nothing")


Rows = st.lists(st.one_of(st.none(), st.lists(st.one_of(st.none(), st.sampled_from("abc")))))


@given(st.data())
def test_lists_are_compared_as_python_does(data: st.DataObject) -> None:
    left = data.draw(Rows)
    size = len(left)
    item = st.one_of(st.none(), st.lists(st.one_of(st.none(), st.sampled_from("abc"))))
    right = data.draw(st.lists(item, min_size=size, max_size=size))
    kind = pa.list_(pa.string())
    found = differ(pa.array(left, kind), pa.array(right, kind))
    assert found.tolist() == [a != b for a, b in zip(left, right, strict=True)]


# -- over HTTP --------------------------------------------------------------------------------


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path) as running:
        yield running


async def test_snapshots_over_http(served: Served) -> None:
    url = f"/api/datasets/{served.dataset}/snapshots"
    made = await served.http.post(url, json={"name": "v1", "note": "keep"})
    assert (made.status_code, made.json()["total"]) == (201, 5)
    assert (await served.http.post(url, json={"name": "v1"})).status_code == 409
    assert (await served.http.post(url, json={"title": "v1"})).status_code == 422
    assert (await served.http.get(url)).json()["items"][0]["note"] == "keep"
    found = (await served.http.get(f"{url}/v1/diff")).json()
    assert found["columns"] == {"tags": 12, "rating": 3}
    back: httpx.Response = await served.http.post(f"{url}/v1/restore")
    assert (back.status_code, back.json()["total"]) == (202, 5)
    assert isinstance(served.engine.snapshots, FakeSnapshots)
    assert served.engine.snapshots.restored == ["v1"]
    assert (await served.http.delete(f"{url}/v1")).status_code == 204
    assert (await served.http.post(f"{url}/v1/restore")).status_code == 404


def test_a_difference_in_one_line() -> None:
    found = SnapshotDiff(
        name="a",
        to=None,
        added=1,
        removed=0,
        changed=2,
        columns={"tags": 2},
        model="x",
        model_to="y",
        ids={},
    )
    assert difference(found) == "1 added, 0 removed, 2 changed (tags 2); model x -> y"
