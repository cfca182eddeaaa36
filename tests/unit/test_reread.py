"""Datasets of an earlier version: opened as they are, then read again without losing anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rayograph.catalog import Catalog, DatasetRow
from rayograph.catalog.columns import METADATA, METADATA_PARTS
from rayograph.catalog.returning import go_back
from rayograph.metadata.arrow import DETAILS, METADATA_VERSION
from rayograph.settings import Settings
from rayograph_pipelines.reread import outdated
from tests.working import Warm, metadata_of, names, opened, run_of, settings_for, touch

COUNT = 24


class Reader(Warm):
    """Finds a camera in every file, and counts what it opens."""

    def __init__(self, lost: str = "?") -> None:
        super().__init__()
        self.lost = lost
        self.opened: list[str] = []

    def headers(self, rows: pa.Table) -> Iterator[pa.Table]:
        self.opened += rows["uri"].to_pylist()
        found = metadata_of(rows).to_pylist()
        for row in found:
            row["camera"] = "Leica"
            if self.lost in row["uri"]:
                row |= {"width": None, "camera": None, "meta_state": 2}
        schema = pa.schema([*rows.schema, *METADATA])
        table = pa.Table.from_pylist(found, schema)
        for start in range(0, len(found), 10):
            yield table.slice(start, 10)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for(tmp_path)


@pytest.fixture
def old(settings: Settings, tmp_path: Path) -> DatasetRow:
    """A finished dataset as the version before left it."""
    row = opened(settings, touch(tmp_path / "pictures", *names(COUNT)))
    assert run_of(settings, row).work().ready == COUNT
    catalog = Catalog(settings.catalog.uri)
    catalog.writer(row.dataset_id).dataset().drop_columns(DETAILS.names)
    return catalog.update(row.dataset_id, metadata_version=0)


def rows_of(settings: Settings, row: DatasetRow) -> list[dict[str, Any]]:
    reader = Catalog(settings.catalog.uri).reader(row.dataset_id)
    return reader.page(offset=0, limit=100)[0]


def test_a_dataset_of_the_version_before_opens(settings: Settings, old: DatasetRow) -> None:
    rows = rows_of(settings, old)
    assert len(rows) == COUNT
    assert "camera" not in rows[0]
    reader = Catalog(settings.catalog.uri).reader(old.dataset_id)
    assert reader.record(rows[3]["id"])["width"] == 640
    # What a retry does to it before any run has taken it up.
    assert Catalog(settings.catalog.uri).writer(old.dataset_id).reset("metadata") == 0


def test_it_is_read_again_once(settings: Settings, old: DatasetRow) -> None:
    assert outdated(old)
    warm = Reader()
    progress = run_of(settings, old, warm).work()
    assert (progress.ready, progress.failed) == (COUNT, 0)
    assert len(warm.opened) == COUNT
    assert not warm.seen, "no vector is made again"
    assert {row["camera"] for row in rows_of(settings, old)} == {"Leica"}
    now = Catalog(settings.catalog.uri).dataset(old.dataset_id)
    assert now.metadata_version == METADATA_VERSION
    run_of(settings, now, warm).work()
    assert len(warm.opened) == COUNT


def test_a_file_that_is_gone_keeps_what_was_known(settings: Settings, old: DatasetRow) -> None:
    lost = str(rows_of(settings, old)[5]["file_name"])
    progress = run_of(settings, old, Reader(lost)).work()
    assert (progress.ready, progress.failed) == (COUNT, 0)
    row = rows_of(settings, old)[5]
    assert (row["width"], row["camera"], row["meta_state"]) == (640, None, 1)


def test_a_run_stopped_at_it_is_gone_on_with(settings: Settings, old: DatasetRow) -> None:
    warm = Reader()
    run = run_of(settings, old, warm)
    whole = warm.headers

    def first(rows: pa.Table) -> Iterator[pa.Table]:
        yield next(whole(rows))
        run.stop()

    warm.headers = first  # type: ignore[method-assign]
    run.work()
    now = Catalog(settings.catalog.uri).dataset(old.dataset_id)
    assert now.metadata_version == 0
    again = Reader()
    run_of(settings, now, again).work()
    assert 0 < len(again.opened) < COUNT
    known = set(warm.opened) - set(again.opened)
    assert len(known) == COUNT - len(again.opened)
    assert {row["camera"] for row in rows_of(settings, now)} == {"Leica"}


def test_plain_pictures_cost_no_file_of_details(settings: Settings, tmp_path: Path) -> None:
    row = opened(settings, touch(tmp_path / "plain", *names(COUNT)))
    run_of(settings, row).work()
    dataset = Catalog(settings.catalog.uri).writer(row.dataset_id).dataset()
    field = {f.name(): f.id() for f in dataset.lance_schema.fields()}
    files = [file for f in dataset.get_fragments() for file in f.metadata.files]
    held = {number for file in files for number in file.fields}
    assert field["width"] in held
    assert field["camera"] not in held
    assert [part.names[-1] for part in METADATA_PARTS][-1] == "meta_error"


def test_going_back_to_before_reads_again(settings: Settings, old: DatasetRow) -> None:
    catalog = Catalog(settings.catalog.uri)
    catalog.snapshots(old.dataset_id).create("before", old)
    run_of(settings, old, Reader()).work()
    assert not outdated(catalog.dataset(old.dataset_id))
    go_back(catalog, old.dataset_id, "before")
    now = catalog.dataset(old.dataset_id)
    assert outdated(now)
    run_of(settings, now, Reader()).work()
    assert {row["camera"] for row in rows_of(settings, now)} == {"Leica"}
