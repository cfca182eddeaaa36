"""Paging through a filter, searching behind one, and the indices that make both fast."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from rayograph import sources
from rayograph.catalog import Catalog, DatasetReader, DatasetWriter
from rayograph.catalog import filters as filtering
from rayograph.catalog.columns import SPACES
from rayograph.catalog.counts import status_of
from rayograph.catalog.filters import FILTER_INDICES, Filter, index_name
from rayograph.catalog.writer import merge_group
from rayograph.metadata.arrow import DETAILS
from rayograph.settings import IndexSettings
from rayograph.where import parse
from tests.unit.test_catalog import DIM, listed, metadata, vectors

FRAGMENT = 300
OPTIONS = IndexSettings(min_rows=512, grow=0.1)
Opened = tuple[str, DatasetReader, DatasetWriter]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    (tmp_path / "pictures").mkdir()
    catalog = Catalog(str(tmp_path / "catalog"))
    source = sources.resolve(str(tmp_path / "pictures"))
    key = catalog.create(source, None, listed("a" * 10, 0, FRAGMENT))[0].dataset_id
    writer = catalog.writer(key)
    append(writer, key, FRAGMENT)
    return key, catalog.reader(key), writer


def append(writer: DatasetWriter, key: str, start: int) -> None:
    """300 rows more, each third of which has a red caption."""
    rows = listed(key, start, start + FRAGMENT)
    captions = [f"a {['red', 'green', 'blue'][n % 3]} thing" for n in range(FRAGMENT)]
    at = rows.schema.get_field_index("caption")
    writer.append(rows.set_column(at, "caption", pa.array(captions)), fragment_rows=FRAGMENT)


def fill(writer: DatasetWriter, fragment: int, states: list[int]) -> None:
    base = writer.read_group("metadata", fragment)
    writer.fill({fragment: merge_group(base, np.arange(len(states)), metadata(states))})


def chosen(where: str) -> Filter:
    return Filter(parse(where), partial(status_of, embeds=False))


def sizes(
    reader: DatasetReader, where: str, *, limit: int = 70, sort: str | None = None
) -> list[int]:
    """The sizes (which number the rows) of all that is picked, page by page."""
    found: list[int] = []
    while True:
        rows, total = reader.page(offset=len(found), limit=limit, sort=sort, where=chosen(where))
        found += [row["size"] for row in rows]
        if len(found) >= total:
            return found


@pytest.mark.parametrize("straight", [0, 100, 100_000], ids=["found first", "mixed", "straight"])
def test_pages_hold_everything_once_in_order(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, straight: int
) -> None:
    monkeypatch.setattr(filtering, "_STRAIGHT_ROWS", straight)
    _, reader, _ = opened
    wanted = [n for n in range(2 * FRAGMENT) if n >= 100]
    assert sizes(reader, "size>=100") == wanted
    assert sizes(reader, "size>=100", sort="-listed") == wanted[::-1]
    assert sizes(reader, "size>=100", sort="-size") == wanted[::-1]
    assert sizes(reader, "size>=590", sort="-file_name") == list(range(599, 589, -1))
    assert sizes(reader, "size<0") == []
    assert reader.page(offset=10**15, limit=5, where=chosen("size>=100"))[0] == []


def test_a_filter_is_found_out_once_a_version(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, reader, writer = opened
    asked: list[str] = []
    find = filtering.Picked._find

    def noting(self: filtering.Picked, snapshot: object, of: Filter, sql: str) -> filtering.Rows:
        asked.append(sql)
        return find(self, snapshot, of, sql)

    monkeypatch.setattr(filtering.Picked, "_find", noting)
    monkeypatch.setattr(filtering, "_STRAIGHT_ROWS", 0)
    assert len(sizes(reader, "size>=0")) == 2 * FRAGMENT
    assert len(asked) == 1
    append(writer, key, 2 * FRAGMENT)
    assert len(sizes(reader, "size>=0")) == 3 * FRAGMENT
    assert len(asked) == 2


def test_who_still_reads_an_older_version_is_told_of_that_one(opened: Opened) -> None:
    key, reader, writer = opened
    before, picked, of = reader.snapshot(), reader._picked, chosen("size>=100")
    append(writer, key, 2 * FRAGMENT)
    assert len(sizes(reader, "size>=100", sort="-listed")) == 800
    rows, total = picked.page(before, of, ["size"], offset=490, limit=50)
    assert (total, [row["size"] for row in rows]) == (500, list(range(590, 600)))
    order = "-listed", lambda: np.arange(600)[::-1]
    rows, total = picked.page(before, of, ["size"], offset=0, limit=2, order=order)
    assert (total, [row["size"] for row in rows]) == (500, [599, 598])
    assert picked.count(before, of.sql(before)) == 500


def test_what_is_kept_of_filters_is_bounded(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, reader, _ = opened
    monkeypatch.setattr(filtering, "_STRAIGHT_ROWS", 0)
    monkeypatch.setattr(filtering, "_KEPT_ROWS", 1000)
    for least in range(10):
        assert len(sizes(reader, f"size>={least}")) == 600 - least
        assert sum(map(len, reader._picked._rows.values())) <= 1000


def test_indices_come_with_the_rows_and_change_nothing(opened: Opened) -> None:
    key, reader, writer = opened
    wheres = ["status:ready", "failed:*", "not failed:*", "mode is missing", "folder:x"]
    wheres += [
        "caption:red",
        "caption:'thing RED' and size>400",
        "not caption:red",
        "name=00007.jpg",
    ]
    fill(writer, 0, [1] * 200 + [2] * 50)
    assert not writer.index_fields(SPACES[0], IndexSettings(min_rows=601))
    before = {where: sizes(reader, where) for where in wheres}
    assert before["caption:red"] == list(range(300, 600, 3))
    assert before["failed:*"] == list(range(200, 250))

    assert writer.index_fields(SPACES[0], OPTIONS)
    there = {index.name for index in writer.dataset().describe_indices()}
    # Of details and labels that no image has there is none, nor of what nobody hid or looked for.
    seldom = (*DETAILS.names, "labels", "missing", "hidden", "cluster")
    wanted = {index_name(*item) for item in FILTER_INDICES.items() if item[0] not in seldom}
    assert there == {name for name in wanted if not name.startswith(("embed", "content"))}
    assert not writer.index_fields(SPACES[0], OPTIONS)
    assert {where: sizes(reader, where) for where in wheres} == before

    # A fragment written again falls out of the indices of its columns alone.
    fill(writer, 1, [2] * 300)
    assert sizes(reader, "failed:*") == [*range(200, 250), *range(300, 600)]
    append(writer, key, 600)
    assert sizes(reader, "caption:red") == [*range(300, 900, 3)]
    assert writer.index_fields(SPACES[0], OPTIONS)
    assert all(index.num_rows_indexed == 900 for index in writer.dataset().describe_indices())
    assert sizes(reader, "failed:*") == [*range(200, 250), *range(300, 600)]
    assert sizes(reader, "caption:red") == [*range(300, 900, 3)]


def test_a_search_behind_a_filter_finds_the_nearest_of_what_it_picks(opened: Opened) -> None:
    _, reader, writer = opened
    writer.add_vector_columns(SPACES[0], DIM)
    for fragment in (0, 1):
        base = writer.read_group("embedding", fragment)
        made = vectors(FRAGMENT, seed=fragment)
        writer.fill({fragment: merge_group(base, np.arange(FRAGMENT), made)})
    assert writer.keep_index(SPACES[0], OPTIONS)
    everything = np.array(reader.column("vector").to_pylist(), np.float32)
    everything /= np.linalg.norm(everything, axis=1, keepdims=True)
    for where, picked in (
        ("caption:red", np.arange(300, 600, 3)),
        ("size>594", np.arange(595, 600)),
    ):
        query = everything[7]
        nearest = picked[np.argsort(-(everything[picked] @ query))][:10]
        rows, _, searched, total = reader.search(query, k=10, where=chosen(where))
        assert {row["size"] for row in rows} == set(nearest.tolist())
        assert searched == total == len(picked)
