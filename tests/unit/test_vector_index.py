"""The vector index: built once it pays, extended as vectors come, rebuilt when outgrown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rayograph import sources
from rayograph.catalog import Catalog, DatasetReader, DatasetWriter
from rayograph.catalog import writer as writing
from rayograph.catalog.nearest import Nearest, find_nearest
from rayograph.catalog.vectors import index_recall
from rayograph.catalog.writer import merge_group
from rayograph.settings import IndexSettings, Settings
from rayograph_pipelines.upkeep import check_index
from tests.unit.test_catalog import DIM, SPACE, listed, vectors

FRAGMENT = 300
OPTIONS = IndexSettings(min_rows=256, grow=0.1)
Opened = tuple[DatasetReader, DatasetWriter]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    (tmp_path / "pictures").mkdir()
    catalog = Catalog(str(tmp_path / "catalog"))
    source = sources.resolve(str(tmp_path / "pictures"))
    row, _ = catalog.create(source, None, listed("a" * 10, 0, FRAGMENT))
    writer = catalog.writer(row.dataset_id)
    for start in (FRAGMENT, 2 * FRAGMENT):
        writer.append(listed(row.dataset_id, start, start + FRAGMENT), fragment_rows=FRAGMENT)
    writer.add_vector_columns(SPACE, DIM)
    return catalog.reader(row.dataset_id), writer


def fill(writer: DatasetWriter, fragment: int, count: int = FRAGMENT) -> None:
    made = vectors(count, seed=fragment)
    base = writer.read_group("embedding", fragment)
    writer.fill({fragment: merge_group(base, np.arange(count), made)})


def finds_everything(reader: DatasetReader, fragments: int) -> bool:
    rows = reader.column("vector").combine_chunks().slice(0, fragments * FRAGMENT)
    ids = reader.column("id").to_pylist()
    for at in range(0, fragments * FRAGMENT, 37):
        query = np.asarray(rows[at].as_py(), np.float32)
        found, _, _, _ = reader.search(query, k=3)
        if ids[at] not in [row["id"] for row in found]:
            return False
    return True


def test_few_vectors_need_no_index(opened: Opened) -> None:
    _, writer = opened
    assert not writer.keep_index(SPACE, OPTIONS)
    fill(writer, 0, count=200)
    assert not writer.keep_index(SPACE, OPTIONS)
    assert not writer.index_state(SPACE).exists


def test_is_built_then_extended_as_vectors_come(opened: Opened) -> None:
    reader, writer = opened
    fill(writer, 0)
    assert writer.keep_index(SPACE, OPTIONS)
    assert finds_everything(reader, 1)
    assert not writer.keep_index(SPACE, OPTIONS)
    fill(writer, 1)
    assert writer.index_state(SPACE).unindexed == FRAGMENT
    assert finds_everything(reader, 2)
    assert writer.keep_index(SPACE, OPTIONS)
    assert writer.index_state(SPACE).unindexed == 0
    assert finds_everything(reader, 2)


def test_vectors_written_again_are_still_found(opened: Opened) -> None:
    reader, writer = opened
    fill(writer, 0)
    fill(writer, 1)
    writer.keep_index(SPACE, OPTIONS)
    made = vectors(FRAGMENT, seed=9)
    base = writer.read_group("embedding", 1)
    writer.fill({1: merge_group(base, np.arange(FRAGMENT), made)})
    assert finds_everything(reader, 2)


def test_is_built_anew_once_outgrown(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = opened
    fill(writer, 0)
    writer.keep_index(SPACE, OPTIONS)
    fill(writer, 1)
    monkeypatch.setattr(writing, "_OUTGROWN", 0.5)
    assert writer.keep_index(SPACE, OPTIONS)
    assert writer.index_state(SPACE).unindexed == 0
    assert finds_everything(reader, 2)


@pytest.mark.parametrize("k", [10, 40, 200])
def test_long_pages_find_as_much_as_short_ones(opened: Opened, k: int) -> None:
    reader, writer = opened
    for fragment in range(3):
        fill(writer, fragment)
    writer.keep_index(SPACE, OPTIONS)
    assert (index_recall(reader, refine=10, k=k) or 0) > 0.97


def test_recall_is_measured_against_every_vector(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = opened
    assert index_recall(reader, refine=10) is None
    for fragment in range(3):
        fill(writer, fragment)
    assert index_recall(reader, refine=10) == 1.0
    writer.keep_index(SPACE, OPTIONS)
    assert (index_recall(reader, refine=10) or 0) > 0.97

    def forgetful(*args: Any, **more: Any) -> Nearest:
        found = find_nearest(*args, **more)
        return Nearest(found.addresses[:5], found.scores[:5])

    monkeypatch.setattr("rayograph.catalog.vectors.find_nearest", forgetful)
    assert index_recall(reader, refine=10) == pytest.approx(0.5, abs=0.02)


def test_an_index_that_finds_too_little_is_built_anew(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = opened
    row = Catalog(str(Path(writer.dataset().uri).parent)).datasets()[0]
    settings = Settings(index=OPTIONS)
    assert check_index(writer, reader, row, settings) == {}
    for fragment in range(3):
        fill(writer, fragment)
    writer.keep_index(SPACE, OPTIONS)
    found = check_index(writer, reader, row, settings)
    assert found["index_checked"] == 3 * FRAGMENT
    assert check_index(writer, reader, replace(row, **found), settings) == {}
    built: list[str] = []
    monkeypatch.setattr(DatasetWriter, "rebuild_index", lambda _, space: built.append(space.index))
    low = iter([0.4, 0.5, 0.99])
    monkeypatch.setattr("rayograph_pipelines.upkeep.index_recall", lambda *_, **__: next(low))
    found = check_index(writer, reader, row, settings)
    assert (found["index_recall"], found["index_thorough"]) == (0.99, False)
    assert built == [SPACE.index]


def test_where_half_of_the_partitions_find_too_little_all_are_looked_through(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = opened
    row = Catalog(str(Path(writer.dataset().uri).parent)).datasets()[0]
    for fragment in range(3):
        fill(writer, fragment)
    writer.keep_index(SPACE, OPTIONS)
    # So few are looked at that much is missed; all of them miss nothing.
    monkeypatch.setattr("rayograph.catalog.nearest._MIN_PROBES", 1)
    half = index_recall(reader, refine=10)
    assert half is not None and half < 0.99
    found = check_index(writer, reader, row, Settings(index=OPTIONS))
    assert found["index_thorough"] is True
    assert found["index_recall"] == index_recall(reader, refine=10, thorough=True)
    assert found["index_recall"] > max(half, 0.97)


def test_an_index_built_anew_finds_everything(opened: Opened) -> None:
    reader, writer = opened
    for fragment in range(3):
        fill(writer, fragment)
    writer.keep_index(SPACE, OPTIONS)
    writer.rebuild_index(SPACE)
    assert writer.index_state(SPACE).unindexed == 0
    assert finds_everything(reader, 3)
