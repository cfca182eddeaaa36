"""The catalog: deterministic rows, columns filled in place, counts that always add up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from rayograph import ids, sources
from rayograph.catalog import LISTING, Catalog, DatasetReader, DatasetWriter
from rayograph.catalog.columns import METADATA, SPACES
from rayograph.catalog.writer import claim, merge_group, unclaim
from rayograph.errors import (
    CatalogError,
    CatalogLocked,
    CatalogReadOnly,
    CatalogVersionError,
    DatasetNotFound,
    ImageNotFound,
    NotReady,
)

DIM = 8
SPACE = SPACES[0]


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(str(tmp_path / "catalog"))


@pytest.fixture
def source(tmp_path: Path) -> sources.Source:
    (tmp_path / "pictures").mkdir()
    return sources.resolve(str(tmp_path / "pictures"))


def listed(dataset_id: str, start: int, end: int) -> pa.Table:
    uris = [f"file:///p/{i:05d}.jpg" for i in range(start, end)]
    return pa.table(
        {
            "id": [ids.image_id(dataset_id, uri) for uri in uris],
            "uri": uris,
            "file_name": [uri[-9:] for uri in uris],
            "folder": [""] * len(uris),
            "size": list(range(start, end)),
            "mtime": [1.5] * len(uris),
            "caption": [None] * len(uris),
        },
        schema=LISTING,
    )


def metadata(states: list[int]) -> pa.Table:
    n = len(states)
    codes = ["truncated" if s == 2 else None for s in states]
    values = {
        "width": [640] * n,
        "height": [480] * n,
        "format": ["JPEG"] * n,
        "mode": ["RGB"] * n,
        "meta_state": states,
        "meta_error_code": codes,
        "meta_error": codes,
    }
    return pa.table([pa.array(values.get(f.name, [None] * n), f.type) for f in METADATA], METADATA)


def vectors(count: int, seed: int = 0) -> pa.Table:
    values = np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float16)
    return pa.table(
        {
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), DIM),
            "content_hash": ["h"] * count,
            "embed_state": pa.array([1] * count, pa.uint8()),
            "embed_error_code": pa.nulls(count, pa.string()),
            "embed_error": pa.nulls(count, pa.string()),
        }
    )


@pytest.fixture
def opened(
    catalog: Catalog, source: sources.Source
) -> tuple[Catalog, str, DatasetReader, DatasetWriter]:
    key = ids.dataset_id(source.uri, source.name)
    row, new = catalog.create(source, None, listed(key, 0, 100))
    assert new
    return catalog, row.dataset_id, catalog.reader(row.dataset_id), catalog.writer(row.dataset_id)


def test_the_same_source_twice_is_one_dataset(catalog: Catalog, source: sources.Source) -> None:
    first, new = catalog.create(source, "mine")
    again, new_again = catalog.create(source, "mine")
    assert (new, new_again) == (True, False)
    assert first.dataset_id == again.dataset_id
    assert catalog.create(source, "other")[0].dataset_id != first.dataset_id


def test_update_keeps_other_fields(catalog: Catalog, source: sources.Source) -> None:
    row, _ = catalog.create(source, "mine", description="hand made")
    catalog.update(row.dataset_id, paused=True)
    catalog.update(row.dataset_id, skipped={"link_loop": 2})
    found = catalog.dataset("mine")
    assert (found.paused, found.skipped, found.description) == (True, {"link_loop": 2}, "hand made")


def test_unknown_datasets_say_so(catalog: Catalog) -> None:
    with pytest.raises(DatasetNotFound, match="nope"):
        catalog.dataset("nope")
    with pytest.raises(DatasetNotFound):
        catalog.reader("nope")


def test_counts_add_up_while_columns_are_filled(
    opened: tuple[Catalog, str, DatasetReader, DatasetWriter],
) -> None:
    _, _, reader, writer = opened
    assert reader.counts().statuses(embeds=True)["pending"] == 100
    base = writer.read_group("metadata", 0)
    writer.fill({0: merge_group(base, np.arange(60), metadata([1] * 50 + [2] * 10))})
    statuses = reader.counts().statuses(embeds=True)
    assert statuses == {"pending": 40, "indexed": 50, "embedding": 0, "ready": 0, "failed": 10}

    writer.add_vector_columns(SPACE, DIM)
    base = writer.read_group("embedding", 0)
    merged = merge_group(base, np.arange(20), vectors(20))
    filled = claim(merged, SPACE.state, np.arange(100))
    writer.fill({0: filled})
    counts = reader.counts()
    statuses = counts.statuses(embeds=True)
    assert statuses == {"pending": 40, "indexed": 0, "embedding": 30, "ready": 20, "failed": 10}
    for stage in ("metadata", "embedding"):
        numbers = counts.stage(stage)
        parts = sum(numbers[k] for k in ("done", "failed", "skipped", "pending"))
        assert parts == numbers["total"] == 100
    assert counts.stage("embedding")["skipped"] == 10
    writer.fill({0: unclaim(filled, SPACE.state)})
    assert reader.counts().statuses(embeds=True)["embedding"] == 0


def test_without_a_model_metadata_is_enough(
    opened: tuple[Catalog, str, DatasetReader, DatasetWriter],
) -> None:
    _, _, reader, writer = opened
    writer.fill(
        {0: merge_group(writer.read_group("metadata", 0), np.arange(100), metadata([1] * 100))}
    )
    assert reader.counts().statuses(embeds=False)["ready"] == 100


def test_a_column_of_the_wrong_length_is_refused(
    opened: tuple[Catalog, str, DatasetReader, DatasetWriter],
) -> None:
    _, _, reader, writer = opened
    with pytest.raises(CatalogError, match="99 rows for a fragment of 100"):
        writer.fill({0: metadata([1] * 99)})
    assert reader.counts().statuses(embeds=True)["pending"] == 100


def test_pages_keep_listing_order_and_sort(
    opened: tuple[Catalog, str, DatasetReader, DatasetWriter],
) -> None:
    _, key, reader, writer = opened
    writer.append(listed(key, 100, 250), fragment_rows=64)
    rows, total = reader.page(offset=90, limit=20)
    assert total == 250
    assert [row["size"] for row in rows] == list(range(90, 110))
    assert [r["size"] for r in reader.page(offset=0, limit=3, sort="-size")[0]] == [249, 248, 247]
    assert [r["size"] for r in reader.page(offset=1, limit=2, sort="-listed")[0]] == [248, 247]
    assert reader.page(offset=500, limit=10) == ([], 250)


def test_values_come_most_frequent_first(
    opened: tuple[Catalog, str, DatasetReader, DatasetWriter],
) -> None:
    _, key, reader, writer = opened
    assert reader.values("folder") == []
    for folder, count in (("b", 2), ("a", 3)):
        rows = listed(key, 100, 100 + count)
        folders = pa.array([folder] * count)
        writer.append(rows.set_column(3, "folder", folders), fragment_rows=64)
    assert reader.values("folder") == ["a", "b"]


def test_records_by_id(opened: tuple[Catalog, str, DatasetReader, DatasetWriter]) -> None:
    _, key, reader, writer = opened
    wanted = [ids.image_id(key, f"file:///p/{i:05d}.jpg") for i in (7, 3)]
    assert [row["size"] for row in reader.records(wanted)] == [7, 3]
    writer.index_ids()
    assert [row["size"] for row in reader.records([*wanted, "x'y"])] == [7, 3]
    assert reader.records([]) == []
    with pytest.raises(ImageNotFound):
        reader.record("nope")


def test_failures_by_reason_and_retry(
    opened: tuple[Catalog, str, DatasetReader, DatasetWriter],
) -> None:
    _, _, reader, writer = opened
    assert reader.failures(offset=0, limit=5, code=None) == ([], 0, {})
    base = writer.read_group("metadata", 0)
    writer.fill({0: merge_group(base, np.arange(10, 14), metadata([2] * 4))})
    rows, total, reasons = reader.failures(offset=1, limit=2, code=None)
    assert ([row["size"] for row in rows], total, reasons) == ([11, 12], 4, {"truncated": 4})
    assert reader.failures(offset=0, limit=5, code="empty")[1] == 0
    assert writer.reset("metadata", codes={"empty"}) == 0
    assert writer.reset("metadata") == 4
    assert reader.counts().stage("metadata")["pending"] == 100
    assert reader.pending("metadata", 0, ["id"]).num_rows == 100


def test_search_is_exact_and_says_what_it_covered(
    opened: tuple[Catalog, str, DatasetReader, DatasetWriter],
) -> None:
    _, key, reader, writer = opened
    first = ids.image_id(key, "file:///p/00005.jpg")
    with pytest.raises(NotReady):
        reader.search(np.ones(DIM), k=3)
    writer.add_vector_columns(SPACE, DIM)
    with pytest.raises(NotReady):
        reader.vector(first)
    writer.fill({0: merge_group(writer.read_group("embedding", 0), np.arange(40), vectors(40))})
    rows, scores, searched, total = reader.search(reader.vector(first).astype(np.float32), k=3)
    assert rows[0]["id"] == first
    assert scores[0] == pytest.approx(1.0, abs=1e-3)
    assert scores == sorted(scores, reverse=True)
    assert (searched, total) == (40, 100)
    assert writer.index_state(SPACE).unindexed == 40


def test_vectors_of_another_width_are_refused(
    opened: tuple[Catalog, str, DatasetReader, DatasetWriter],
) -> None:
    writer = opened[3]
    writer.add_vector_columns(SPACE, DIM)
    writer.add_vector_columns(SPACE, DIM)
    with pytest.raises(CatalogError, match="8-d"):
        writer.add_vector_columns(SPACE, DIM * 2)


def test_only_one_process_writes(opened: tuple[Catalog, str, DatasetReader, DatasetWriter]) -> None:
    catalog, key, _, _ = opened
    other = Catalog(catalog.uri)
    with (
        catalog.lock(key),
        pytest.raises(CatalogLocked, match="in use by process"),
        other.lock(key),
    ):
        pass
    with catalog.lock(key):
        pass


def test_a_newer_catalog_is_a_clear_error(catalog: Catalog, source: sources.Source) -> None:
    row, _ = catalog.create(source, "mine")
    assert catalog._registry is not None
    catalog._registry.newest().update({"schema_version": "99"}, f"dataset_id = '{row.dataset_id}'")
    with pytest.raises(CatalogVersionError, match="newer rayograph"):
        Catalog(catalog.uri).datasets()


def test_places_that_cannot_be_a_catalog(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CatalogReadOnly):
        Catalog(str(tmp_path / "file"))
    with pytest.raises(CatalogError, match="no catalog"):
        Catalog(str(tmp_path / "nowhere"), read_only=True)


def test_tables_are_lancedb_tables(
    opened: tuple[Catalog, str, DatasetReader, DatasetWriter],
) -> None:
    catalog, key, _, _ = opened
    from rayograph import open_catalog

    assert open_catalog(catalog.uri).table(key).count_rows() == 100


def test_texts_with_quotes_survive(catalog: Catalog, source: sources.Source) -> None:
    row, _ = catalog.create(source, "it's")
    catalog.update(row.dataset_id, error="can't 'stop'")
    assert catalog.dataset("it's").error == "can't 'stop'"


def test_delete_forgets_the_dataset(
    opened: tuple[Catalog, str, DatasetReader, DatasetWriter],
) -> None:
    catalog, key, _, _ = opened
    catalog.delete(key)
    assert catalog.datasets() == []
    with pytest.raises(DatasetNotFound):
        catalog.reader(key)
