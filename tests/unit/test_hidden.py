"""What somebody hid is out of sight wherever images are listed, found or counted."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from test_rescan import Place

from rayograph.catalog.analysis_data import contents, vectors
from rayograph.catalog.picking import filter_of
from rayograph.catalog.words import find_words
from rayograph.errors import NotReady
from rayograph.export.rows import Rows
from rayograph.schema import BatchEdit, ImageEdit
from rayograph_serve.catalog_engine import CatalogEngine
from rayograph_serve.faceting import Faceting
from tests.library_data import QuietWork


class Hiding(Place):
    """30 files, the last two with the bytes of the first, and the service over them."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        for name in ("copies/a.jpg", "copies/a longer name.jpg"):
            self.write(name, "this is 00000.jpg")
        self.rescan()
        work = QuietWork(self.catalog, self.settings)
        self.engine = CatalogEngine(self.catalog, work, self.settings)  # type: ignore[arg-type]

    def id(self, name: str, where: str = "missing or not missing or hidden") -> str:
        return str(self.records(where)[name]["id"])

    def hide(self, name: str, hidden: bool = True) -> None:
        edit = ImageEdit(hidden=hidden)
        record = asyncio.run(self.engine.edit(self.id(name), edit))
        assert record.hidden is hidden

    @property
    def hidden(self) -> list[str]:
        return sorted(self.records("hidden"))


COPIES = ["00000.jpg", "a longer name.jpg", "a.jpg"]


@pytest.fixture
def place(tmp_path: Path) -> Hiding:
    return Hiding(tmp_path)


def test_it_is_out_of_sight_everywhere_and_there_for_who_names_it(place: Hiding) -> None:
    seen_before = place.records()
    place.hide("00004.jpg")
    assert place.hidden == ["00004.jpg"]
    assert sorted(place.records()) == sorted(seen_before.keys() - {"00004.jpg"})
    assert "00004.jpg" not in place.records("not tag:x")
    assert len(place.records("hidden or not hidden")) == 32
    row, key = place.catalog.dataset(place.row.dataset_id), place.row.dataset_id
    reader = place.catalog.reader(key)
    counts = reader.counts()
    assert (counts.total, counts.hidden) == (31, 1)
    progress = place.work()
    assert (progress.total, progress.ready, progress.hidden) == (31, 31, 1)
    found = Faceting(place.catalog).facets(row, None, ["hidden"], 5)
    assert (found.total, found.of) == (31, 31)
    assert Faceting(place.catalog).facets(row, "hidden", ["hidden"], 5).total == 1
    query = reader.vector(place.id("00004.jpg"))
    found_ids = [one["file_name"] for one in reader.search(query, k=40)[0]]
    assert (len(found_ids), "00004.jpg" in found_ids) == (31, False)
    named = reader.search(query, k=3, where=filter_of(row, "hidden"))[0]
    assert [one["file_name"] for one in named] == ["00004.jpg"]
    assert not find_words(reader.snapshot(), "00004", k=5)
    assert len(vectors(reader).ids) == 31
    assert Rows(row, reader).total == 31
    assert Rows(row, reader, where="hidden").total == 1
    # Its copies are still looked for: a decision on them can be taken back.
    assert contents(reader)[0].num_rows == 32


def test_all_copies_of_a_content_go_and_come_back_together(place: Hiding) -> None:
    place.hide("a.jpg")
    assert place.hidden == COPIES
    place.hide("00000.jpg", hidden=False)
    assert place.hidden == []
    assert len(place.records()) == 32
    # Twice is once.
    place.hide("00000.jpg", hidden=False)


def test_of_copies_hidden_beside_each_other_the_best_stays_while_its_file_is_there(
    place: Hiding,
) -> None:
    content = str(place.records()["a.jpg"]["content_hash"])
    book = place.catalog.analyses.decisions(place.row.dataset_id)
    book.decide([(content, content)], "hide")
    assert place.catalog.hider(place.row.dataset_id).settle() == 2
    (best,) = set(COPIES) - set(place.hidden)
    (path,) = place.folder.rglob(best)
    path.unlink()
    progress = place.rescan()
    assert (progress.missing, progress.hidden) == (1, 1)
    assert len(set(COPIES) & set(place.records())) == 1


def test_a_new_copy_is_hidden_too_and_what_gets_other_bytes_is_not(place: Hiding) -> None:
    place.hide("00007.jpg")
    place.write("later/copy.jpg", "this is 00007.jpg")
    progress = place.rescan()
    assert (place.hidden, progress.hidden) == (["00007.jpg", "copy.jpg"], 2)
    place.write("00007.jpg", "a picture of another thing")
    place.rescan()
    assert place.hidden == ["copy.jpg"]
    shutil.move(place.folder / "later", place.folder / "moved")
    place.rescan()
    assert place.hidden == ["copy.jpg"]


def test_many_are_hidden_by_a_filter_and_shown_again(place: Hiding) -> None:
    key = place.row.dataset_id
    batch = BatchEdit(where="name:0000*", hidden=True, tags_add=["out"])
    assert asyncio.run(place.engine.edit_many(key, batch)).matched == 10
    assert len(place.hidden) == 12
    progress = asyncio.run(place.engine.progress(key))
    assert (progress.total, progress.hidden) == (20, 12)
    assert len(place.records("hidden and tag:out")) == 10
    back = BatchEdit(where="hidden", hidden=False)
    assert asyncio.run(place.engine.edit_many(key, back)).matched == 12
    assert place.hidden == []
    assert len(place.records("tag:out")) == 10


def test_going_back_to_a_snapshot_keeps_what_is_hidden(place: Hiding) -> None:
    from rayograph.catalog.returning import go_back

    row = place.catalog.dataset(place.row.dataset_id)
    place.hide("00001.jpg")
    assert place.catalog.snapshots(row.dataset_id).create("now", row).rows == 31
    place.hide("00001.jpg", hidden=False)
    place.hide("00002.jpg")
    go_back(place.catalog, row.dataset_id, "now")
    assert place.hidden == ["00002.jpg"]


def test_a_content_nobody_has_read_cannot_be_hidden_yet(tmp_path: Path) -> None:
    place = Hiding(tmp_path)
    place.catalog.rows(place.row.dataset_id).dataset().drop_columns(["content_hash"])
    with pytest.raises(NotReady):
        place.hide("00000.jpg")
    # What was found out about it for its duplicates does as well.
    record = place.records()["00000.jpg"]
    prints = contents(place.catalog.reader(place.row.dataset_id))[0].slice(0, 1)
    known = prints.select(["id", "size", "mtime", "phash"])
    known = known.append_column("content_hash", [["abc"]])
    place.catalog.analyses.set_side(place.row.dataset_id, "fingerprints", known)
    assert record["id"] == known["id"][0].as_py()
    place.hide("00000.jpg")
    assert place.hidden == ["00000.jpg"]
