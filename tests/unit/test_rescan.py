"""A second look at a source: unchanged, new, changed, gone, back, moved; killed at any moment."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rayograph.catalog import Catalog, DatasetRow, analysis_data
from rayograph.catalog.columns import SPACES
from rayograph.catalog.counts import status_of
from rayograph.catalog.curation import Edit
from rayograph.catalog.facets import Facets
from rayograph.catalog.filters import Filter, present
from rayograph.catalog.rows import RowEditor
from rayograph.catalog.words import find_words
from rayograph.contents import hash_of
from rayograph.export.rows import Rows
from rayograph.schema import Progress
from rayograph.settings import Settings
from rayograph.sources import file_uri, resolve
from rayograph.where import parse
from rayograph.where.fields import FIELDS
from rayograph_pipelines import scan
from rayograph_pipelines.committer import Committer
from tests.working import (
    Reading,
    metadata_of,
    names,
    opened,
    run_of,
    settings_for,
    vectors_of,
)


class Place:
    """A folder of 30 files of which each says its own name, opened and done."""

    def __init__(self, home: Path) -> None:
        self.settings: Settings = settings_for(home)
        self.folder = home / "pictures"
        self.folder.mkdir()
        for name in names(30):
            self.write(name)
        self.row: DatasetRow = opened(self.settings, self.folder, first=5)
        self.warm = Reading()
        self.work()
        self.warm.seen.clear()

    def write(self, name: str, text: str | None = None) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text or f"this is {name}")
        return path

    def work(self) -> Progress:
        return run_of(self.settings, self.catalog.dataset(self.row.dataset_id), self.warm).work()

    def rescan(self) -> Progress:
        """What the foreman does."""
        self.catalog.update(self.row.dataset_id, listed=False, error=None)
        return self.work()

    @property
    def catalog(self) -> Catalog:
        return Catalog(self.settings.catalog.uri)

    def records(self, where: str | None = None) -> dict[str, dict[str, Any]]:
        reader = self.catalog.reader(self.row.dataset_id)
        chosen = Filter(parse(where), status_of) if where else None
        rows, total = reader.page(offset=0, limit=1000, where=chosen)
        assert len(rows) == total
        # The column is there only while something is missing.
        found = {row["file_name"]: row | {"missing": row.get("missing")} for row in rows}
        assert len(found) == total
        return found

    def tag(self, *files: str) -> None:
        ids = ",".join(f"'{self.records()[name]['id']}'" for name in files)
        edit = Edit(tags_add=("kept",), values={"rating": 4})
        self.catalog.curator(self.row.dataset_id).apply(edit, lambda _: f"id in ({ids})")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_nothing_new_is_nothing_done(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    version = place.catalog.rows(place.row.dataset_id).dataset().version
    monkeypatch.setattr(scan, "hashes_of", None)
    progress = place.rescan()
    assert (progress.status, progress.ready, progress.missing) == ("complete", 30, 0)
    assert place.warm.seen == []
    assert place.catalog.rows(place.row.dataset_id).dataset().version == version


def test_other_bytes_are_done_again_and_all_else_is_kept(place: Place) -> None:
    place.tag("00003.jpg")
    before = place.records()
    place.write("00003.jpg", "something else altogether")
    progress = place.rescan()
    assert (progress.status, progress.ready, progress.total) == ("complete", 30, 30)
    assert place.warm.embedded == ["00003.jpg"]
    now = place.records()["00003.jpg"]
    assert now["content_hash"] == hash_of(file_uri(str(place.folder / "00003.jpg")))
    assert now["content_hash"] != before["00003.jpg"]["content_hash"]
    assert (now["id"], now["size"]) == (before["00003.jpg"]["id"], 25)
    assert (now["tags"], now["rating"]) == (["kept"], 4)


def test_the_same_size_is_looked_into(place: Place) -> None:
    path = place.write("00003.jpg", "THIS IS 00003.jpg")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    place.rescan()
    assert place.warm.embedded == ["00003.jpg"]


def test_another_time_of_the_same_bytes_is_only_noted(place: Place) -> None:
    os.utime(place.folder / "00003.jpg", (1_000_000_000, 1_000_000_000))
    progress = place.rescan()
    assert progress.ready == 30
    assert place.warm.seen == []
    assert place.records()["00003.jpg"]["mtime"] == 1_000_000_000


def test_once_a_change_is_known_nothing_old_is_shown(place: Place) -> None:
    place.write("00003.jpg", "something else altogether")
    seen: list[dict[str, Any]] = []

    def look(stage: str, rows: pa.Table) -> None:
        seen.append(place.records()["00003.jpg"])

    place.warm.before = look
    place.rescan()
    first = seen[0]
    assert (first["width"], first["content_hash"], first["meta_state"]) == (None, None, None)
    assert first["embed_state"] in (None, 0)


def test_what_is_gone_is_kept_out_of_sight_and_comes_back(place: Place) -> None:
    place.tag("00007.jpg")
    before = place.records()["00007.jpg"]
    aside = place.folder.parent / "aside"
    shutil.move(place.folder / "00007.jpg", aside)
    progress = place.rescan()
    assert (progress.total, progress.ready, progress.missing) == (29, 29, 1)
    assert "00007.jpg" not in place.records()
    assert [*place.records("missing")] == ["00007.jpg"]
    assert [*place.records("missing or rating=4")] == ["00007.jpg"]
    assert place.records("rating=4") == {}
    shutil.move(aside, place.folder / "00007.jpg")
    progress = place.rescan()
    assert (progress.total, progress.ready, progress.missing) == (30, 30, 0)
    now = place.records()["00007.jpg"]
    assert now | {"tags": None, "rating": None} == before | {"tags": None, "rating": None}
    assert (now["tags"], now["rating"]) == (["kept"], 4)
    assert place.warm.seen == []


def test_what_is_gone_is_not_found(place: Place) -> None:
    reader = place.catalog.reader(place.row.dataset_id)
    vector = reader.vector(place.records()["00007.jpg"]["id"])
    (place.folder / "00007.jpg").unlink()
    place.rescan()
    rows, _, searched, total = place.catalog.reader(place.row.dataset_id).search(vector, k=30)
    assert (len(rows), searched, total) == (29, 29, 29)
    assert "00007.jpg" not in {row["file_name"] for row in rows}


def test_what_is_gone_is_not_exported(place: Place) -> None:
    (place.folder / "00007.jpg").unlink()
    place.rescan()
    row = place.catalog.dataset(place.row.dataset_id)
    for where, count in ((None, 29), ("missing", 1)):
        rows = Rows(row, place.catalog.reader(row.dataset_id), where=where)
        assert rows.total == sum(table.num_rows for table in rows.tables()) == count


def test_what_is_gone_is_not_looked_into_by_analyses_and_facets(place: Place) -> None:
    def seen() -> tuple[list[int], str]:
        reader = place.catalog.reader(place.row.dataset_id)
        found = analysis_data.vectors(reader)
        contents, marks, _ = analysis_data.contents(reader)
        assert found.marks == marks
        worded = find_words(reader.snapshot(), "00007", k=5, sql=present(reader.snapshot()))
        facets = Facets(reader, status_of)
        shelf, _ = facets.shelf([f for f in FIELDS if f.name == "format"])
        picked = facets.picked(shelf, None)
        shown = found.total if picked is None else len(picked)
        return [found.total, len(found.ids), contents.num_rows, shown, len(worded)], marks

    counts, before = seen()
    assert counts == [30, 30, 30, 30, 1]
    (place.folder / "00007.jpg").unlink()
    place.rescan()
    counts, after = seen()
    assert counts == [29, 29, 29, 29, 0]
    assert after != before


@pytest.mark.parametrize("target", ["renamed.jpg", "deep/er/00007.jpg", "00007 copy ü.png"])
def test_a_moved_file_is_the_same_image(place: Place, target: str) -> None:
    place.tag("00007.jpg")
    before = place.records()["00007.jpg"]
    (place.folder / target).parent.mkdir(parents=True, exist_ok=True)
    (place.folder / "00007.jpg").rename(place.folder / target)
    progress = place.rescan()
    assert (progress.total, progress.ready, progress.missing) == (30, 30, 0)
    assert place.warm.seen == []
    now = place.records()[Path(target).name]
    assert now["uri"] == file_uri(str(place.folder / target))
    assert now["folder"] == str(Path(target).parent).removeprefix(".")
    for name in ("id", "content_hash", "width", "size", "mtime"):
        assert now[name] == before[name]
    assert (now["tags"], now["rating"]) == (["kept"], 4)


def test_a_file_where_a_moved_one_was_is_an_image_of_its_own(place: Place) -> None:
    before = place.records()["00007.jpg"]["id"]
    (place.folder / "00007.jpg").rename(place.folder / "moved.jpg")
    place.rescan()
    place.write("00007.jpg", "the next picture")
    progress = place.rescan()
    assert (progress.total, progress.ready) == (31, 31)
    found = place.records()
    assert found["moved.jpg"]["id"] == before
    assert len({row["id"] for row in found.values()}) == 31
    place.rescan()
    assert place.records() == found


def test_a_file_that_moved_while_it_was_missing(place: Place) -> None:
    before = place.records()["00007.jpg"]["id"]
    aside = place.folder.parent / "aside"
    (place.folder / "00007.jpg").rename(aside)
    place.rescan()
    aside.rename(place.folder / "back.jpg")
    progress = place.rescan()
    assert (progress.total, progress.missing) == (30, 0)
    assert place.records()["back.jpg"]["id"] == before


def test_a_copy_is_new_while_the_old_one_is_there(place: Place) -> None:
    shutil.copy2(place.folder / "00007.jpg", place.folder / "copy.jpg")
    progress = place.rescan()
    assert (progress.total, progress.ready) == (31, 31)
    assert place.warm.embedded == ["copy.jpg"]


def test_a_file_of_the_same_size_is_no_moved_one(place: Place) -> None:
    (place.folder / "00007.jpg").unlink()
    place.write("other.jpg", "THIS IS 00007.jpg")
    progress = place.rescan()
    assert (progress.total, progress.missing) == (30, 1)
    assert place.warm.embedded == ["other.jpg"]


def test_a_source_that_is_gone_changes_nothing(place: Place) -> None:
    before = place.records()
    place.folder.rename(place.folder.parent / "elsewhere")
    progress = place.rescan()
    assert progress.error is not None and "mounted" not in progress.error
    assert (progress.total, progress.missing) == (30, 0)
    assert place.records() == before
    # An empty mount point is no empty folder.
    place.folder.mkdir()
    progress = place.rescan()
    assert progress.error is not None
    assert (progress.total, progress.missing) == (30, 0)
    place.folder.rmdir()
    (place.folder.parent / "elsewhere").rename(place.folder)
    progress = place.rescan()
    assert (progress.error, progress.ready) == (None, 30)


def test_what_cannot_be_looked_into_is_not_gone(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write("inner/x.jpg")
    place.rescan()
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("inner"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("rayograph.listing.os.scandir", refuse)
    progress = place.rescan()
    assert (progress.total, progress.missing) == (31, 0)


def test_a_folder_that_lies_elsewhere_now_keeps_its_rows(place: Place) -> None:
    place.tag("00007.jpg")
    before = place.records()["00007.jpg"]
    new = place.folder.rename(place.folder.parent / "mounted there")
    place.catalog.update(place.row.dataset_id, source=resolve(str(new)))
    progress = place.rescan()
    assert (progress.total, progress.ready, progress.missing) == (30, 30, 0)
    assert place.warm.seen == []
    now = place.records()["00007.jpg"]
    assert (now["id"], now["tags"]) == (before["id"], ["kept"])
    assert now["uri"] == file_uri(str(new / "00007.jpg"))


def test_purged_rows_are_gone_and_the_rest_can_be_worked_on(place: Place) -> None:
    place.tag("00003.jpg", "00009.jpg")
    gone = place.records()["00009.jpg"]["id"]
    for name in names(5, 5):
        (place.folder / name).unlink()
    place.rescan()
    before = place.records()
    assert place.catalog.rows(place.row.dataset_id).purge() == 5
    assert place.catalog.rows(place.row.dataset_id).purge() == 0
    reader = place.catalog.reader(place.row.dataset_id)
    assert reader.total() == 25
    assert reader.records([gone]) == []
    assert place.records() == before
    place.tag("00020.jpg")
    place.write("00004.jpg", "now it is another")
    place.write("00005.jpg", "now it is there again")
    progress = place.rescan()
    assert (progress.ready, progress.missing, progress.total) == (26, 0, 26)
    assert place.warm.embedded == ["00004.jpg", "00005.jpg"]
    tagged = sorted(name for name, row in place.records().items() if row["tags"])
    assert tagged == ["00003.jpg", "00020.jpg"]


def test_an_edit_made_during_a_purge_is_made_on_what_is_left(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place.folder / "00005.jpg").unlink()
    place.rescan()
    keep = place.records()["00006.jpg"]["id"]
    curator, editor = place.catalog.curator(place.row.dataset_id), place.catalog.rows

    def pick(_: Any) -> str:
        editor(place.row.dataset_id).purge()
        return f"id = '{keep}'"

    assert curator.apply(Edit(tags_add=("mine",)), pick) == 1
    tagged = [name for name, row in place.records().items() if row["tags"]]
    assert tagged == ["00006.jpg"]


@pytest.mark.parametrize("step", range(12))
def test_killed_after_any_step_the_end_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    place = Place(tmp_path)
    place.tag("00001.jpg", "00002.jpg", "00003.jpg")
    ids = {name: row["id"] for name, row in place.records().items()}
    place.write("00001.jpg", "something else altogether")
    (place.folder / "00002.jpg").rename(place.folder / "moved.jpg")
    (place.folder / "00003.jpg").unlink()
    os.utime(place.folder / "00004.jpg", (1_000_000_000, 1_000_000_000))
    place.write("new.jpg", "this one nobody knows")
    left = step

    def counted(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError("killed")
            return method(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        for name in ("place", "mark", "settle"):
            patch.setattr(RowEditor, name, counted(getattr(RowEditor, name)))
        for name in ("append", "redo"):
            patch.setattr(Committer, name, counted(getattr(Committer, name)))
        place.rescan()
    progress = place.rescan()
    assert (progress.status, progress.error) == ("complete", None)
    assert (progress.total, progress.ready, progress.missing) == (30, 30, 1)
    found = place.records()
    assert found["moved.jpg"]["id"] == ids["00002.jpg"]
    assert found["00001.jpg"]["id"] == ids["00001.jpg"]
    assert found["00001.jpg"]["size"] == 25
    assert found["00001.jpg"]["content_hash"] == hash_of(found["00001.jpg"]["uri"])
    assert {name for name, row in found.items() if row["tags"]} == {"moved.jpg", "00001.jpg"}
    assert place.records("missing")["00003.jpg"]["id"] == ids["00003.jpg"]


def test_a_result_from_before_a_change_is_dropped(place: Place) -> None:
    catalog, key = place.catalog, place.row.dataset_id
    work = ["id", "uri", "size", "mtime"]
    committer = Committer(catalog.writer(key), interval_s=0.01, on_commit=lambda: None)
    reader = catalog.reader(key)
    rows = reader.rows([row["id"] for row in place.records().values()], work)
    late = metadata_of(rows.slice(0, 3)), vectors_of(rows.slice(0, 3))
    committer.redo(rows["_rowaddr"].to_numpy()[:2])
    for stage, done in zip(("metadata", SPACES[0].stage), late, strict=True):
        committer.put(stage, done)
        committer.flush(stage)
    assert reader.counts().stage("metadata")["pending"] == 2
    assert reader.counts().stage("embedding")["pending"] == 2
    again = reader.pending("metadata", 0, work)
    offsets = (again["_rowaddr"].to_numpy() & np.uint64(0xFFFFFFFF)).astype(np.int64)
    committer.expect("metadata", {0: offsets})
    committer.put("metadata", metadata_of(again))
    committer.close()
    assert reader.counts().stage("metadata")["pending"] == 0
