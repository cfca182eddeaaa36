"""Tags, ratings and favourites: edits merge, and neither stages nor kills nor upkeep lose them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import lance
import numpy as np
import pyarrow as pa
import pytest

from rayograph import sources
from rayograph.catalog import Catalog, DatasetReader, DatasetWriter, columns, conflicts, curation
from rayograph.catalog.columns import SPACES
from rayograph.catalog.counts import status_of
from rayograph.catalog.curation import Curator, Edit
from rayograph.catalog.filters import Filter
from rayograph.catalog.writer import merge_group
from rayograph.settings import IndexSettings
from rayograph.where import parse
from tests.unit.test_catalog import DIM, listed, metadata, vectors

FRAGMENT = 50
Opened = tuple[Curator, DatasetReader, DatasetWriter]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    (tmp_path / "pictures").mkdir()
    catalog = Catalog(str(tmp_path / "catalog"))
    source = sources.resolve(str(tmp_path / "pictures"))
    key = catalog.create(source, None, listed("a" * 10, 0, FRAGMENT))[0].dataset_id
    writer = catalog.writer(key)
    writer.append(listed(key, FRAGMENT, 2 * FRAGMENT), fragment_rows=FRAGMENT)
    return catalog.curator(key), catalog.reader(key), writer


def chosen(where: str) -> Filter:
    return Filter(parse(where), partial(status_of, embeds=False))


def rows(where: str) -> Callable[[lance.LanceDataset], str]:
    return chosen(where).sql


def sizes(reader: DatasetReader, where: str) -> list[int]:
    return [row["size"] for row in reader.page(offset=0, limit=1000, where=chosen(where))[0]]


def test_an_edit_changes_what_it_picks_and_nothing_else(opened: Opened) -> None:
    curator, reader, _ = opened
    assert curator.apply(Edit(("sea", "sky"), values={"rating": 4}), rows("size:48..51")) == 4
    assert curator.apply(Edit(tags_remove=("sky", "none")), rows("size:50..60")) == 11
    assert curator.apply(Edit(values={"favorite": True}), rows("size=3")) == 1
    assert curator.apply(Edit(("x",)), rows("size<0")) == 0
    found = reader.page(offset=0, limit=1000)[0]
    assert {r["size"]: r["tags"] for r in found if r["tags"] is not None} == {
        48: ["sea", "sky"],
        49: ["sea", "sky"],
        50: ["sea"],
        51: ["sea"],
    }
    assert sizes(reader, "rating=4") == [48, 49, 50, 51]
    assert sizes(reader, "tag:sky") == [48, 49]
    assert sizes(reader, "favorite") == [3]
    assert len(sizes(reader, "not tag:sea")) == 96
    assert reader.values("tags") == ["sea", "sky"]
    curator.apply(Edit(tags_remove=("sea",), values={"rating": None}), rows("tag:sea"))
    assert sizes(reader, "tags is missing") == [n for n in range(100) if n not in (48, 49)]
    curator.apply(Edit(values={"favorite": False}), rows("favorite"))
    assert sizes(reader, "favorite or rating>0") == []


def test_edits_made_at_once_all_arrive(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    curator, reader, _ = opened
    # As from processes that know nothing of each other: the commits alone keep them apart.
    monkeypatch.setattr(conflicts, "_MAX_TRIES", 1000)
    monkeypatch.setattr(curation, "_turn", lambda _: threading.Lock())
    tags = [f"tag {n}" for n in range(8)]
    threads = [
        threading.Thread(
            target=curator.apply, args=(Edit((tag,), values=values), rows("size:40..60"))
        )
        for tag, values in zip(tags, [{"rating": 5}, {"favorite": True}, *[{}] * 6], strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = reader.page(offset=0, limit=100, where=chosen("size:40..60"))[0]
    for row in found:
        assert sorted(row["tags"]) == tags
        assert (row["rating"], row["favorite"]) == (5, True)


def test_stages_upkeep_and_edits_leave_each_other_alone(opened: Opened) -> None:
    curator, reader, writer = opened
    curator.apply(Edit(("early",)), rows("size<10"))
    writer.add_vector_columns(SPACES[0], DIM)
    done = threading.Event()

    def work() -> None:
        for count in range(10, FRAGMENT + 1, 10):
            for fragment in (0, 1):
                base = writer.read_group("metadata", fragment)
                writer.fill({fragment: merge_group(base, np.arange(count), metadata([1] * count))})
                base = writer.read_group("embedding", fragment)
                writer.fill({fragment: merge_group(base, np.arange(count), vectors(count))})
        done.set()

    stage = threading.Thread(target=work)
    stage.start()
    edits = 0
    while not done.is_set() or edits < 5:
        curator.apply(
            Edit((f"late {edits}",), values={"rating": 1 + edits % 5}), rows("size:45..55")
        )
        edits += 1
    stage.join()
    writer.append(listed("a" * 10, 100, 150), fragment_rows=FRAGMENT)
    writer.index_ids()
    writer.index_fields(SPACES[0], IndexSettings.model_construct(min_rows=1, grow=0.1))
    writer.reset("metadata")
    writer.clean(older_than_s=0)
    assert reader.counts().stage("embedding")["done"] == 100
    assert sizes(reader, "tag:early") == list(range(10))
    (row,) = reader.page(offset=0, limit=1, where=chosen("size=50"))[0]
    assert row["tags"] == [f"late {n}" for n in range(edits)]


def test_a_table_of_an_earlier_version_gets_the_columns(tmp_path: Path) -> None:
    uri = str(tmp_path / "old.lance")
    table = lance.write_dataset(listed("a" * 10, 0, 5), uri, data_storage_version="2.2")
    table.add_columns(columns.METADATA)
    reader = DatasetReader("x", uri)
    assert sizes(reader, "tag:x") == []
    assert len(sizes(reader, "not tag:x and not favorite and rating is missing")) == 5
    assert reader.values("tags") == []
    assert Curator(uri).apply(Edit(("x",)), rows("size=2")) == 1
    assert sizes(reader, "tag:x") == [2]


def test_a_commit_that_never_happened_changes_nothing(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    curator, reader, _ = opened
    curator.apply(Edit(("kept",)), rows("size=1"))

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(lance.LanceDataset, "commit", killed)
    with pytest.raises(KeyboardInterrupt):
        curator.apply(Edit(("lost",), tags_remove=("kept",)), rows("size=1"))
    monkeypatch.undo()
    assert sizes(reader, "tag:kept") == [1]
    assert sizes(reader, "tag:lost") == []
    assert curator.apply(Edit(("found",)), rows("size=1")) == 1


def test_edited_keeps_the_rows_it_is_not_about() -> None:
    table = pa.table(
        {"tags": [["a"], None, ["b"]], "rating": [1, None, 3], "favorite": [None, True, None]},
        schema=columns.CURATION,
    )
    changed = curation.edited(table, np.array([2, 0]), Edit(("c",), values={"rating": 5}))
    assert changed.to_pydict() == {
        "tags": [["a", "c"], None, ["b", "c"]],
        "rating": [5, None, 5],
        "favorite": [None, True, None],
    }
