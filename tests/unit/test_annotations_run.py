"""Annotations within a run: put to the rows, counted, applied again when their file changes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from rayograph.annotations.reading import Job, Summary, read
from rayograph.annotations.sheets import shown
from rayograph.catalog import Catalog, DatasetRow
from rayograph.catalog.columns import ANNOTATIONS
from rayograph.datasets import open_dataset
from rayograph.errors import SourceEmpty, SourceError, SourceNotFound
from rayograph.schema import NewDataset
from rayograph.settings import Settings
from rayograph_pipelines import annotating
from tests.annotated import box, coco, coco_folder, draw, write
from tests.working import WAIT_S, Reading, Reports, Warm, in_thread, joined, run_of, settings_for


class Here:
    """Stands in for the guarded child: reads in this process, and counts how often."""

    read = 0

    def __init__(self, *_: object, **__: object) -> None: ...

    def map(self, jobs: Sequence[Job]) -> list[Summary]:
        Here.read += 1
        return [read(job, None) for job in jobs]

    def close(self) -> None: ...


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(annotating, "Guard", Here)
    Here.read = 0
    return settings_for(tmp_path, listing={"first_page": 2})


Work = Callable[..., DatasetRow]


@pytest.fixture
def work(settings: Settings) -> Work:
    """Opens a source and works until nothing is left; returns its row."""

    def worked(path: Path, **about: Any) -> DatasetRow:
        catalog = Catalog(settings.catalog.uri)
        row, _ = open_dataset(catalog, NewDataset(path=str(path), **about), settings)
        progress = run_of(settings, row).work()
        assert (progress.status, progress.error) == ("complete", None)
        return Catalog(settings.catalog.uri).dataset(row.dataset_id)

    return worked


def rows(settings: Settings, row: DatasetRow) -> dict[str, dict[str, Any]]:
    reader = Catalog(settings.catalog.uri).reader(row.dataset_id)
    return {record["file_name"]: record for record in reader.page(offset=0, limit=1000)[0]}


def test_what_lies_beside_the_pictures_is_found(
    settings: Settings, work: Work, tmp_path: Path
) -> None:
    row = work(coco_folder(tmp_path / "data"))
    found = rows(settings, row)
    assert found["a.png"]["labels"] == ["cat", "dog"]
    assert [found[name]["objects"] for name in ("a.png", "b.png", "c.png")] == [2, 1, 0]
    assert found["c.png"]["labels"] is None
    assert "annotations" not in found["a.png"], "a page is without shapes"
    report = row.annotations or {}
    assert (report["state"], report["format"], report["named"]) == ("applied", "coco", False)
    assert (report["images"], report["images_matched"], report["images_missing"]) == (3, 2, 1)
    assert report["missing"] == ["train/gone.png"]
    assert (report["annotations"], report["labels"], report["unmatched"]) == (3, 2, 1)
    reader = Catalog(settings.catalog.uri).reader(row.dataset_id)
    record = reader.record(found["a.png"]["id"])
    assert shown(record["annotations"], 64, 48, None)[0].box == (10, 8, 20, 16)


def test_an_image_that_comes_later_is_annotated_too(
    settings: Settings, work: Work, tmp_path: Path
) -> None:
    home = coco_folder(tmp_path / "data")
    row = work(home)
    late = draw(home / "train" / "gone.png")
    run_of(settings, row, touched=[str(late)]).work()
    found = rows(settings, row)
    assert (found["gone.png"]["objects"], found["a.png"]["objects"]) == (0, 2)
    report = Catalog(settings.catalog.uri).dataset(row.dataset_id).annotations or {}
    assert (report["state"], report["images_matched"], report["images_missing"]) == (
        "applied",
        3,
        0,
    )
    # One that no file speaks of is looked up once.
    other = draw(home / "train" / "other.png")
    run_of(settings, row, touched=[str(other)]).work()
    run_of(settings, row, touched=[str(other)]).work()
    assert rows(settings, row)["other.png"]["objects"] == 0
    assert Here.read == 3


def test_a_file_is_read_again_only_when_it_changed(
    settings: Settings, work: Work, tmp_path: Path
) -> None:
    home = coco_folder(tmp_path / "data")
    row = work(home)
    catalog = Catalog(settings.catalog.uri)
    again = catalog.update(row.dataset_id, listed=False)
    run_of(settings, again).work()
    assert Here.read == 1
    # Named now, which it was not: the same file all the same.
    work(home, annotations=str(home / "annotations" / "instances_train.json"))
    assert Here.read == 1
    warm = Warm()
    write(home / "annotations" / "instances_train.json", coco(["c.png"], [box(1, 2), box(1)]))
    os.utime(home / "annotations" / "instances_train.json", (1, 1))
    run_of(settings, row, warm).work()
    found = rows(settings, row)
    assert Here.read == 2
    assert not warm.seen, "no header is read and no vector made again"
    assert [found[name]["objects"] for name in ("a.png", "b.png", "c.png")] == [0, 0, 2]
    assert found["c.png"]["labels"] == ["dog", "cat"]


def test_pictures_that_come_later_are_annotated(
    settings: Settings, work: Work, tmp_path: Path
) -> None:
    home = coco_folder(tmp_path / "data")
    row = work(home)
    draw(home / "train" / "gone.png")
    draw(home / "train" / "new.png")
    catalog = Catalog(settings.catalog.uri)
    catalog.update(row.dataset_id, listed=False)
    run_of(settings, catalog.dataset(row.dataset_id)).work()
    assert rows(settings, row)["new.png"]["objects"] == 0
    report = catalog.dataset(row.dataset_id).annotations or {}
    assert (report["images_matched"], report["images_missing"]) == (3, 0)


def test_annotations_named_for_a_dataset_there_is(
    settings: Settings, work: Work, tmp_path: Path
) -> None:
    for name in ("a.png", "b.png"):
        draw(tmp_path / "data" / "x" / name)
    draw(tmp_path / "data" / "y" / "b.png")
    before = work(tmp_path / "data")
    assert before.annotations is None
    assert rows(settings, before)["a.png"]["objects"] is None
    path = write(tmp_path / "else.json", coco(["deep/a.png", "b.png"], [box(1), box(2)]))
    after = work(tmp_path / "data", annotations=str(path))
    assert after.dataset_id == before.dataset_id
    # By its name alone, where only one has it.
    assert rows(settings, after)["a.png"]["labels"] == ["cat"]
    report = after.annotations or {}
    assert (report["named"], report["file"]) == (True, str(path))
    assert (report["images_matched"], report["images_ambiguous"]) == (1, 1)
    assert report["ambiguous"] == ["b.png"]
    assert report["images_missing"] == 0


def test_what_cannot_be_read_leaves_the_dataset_as_it_is(
    settings: Settings, work: Work, tmp_path: Path
) -> None:
    draw(tmp_path / "data" / "a.png")
    path = write(tmp_path / "data" / "x.json", "{ nothing")
    row = work(tmp_path / "data", annotations=str(path))
    assert rows(settings, row)["a.png"]["objects"] == 0
    report = row.annotations or {}
    assert report["state"] == "failed"
    assert report["note"]


def test_a_file_that_is_gone_by_the_time_it_is_read(settings: Settings, tmp_path: Path) -> None:
    draw(tmp_path / "data" / "a.png")
    path = write(tmp_path / "x.json", coco(["a.png"], [box(1)]))
    catalog = Catalog(settings.catalog.uri)
    new = NewDataset(path=str(tmp_path / "data"), annotations=str(path))
    row, _ = open_dataset(catalog, new, settings)
    path.unlink()
    assert run_of(settings, row).work().status == "complete"
    report = catalog.dataset(row.dataset_id).annotations or {}
    assert report["state"] == "failed"
    assert "x.json" in report["note"]


def test_a_dataset_waits_for_its_annotations(settings: Settings, tmp_path: Path) -> None:
    """A run that is killed at them is taken up again."""
    catalog = Catalog(settings.catalog.uri)
    new = NewDataset(path=str(coco_folder(tmp_path / "data")))
    row, _ = open_dataset(catalog, new, settings)
    assert row.annotations is not None
    assert row.annotations["state"] == "waiting"
    reports = Reports()
    run_of(settings, row, report=reports).work()
    assert reports.all[-1].status == "complete"
    catalog.update(row.dataset_id, annotations=row.annotations)
    from rayograph.progress import at_rest

    now = Catalog(settings.catalog.uri).dataset(row.dataset_id)
    counts = catalog.reader(row.dataset_id).counts()
    progress = at_rest(now, counts, settings)
    assert progress.status == "in_progress"
    assert progress.stages["metadata"].note == "annotations are being read"


def test_a_table_of_the_version_before_gets_the_columns(
    settings: Settings, work: Work, tmp_path: Path
) -> None:
    home = coco_folder(tmp_path / "data")
    row = work(home)
    catalog = Catalog(settings.catalog.uri)
    catalog.writer(row.dataset_id).dataset().drop_columns(ANNOTATIONS.names)
    catalog.update(row.dataset_id, annotations=None)
    assert "labels" not in rows(settings, row)["a.png"]
    run_of(settings, Catalog(settings.catalog.uri).dataset(row.dataset_id)).work()
    assert rows(settings, row)["a.png"]["labels"] == ["cat", "dog"]


def test_a_child_reads_it(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    catalog = Catalog(settings.catalog.uri)
    new = NewDataset(path=str(coco_folder(tmp_path / "data")))
    row, _ = open_dataset(catalog, new, settings)
    run_of(settings, row).work()
    assert rows(settings, row)["a.png"]["labels"] == ["cat", "dog"]


def test_a_stop_does_not_wait_for_a_large_file(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = threading.Event(), threading.Event()

    class Slow(Here):
        pid = 77

        def map(self, jobs: Sequence[Job]) -> list[Summary]:
            begun.set()
            assert ended.wait(WAIT_S)
            return super().map(jobs)

    monkeypatch.setattr(annotating, "Guard", Slow)
    monkeypatch.setattr(annotating.os, "kill", lambda pid, _: ended.set() if pid == 77 else None)
    catalog = Catalog(settings.catalog.uri)
    new = NewDataset(path=str(coco_folder(tmp_path / "data")))
    row, _ = open_dataset(catalog, new, settings)
    run = run_of(settings, row)
    thread = in_thread(run.work)
    assert begun.wait(WAIT_S)
    run.stop()
    joined(thread)
    now = Catalog(settings.catalog.uri).dataset(row.dataset_id)
    assert (now.annotations or {})["state"] == "reading"
    monkeypatch.setattr(annotating, "Guard", Here)
    run_of(settings, now).work()
    assert rows(settings, row)["a.png"]["labels"] == ["cat", "dog"]


def test_yolo_and_voc_are_matched_without_their_suffix(
    settings: Settings, work: Work, tmp_path: Path
) -> None:
    draw(tmp_path / "yolo" / "train" / "images" / "a.b.jpg")
    write(tmp_path / "yolo" / "data.yaml", "names: {0: cat}")
    write(tmp_path / "yolo" / "train" / "labels" / "a.b.txt", "0 0.5 0.5 0.5 0.5")
    row = work(tmp_path / "yolo")
    assert rows(settings, row)["a.b.jpg"]["labels"] == ["cat"]
    draw(tmp_path / "voc" / "JPEGImages" / "a.jpg")
    xml = "<annotation><filename>a.jpg</filename><object><name>dog</name></object></annotation>"
    write(tmp_path / "voc" / "Annotations" / "a.xml", xml)
    row = work(tmp_path / "voc")
    assert rows(settings, row)["a.jpg"]["labels"] == ["dog"]


def test_an_annotation_file_is_a_source(settings: Settings, work: Work, tmp_path: Path) -> None:
    home = coco_folder(tmp_path / "data")
    path = home / "annotations" / "instances_train.json"
    row = work(path)
    assert (row.name, row.source.root) == ("train", str(home / "train"))
    found = rows(settings, row)
    assert sorted(found) == ["a.png", "b.png", "c.png"]
    assert found["a.png"]["labels"] == ["cat", "dog"]
    assert (row.annotations or {})["file"] == str(path)


def test_what_is_no_annotation_source(tmp_path: Path, settings: Settings) -> None:
    catalog = Catalog(settings.catalog.uri)
    lost = write(tmp_path / "lost.json", coco(["a.png"], []))
    other = write(tmp_path / "other.json", {"a": 1})
    draw(tmp_path / "data" / "a.png")
    write(tmp_path / "text.doc", "x")
    for path, named, error in (
        (lost, None, SourceEmpty),
        (other, None, SourceEmpty),
        (tmp_path / "data", tmp_path / "none.json", SourceNotFound),
        (tmp_path / "data", tmp_path / "data", SourceEmpty),
        (tmp_path / "data", tmp_path / "text.doc", SourceError),
        (tmp_path / "data", "http://127.0.0.1/x.json", SourceError),
    ):
        new = NewDataset(path=str(path), annotations=str(named) if named else None)
        with pytest.raises(error):
            open_dataset(catalog, new, settings)
    assert catalog.datasets() == []


def test_a_file_that_moves_is_matched_anew(settings: Settings, work: Work, tmp_path: Path) -> None:
    folder = coco_folder(tmp_path / "data")
    catalog = Catalog(settings.catalog.uri)
    row, _ = open_dataset(catalog, NewDataset(path=str(folder)), settings)
    run_of(settings, row, Reading()).work()
    before = rows(settings, row)["a.png"]
    assert before["labels"] == ["cat", "dog"]

    def rescanned() -> dict[str, dict[str, Any]]:
        changed = catalog.update(row.dataset_id, listed=False)
        run_of(settings, changed, Reading()).work()
        return rows(settings, row)

    place = Path(unquote(before["uri"].removeprefix("file://")))
    place.rename(place.with_name("of nothing.png"))
    now = rescanned()["of nothing.png"]
    assert (now["id"], now["labels"], now["objects"]) == (before["id"], None, 0)
    place.with_name("of nothing.png").rename(place)
    now = rescanned()["a.png"]
    assert (now["id"], now["labels"], now["objects"]) == (before["id"], ["cat", "dog"], 2)
