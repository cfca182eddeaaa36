"""Changing a dataset's model: the old vectors serve until the new ones are all there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rayograph.catalog import Catalog, DatasetRow, DatasetWriter
from rayograph.catalog.columns import SPACES
from rayograph.schema import Progress
from rayograph.settings import Settings
from rayograph_serve.filters import chosen_by
from tests.working import (
    DIM,
    Reports,
    Warm,
    hash_of,
    names,
    opened,
    run_of,
    settings_for,
    touch,
)

COUNT = 20
OLD, NEW = SPACES


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for(tmp_path, index={"min_rows": 256})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return touch(tmp_path / "pictures", *names(COUNT))


@pytest.fixture
def catalog(settings: Settings) -> Catalog:
    return Catalog(settings.catalog.uri)


@pytest.fixture
def row(settings: Settings, folder: Path) -> DatasetRow:
    """A dataset whose images all have vectors."""
    found = opened(settings, folder)
    assert run_of(settings, found).work().ready == COUNT
    return found


def warm_of(before: Any = None, **dims: int) -> Warm:
    """Models of their own weights, besides ``fake``."""
    warm = Warm(before)
    warm.dims = dims
    warm.keys = {name: f"{name}-1" for name in dims}
    return warm


def wanted(catalog: Catalog, row: DatasetRow, model: str) -> None:
    catalog.update(row.dataset_id, next_model=model, next_model_key=None)


def columns_of(catalog: Catalog, row: DatasetRow) -> set[str]:
    return set(catalog.reader(row.dataset_id).snapshot().schema.names)


def nearest(catalog: Catalog, row: DatasetRow, dim: int) -> str:
    """The file whose own vector is asked for must be the best; its name."""
    reader = catalog.reader(catalog.dataset(row.dataset_id).dataset_id)
    asked = reader.page(offset=3, limit=1)[0][0]
    vector = np.array(hash_of(asked["uri"], dim), np.float32)
    rows, scores, searched, total = reader.search(vector, k=1)
    assert (searched, total) == (COUNT, COUNT)
    assert scores[0] > 0.99
    assert rows[0]["id"] == asked["id"]
    return str(rows[0]["file_name"])


def test_the_old_vectors_serve_until_the_new_ones_are_there(
    settings: Settings, catalog: Catalog, row: DatasetRow
) -> None:
    seen = []

    def before(stage: str, rows: pa.Table) -> None:
        now = catalog.dataset(row.dataset_id)
        seen.append((now.model, now.next_model, nearest(catalog, row, DIM)))

    wanted(catalog, row, "other")
    reports = Reports()
    progress = run_of(settings, row, warm_of(before, other=12), report=reports).work()
    assert set(seen) == {("fake", "other", "00003.jpg")}
    assert (progress.status, progress.ready) == ("complete", COUNT)
    assert "reembedding" not in progress.stages
    now = catalog.dataset(row.dataset_id)
    assert (now.model, now.model_key, now.space, now.next_model) == ("other", "other-1", 1, None)
    nearest(catalog, row, 12)
    assert not columns_of(catalog, row) & set(OLD.names.values())
    assert all_served(reports.all)


def all_served(reports: list[Progress]) -> bool:
    """Nothing the page shows goes back to unsearchable on the way."""
    on_the_way = [report for report in reports if "reembedding" in report.stages]
    assert {report.status for report in on_the_way} == {"in_progress"}
    done = [report.stages["reembedding"].done for report in on_the_way]
    assert done == sorted(done)
    assert done[-1] == COUNT
    return all(report.ready == COUNT for report in reports)


def test_and_back_again(settings: Settings, catalog: Catalog, row: DatasetRow) -> None:
    for model, dim, space in (("other", 12, 1), ("fake", DIM, 0)):
        wanted(catalog, row, model)
        assert run_of(settings, row, warm_of(other=12)).work().status == "complete"
        assert catalog.dataset(row.dataset_id).space == space
        nearest(catalog, row, dim)


def test_one_that_was_stopped_goes_on(
    settings: Settings, catalog: Catalog, row: DatasetRow
) -> None:
    wanted(catalog, row, "other")

    def before(stage: str, rows: pa.Table) -> None:
        run.stop()

    run = run_of(settings, row, warm_of(before, other=12))
    progress = run.work()
    assert (progress.status, progress.ready) == ("in_progress", COUNT)
    assert 0 < progress.stages["reembedding"].done < COUNT
    nearest(catalog, row, DIM)
    warm = warm_of(other=12)
    assert run_of(settings, row, warm).work().status == "complete"
    done_before = progress.stages["reembedding"].done
    assert sum(len(files) for _, files in warm.seen) == COUNT - done_before
    nearest(catalog, row, 12)


def test_other_weights_of_the_same_name_are_another_model(
    settings: Settings, catalog: Catalog, row: DatasetRow, folder: Path
) -> None:
    touch(folder, *names(5, start=COUNT))
    catalog.update(row.dataset_id, listed=False)
    warm = Warm()
    warm.key = "fake-2"
    progress = run_of(settings, row, warm).work()
    assert (progress.status, progress.ready) == ("complete", COUNT + 5)
    embedded = [name for stage, files in warm.seen if stage == "embedding" for name in files]
    assert sorted(embedded) == names(COUNT + 5)
    now = catalog.dataset(row.dataset_id)
    assert (now.model, now.model_key, now.space) == ("fake", "fake-2", 1)


def test_weights_that_change_on_the_way_begin_anew(
    settings: Settings, catalog: Catalog, row: DatasetRow
) -> None:
    wanted(catalog, row, "other")
    run = run_of(settings, row, warm_of(lambda *_: run.stop(), other=12))
    assert run.work().status == "in_progress"
    warm = warm_of(other=16)
    warm.keys["other"] = "other-2"
    assert run_of(settings, row, warm).work().status == "complete"
    assert sum(len(files) for _, files in warm.seen) == COUNT
    assert catalog.dataset(row.dataset_id).model_key == "other-2"
    nearest(catalog, row, 16)


def test_a_model_that_cannot_be_had_leaves_the_present_one(
    settings: Settings, catalog: Catalog, row: DatasetRow
) -> None:
    wanted(catalog, row, "gone")
    progress = run_of(settings, row).work()
    assert (progress.status, progress.ready) == ("complete", COUNT)
    now = catalog.dataset(row.dataset_id)
    assert (now.model, now.next_model) == ("fake", None)
    assert now.model_note == "gone could not be had (no such model); fake stays in use"
    nearest(catalog, row, DIM)


def test_before_there_is_any_vector_the_model_is_just_another(
    settings: Settings, catalog: Catalog, folder: Path
) -> None:
    found = opened(settings, folder)
    wanted(catalog, found, "other")
    assert run_of(settings, found, warm_of(other=12)).work().status == "complete"
    now = catalog.dataset(found.dataset_id)
    assert (now.model, now.space, now.next_model) == ("other", 0, None)
    nearest(catalog, found, 12)


def test_changed_back_on_the_way_nothing_is_left(
    settings: Settings, catalog: Catalog, row: DatasetRow
) -> None:
    wanted(catalog, row, "other")
    run = run_of(settings, row, warm_of(lambda *_: run.stop(), other=12))
    run.work()
    wanted(catalog, row, "fake")
    warm = warm_of(other=12)
    assert run_of(settings, row, warm).work().status == "complete"
    assert warm.seen == []
    assert not columns_of(catalog, row) & set(NEW.names.values())
    nearest(catalog, row, DIM)


def test_new_files_get_vectors_of_the_new_model_only(
    settings: Settings, catalog: Catalog, row: DatasetRow, folder: Path
) -> None:
    touch(folder, *names(5, start=COUNT))
    catalog.update(row.dataset_id, listed=False)
    wanted(catalog, row, "other")
    reports = Reports()
    progress = run_of(settings, row, warm_of(other=12), report=reports).work()
    assert (progress.status, progress.ready) == ("complete", COUNT + 5)
    assert max(report.ready for report in reports.all[:-1]) == COUNT


def test_the_new_vectors_have_their_index_before_they_serve(
    settings: Settings, catalog: Catalog, tmp_path: Path
) -> None:
    many = opened(settings, touch(tmp_path / "many", *names(600)))
    run_of(settings, many).work()
    writer = catalog.writer(many.dataset_id)
    assert writer.index_state(OLD).exists
    wanted(catalog, many, "other")
    states = []
    catalog_update = Catalog.update

    def update(self: Catalog, dataset_id: str, **changes: Any) -> DatasetRow:
        if "space" in changes:
            states.append((writer.index_state(OLD).exists, writer.index_state(NEW).exists))
        return catalog_update(self, dataset_id, **changes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Catalog, "update", update)
        run_of(settings, many, warm_of(other=16)).work()
    assert states == [(True, True)]
    assert not writer.index_state(OLD).exists
    assert catalog.reader(many.dataset_id).total() == 600


def test_failures_are_those_of_the_space_that_serves(
    settings: Settings, catalog: Catalog, row: DatasetRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted(catalog, row, "other")
    warm = warm_of(other=12)
    whole = warm.embedding

    def first_fails(rows: pa.Table, model: str) -> pa.Table:
        found = whole(rows, model)
        bad = ["00000" in uri for uri in found["uri"].to_pylist()]
        for name, value in (("embed_state", 2), ("embed_error_code", "corrupt")):
            at = found.column_names.index(name)
            column = pa.array(
                [value if b else old for b, old in zip(bad, found[name].to_pylist(), strict=True)],
                found[name].type,
            )
            found = found.set_column(at, name, column)
        return found

    monkeypatch.setattr(warm, "embedding", first_fails)
    progress = run_of(settings, row, warm).work()
    assert (progress.status, progress.failed) == ("complete", 1)
    failed, _, reasons = catalog.reader(row.dataset_id).failures(offset=0, limit=5, code=None)
    assert reasons == {"corrupt": 1}
    assert (failed[0]["file_name"], failed[0]["embed_state"]) == ("00000.jpg", 2)
    assert catalog.writer(row.dataset_id).reset(NEW.stage) == 1


def test_a_registry_of_an_earlier_version_is_completed(
    settings: Settings, catalog: Catalog, row: DatasetRow
) -> None:
    import lance

    registry = lance.dataset(f"{settings.catalog.uri}/_datasets.lance")
    registry.drop_columns(["space", "next_model", "next_model_key", "model_note"])
    assert Catalog(settings.catalog.uri, read_only=True).dataset(row.dataset_id).space == 0
    again = Catalog(settings.catalog.uri)
    assert again.update(row.dataset_id, next_model="other").next_model == "other"
    assert again.dataset(row.dataset_id).next_model == "other"


def test_what_a_kill_after_the_change_left_goes_with_the_next_run(
    settings: Settings, catalog: Catalog, row: DatasetRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted(catalog, row, "other")
    with monkeypatch.context() as patch:
        patch.setattr(DatasetWriter, "drop_space", lambda *_: None)
        run_of(settings, row, warm_of(other=12)).work()
    assert catalog.dataset(row.dataset_id).model == "other"
    assert set(OLD.names.values()) <= columns_of(catalog, row)
    assert run_of(settings, row, warm_of(other=12)).work().status == "complete"
    assert not columns_of(catalog, row) & set(OLD.names.values())
    nearest(catalog, row, 12)


def test_filters_speak_of_the_space_that_serves(
    settings: Settings, catalog: Catalog, row: DatasetRow
) -> None:
    wanted(catalog, row, "other")
    assert run_of(settings, row, warm_of(other=12)).work().status == "complete"
    now = catalog.dataset(row.dataset_id)
    reader = catalog.reader(row.dataset_id)
    for where, count in (("status:ready", COUNT), ("failed:*", 0), ('hash:"h"', COUNT)):
        rows, total = reader.page(offset=0, limit=3, where=chosen_by(now, where))
        assert (total, len(rows)) == (count, min(count, 3)), where
        assert all(record["embed_state"] == 1 for record in rows)
    vector = np.array(hash_of("x", 12), np.float32)
    found = reader.search(vector, k=3, where=chosen_by(now, "name:00001*"))
    assert [record["file_name"] for record in found[0]] == ["00001.jpg"]
    assert found[2:] == (1, 1)
