"""The committer: whatever order results come in, the table holds each row once and whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rayograph.catalog import Catalog, DatasetReader, DatasetWriter
from rayograph.catalog.columns import LISTING
from rayograph.errors import CatalogError
from rayograph_pipelines.committer import Committer
from tests.working import (
    WAIT_S,
    in_thread,
    joined,
    metadata_of,
    names,
    opened,
    settings_for,
    touch,
    vectors_of,
)

WORK = ("id", "uri", "size", "mtime")


class Table:
    """A dataset's table of 40 rows, its committer and what the committer told."""

    def __init__(self, home: Path) -> None:
        settings = settings_for(home)
        row = opened(settings, touch(home / "pictures", *names(40)), first=40)
        catalog = Catalog(settings.catalog.uri)
        self.writer: DatasetWriter = catalog.writer(row.dataset_id)
        self.reader: DatasetReader = catalog.reader(row.dataset_id)
        self.on_commit: Callable[[], None] = lambda: None
        self.committed = threading.Event()
        self.committer = Committer(self.writer, interval_s=0.01, on_commit=self._told)

    def _told(self) -> None:
        self.on_commit()
        self.committed.set()

    def rows(self, stage: str = "metadata") -> pa.Table:
        return self.reader.pending(stage, 0, WORK)

    def states(self, name: str) -> list[Any]:
        return self.reader.column(name).to_pylist()


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    table = Table(tmp_path)
    yield table
    table.committer.close()


def full(_: Mapping[int, pa.Table]) -> None:
    raise OSError("LanceError(IO): No space left on device (os error 28)")


def test_results_in_any_order_and_twice_are_each_row_once(table: Table) -> None:
    done = metadata_of(table.rows())
    order = np.random.default_rng(3).permutation(40)
    for part in np.array_split(order, 7):
        table.committer.put("metadata", done.take(pa.array(part)))
    table.committer.put("metadata", done.slice(5, 9))
    table.committer.flush("metadata")
    assert table.states("width") == [640] * 40
    assert table.reader.total() == 40
    assert table.reader.counts().stage("metadata")["done"] == 40


def test_many_threads_lose_nothing(table: Table) -> None:
    done = metadata_of(table.rows())
    vectors = vectors_of(table.rows("embedding"))

    def hand_in(stage: str, rows: pa.Table) -> Callable[[], None]:
        return lambda: [table.committer.put(stage, rows.slice(i, 1)) for i in range(10)] and None

    threads = [
        in_thread(hand_in(stage, rows.slice(at, 10)))
        for stage, rows in (("metadata", done), ("embedding", vectors))
        for at in range(0, 40, 10)
    ]
    for thread in threads:
        joined(thread)
    table.committer.flush()
    assert table.states("meta_state") == [1] * 40
    assert table.states("embed_state") == [1] * 40


def test_a_commit_comes_by_itself(table: Table) -> None:
    table.committer.put("metadata", metadata_of(table.rows()))
    assert table.committed.wait(WAIT_S)
    assert table.rows().num_rows == 0


def test_expected_rows_are_marked_until_they_come(table: Table) -> None:
    rows = table.rows("embedding")
    table.committer.expect("embedding", {0: np.arange(10)})
    table.committer.put("embedding", vectors_of(rows.slice(0, 4)))
    assert table.committed.wait(WAIT_S)
    assert table.states("embed_state")[:11] == [1] * 4 + [3] * 6 + [0]
    table.committer.put("embedding", vectors_of(rows.slice(4, 6)))
    table.committer.flush("embedding")
    assert table.states("embed_state")[:11] == [1] * 10 + [0]


def test_a_mark_does_not_outlive_its_round(table: Table) -> None:
    table.committer.expect("embedding", {0: np.arange(10)})
    table.committer.put("embedding", vectors_of(table.rows("embedding").slice(0, 4)))
    assert table.committed.wait(WAIT_S)
    assert 3 in table.states("embed_state")
    table.committer.flush("embedding")
    assert 3 not in table.states("embed_state")
    assert table.states("embed_state").count(1) == 4


def test_rows_put_while_flushing_are_kept(table: Table) -> None:
    done = metadata_of(table.rows())
    later = iter([done.slice(20, 20)])

    def put_more() -> None:
        for rows in later:
            table.committer.put("metadata", rows)

    table.on_commit = put_more
    table.committer.expect("metadata", {0: np.arange(20)})
    table.committer.put("metadata", done.slice(0, 20))
    table.committer.flush("metadata")
    table.committer.close()
    assert table.states("meta_state") == [1] * 40


def test_an_append_beside_it_moves_nothing(table: Table) -> None:
    rows = table.rows()
    table.committer.put("metadata", metadata_of(rows.slice(0, 20)))
    more = pa.Table.from_pylist(
        [{"id": f"x{i}", "uri": f"u{i}", "file_name": "f", "folder": ""} for i in range(600)],
        LISTING,
    )
    table.committer.append(more, fragment_rows=256)
    table.committer.put("metadata", metadata_of(rows.slice(20)))
    table.committer.flush()
    assert [n for _, n in table.reader.fragments()] == [40, 256, 256, 88]
    assert table.reader.counts().stage("metadata")["done"] == 40


def test_a_full_disk_is_told_to_everybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(tmp_path)
    rows = metadata_of(table.rows())
    monkeypatch.setattr(table.writer, "fill", full)
    table.committer.put("metadata", rows.slice(0, 10))
    table.committer._thread.join(WAIT_S)
    assert not table.committer._thread.is_alive()
    for call in (
        lambda: table.committer.put("metadata", rows.slice(10, 10)),
        lambda: table.committer.flush("metadata"),
        table.committer.close,
    ):
        with pytest.raises(OSError, match="No space left"):
            call()
    assert table.rows().num_rows == 40


def test_what_comes_after_the_end_is_left_alone(table: Table) -> None:
    table.committer.close()
    version = table.reader.snapshot().version
    table.committer.put("metadata", metadata_of(table.rows()))
    table.committer.put("embedding", vectors_of(table.rows("embedding")))
    table.committer.flush()
    assert table.reader.snapshot().version == version


def test_vectors_of_another_length_are_refused(table: Table) -> None:
    table.committer.put("embedding", vectors_of(table.rows("embedding").slice(0, 4)))
    with pytest.raises(CatalogError, match="8-d"):
        table.committer.put("embedding", vectors_of(table.rows("embedding"), dim=16))


def test_vectors_are_taken_while_the_index_is_built(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.committer.put("embedding", vectors_of(table.rows().slice(0, 4)))
    building, go = threading.Event(), threading.Event()

    def slow(*_: object) -> bool:
        building.set()
        return go.wait(2 * WAIT_S)

    monkeypatch.setattr(table.writer, "keep_index", slow)
    indexing = threading.Thread(target=table.committer.keep_index)
    indexing.start()
    assert building.wait(WAIT_S)
    putting = threading.Thread(
        target=table.committer.put, args=("embedding", vectors_of(table.rows().slice(4, 4)))
    )
    putting.start()
    putting.join(WAIT_S / 3)
    taken = not putting.is_alive()
    go.set()
    indexing.join(WAIT_S)
    putting.join(WAIT_S)
    assert taken
