"""A dataset's run: everything is done once, whatever stops it in between."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rayograph.catalog import Catalog, DatasetWriter
from rayograph.errors import CatalogLocked, ModelUnavailable
from rayograph.progress import CANCELLED
from rayograph.schema import Progress
from rayograph.settings import Settings
from rayograph_pipelines import chains, run
from rayograph_pipelines import listing as listing_stage
from rayograph_pipelines.committer import Committer
from rayograph_pipelines.stages.list_files import ListFiles, ListFilesConfig
from rayograph_pipelines.turns import Turns
from tests.working import (
    WAIT_S,
    Reports,
    Warm,
    in_thread,
    joined,
    metadata_of,
    names,
    opened,
    run_of,
    settings_for,
    touch,
    vectors_of,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return touch(tmp_path / "pictures", *names(30))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for(tmp_path)


@pytest.fixture(autouse=True)
def bulk(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The pipelines' stages in this process; a small warm path, so that they are used."""
    rows = {"metadata": 0, "embedding": 0}

    def listing(
        chunks: list[str], config: ListFilesConfig, settings: Settings
    ) -> Iterator[pa.Table]:
        yield ListFiles(config)(pa.table({"chunk": chunks}))

    def metadata(work: pa.Table, settings: Settings) -> Iterator[pa.Table]:
        for start in range(0, work.num_rows, 7):
            rows["metadata"] += work.slice(start, 7).num_rows
            yield metadata_of(work.slice(start, 7))

    def embedding(work: pa.Table, model: str, size: int, settings: Settings) -> Iterator[pa.Table]:
        for start in range(0, work.num_rows, 5):
            rows["embedding"] += work.slice(start, 5).num_rows
            yield vectors_of(work.slice(start, 5))

    monkeypatch.setattr(chains, "listing", listing)
    monkeypatch.setattr(chains, "metadata", metadata)
    monkeypatch.setattr(chains, "embedding", embedding)
    monkeypatch.setattr(run, "_SAMPLE_ROWS", 8)
    monkeypatch.setattr(run, "_PIPELINE_START_S", dict.fromkeys(run._PIPELINE_START_S, 0.0))
    monkeypatch.setattr(listing_stage, "_ALONE_S", 0.0)
    monkeypatch.setattr(listing_stage, "_AGAIN_ALONE_S", 0.0)
    monkeypatch.setattr(run, "_SAMPLE_EMBED_ROWS", 8)
    return rows


def table_of(settings: Settings, dataset_id: str) -> dict[str, tuple[Any, ...]]:
    names = ["id", "file_name", "meta_state", "embed_state", "width"]
    reader = Catalog(settings.catalog.uri).reader(dataset_id)
    rows = reader.snapshot().to_table(columns=names).to_pylist()
    found = {row["file_name"]: tuple(row.values()) for row in rows}
    assert len(found) == len(rows), "a file is listed twice"
    return found


def assert_all_ready(settings: Settings, dataset_id: str, progress: Progress, count: int) -> None:
    assert (progress.status, progress.error) == ("complete", None)
    assert (progress.total, progress.ready) == (count, count)
    rows = table_of(settings, dataset_id)
    assert len(rows) == count
    assert {row[2:] for row in rows.values()} == {(1, 1, 640)}


def test_everything_is_listed_read_and_embedded(
    settings: Settings, folder: Path, bulk: dict[str, int]
) -> None:
    row, reports = opened(settings, folder), Reports()
    progress = run_of(settings, row, report=reports).work()
    assert_all_ready(settings, row.dataset_id, progress, 30)
    assert bulk["metadata"] + bulk["embedding"] > 0
    for stage in ("listing", "metadata", "embedding"):
        assert reports.finished(stage) == sorted(reports.finished(stage))
    assert {s.state for s in progress.stages.values()} == {"done"}
    assert Catalog(settings.catalog.uri).dataset(row.dataset_id).listed


def test_a_broken_picture_fails_alone(settings: Settings, folder: Path) -> None:
    touch(folder, "bad one.jpg")
    row = opened(settings, folder)
    progress = run_of(settings, row).work()
    assert (progress.status, progress.failed, progress.ready) == ("complete", 1, 30)


def test_what_never_comes_back_is_failed_at_last(settings: Settings, folder: Path) -> None:
    touch(folder, "lost.jpg")
    row = opened(settings, folder)
    progress = run_of(settings, row).work()
    assert (progress.status, progress.failed, progress.ready) == ("complete", 1, 30)
    reader = Catalog(settings.catalog.uri).reader(row.dataset_id)
    failed, _, reasons = reader.failures(offset=0, limit=5, code=None)
    assert [record["file_name"] for record in failed] == ["lost.jpg"]
    assert reasons == {"crashed": 1}


def test_vectors_that_never_come_are_failed_at_last(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chains, "embedding", lambda *a: iter(()))
    warm = Warm()
    monkeypatch.setattr(warm, "embedding", lambda rows, model: vectors_of(rows.slice(0, 0)))
    progress = run_of(settings, opened(settings, folder), warm).work()
    assert (progress.status, progress.failed) == ("complete", 30)


def test_equal_lots_are_not_taken_for_the_same_rows(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listing often adds as many rows as were just done: that is not a stage that stands still."""
    row = opened(settings, folder, first=30)
    changed, newest = threading.Condition(), []

    def report(progress: Progress) -> None:
        with changed:
            newest.append(progress.ready)
            changed.notify_all()

    def growth(*_: object) -> Iterator[None]:
        for lot in range(1, 7):
            with changed:
                assert changed.wait_for(lambda: 30 * lot in newest, WAIT_S)  # noqa: B023
            touch(folder, *names(30, start=30 * lot))
            yield

    monkeypatch.setattr(listing_stage, "growth", growth)
    progress = run_of(settings, row, report=report).work()
    assert_all_ready(settings, row.dataset_id, progress, 210)


def test_a_full_disk_ends_it_in_one_line_and_loses_nothing(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, fills = opened(settings, folder), iter([True, True])
    fill = DatasetWriter.fill

    def fill_up(self: DatasetWriter, tables: dict[int, pa.Table]) -> None:
        if next(fills, None) is None:
            raise OSError("LanceError(IO): No space left on device (os error 28)")
        fill(self, tables)

    with monkeypatch.context() as full:
        full.setattr(DatasetWriter, "fill", fill_up)
        progress = run_of(settings, row).work()
    assert progress.error == "the disk is full: make room, then resume"
    assert Catalog(settings.catalog.uri).dataset(row.dataset_id).error == progress.error
    assert_all_ready(settings, row.dataset_id, run_of(settings, row).work(), 30)


def test_a_disk_too_full_to_note_the_reason_still_tells_it(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = opened(settings, folder)

    def full(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    worker = run_of(settings, row)
    monkeypatch.setattr(DatasetWriter, "fill", full)
    monkeypatch.setattr("lance.dataset", full)
    assert worker.work().error == "the disk is full: make room, then resume"


def test_a_stage_that_breaks_ends_the_others_in_order(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Iterator[pa.Table]:
        raise RuntimeError("secret detail")

    row = opened(settings, folder)
    with monkeypatch.context() as patched:
        patched.setattr(chains, "embedding", broken)
        progress = run_of(settings, row).work()
    assert progress.error is not None
    assert "RuntimeError" in progress.error and "secret" not in progress.error
    assert_all_ready(settings, row.dataset_id, run_of(settings, row).work(), 30)


def test_a_stop_in_the_first_batches_begins_no_pipeline(
    settings: Settings, folder: Path, bulk: dict[str, int]
) -> None:
    row = opened(settings, folder, first=30)
    worker: run.Run

    def stop_at_once(stage: str, _: pa.Table) -> None:
        worker.stop()

    worker = run_of(settings, row, Warm(before=stop_at_once))
    worker.work()
    assert bulk == {"metadata": 0, "embedding": 0}


def test_a_stop_while_listing_lists_the_rest_later(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = opened(settings, folder)
    worker = run_of(settings, row)

    def growth(*_: object) -> Iterator[None]:
        yield
        touch(folder, *names(10, start=30))
        worker.stop()
        yield

    with monkeypatch.context() as patched:
        patched.setattr(listing_stage, "growth", growth)
        progress = worker.work()
    assert progress.status == "in_progress"
    assert not Catalog(settings.catalog.uri).dataset(row.dataset_id).listed
    assert Catalog(settings.catalog.uri).reader(row.dataset_id).total() == 30
    assert_all_ready(settings, row.dataset_id, run_of(settings, row).work(), 40)


def test_a_rescan_adds_only_what_is_new(settings: Settings, folder: Path) -> None:
    row = opened(settings, folder)
    run_of(settings, row).work()
    before = table_of(settings, row.dataset_id)
    touch(folder, *names(5, start=30))
    Catalog(settings.catalog.uri).update(row.dataset_id, listed=False)
    warm = Warm()
    assert_all_ready(settings, row.dataset_id, run_of(settings, row, warm).work(), 35)
    assert before.items() <= table_of(settings, row.dataset_id).items()
    assert {name for _, seen in warm.seen for name in seen} == set(names(5, start=30))


def test_what_a_killed_run_left_is_finished(settings: Settings, folder: Path) -> None:
    row = opened(settings, folder, first=30)
    catalog, published = Catalog(settings.catalog.uri), threading.Event()
    killed = Committer(catalog.writer(row.dataset_id), interval_s=0.01, on_commit=published.set)
    rows = catalog.reader(row.dataset_id).pending("embedding", 0, ("id", "uri", "size", "mtime"))
    killed.expect("embedding", {0: rows["_rowaddr"].to_numpy().astype("int64")})
    killed.put("embedding", vectors_of(rows.slice(3, 4)))
    assert published.wait(WAIT_S)
    assert {row[3] for row in table_of(settings, row.dataset_id).values()} == {1, 3}
    assert_all_ready(settings, row.dataset_id, run_of(settings, row).work(), 30)
    killed.close()


def test_another_datasets_turn_at_the_model_does_not_hold_a_stop(
    settings: Settings, folder: Path
) -> None:
    turns, asked, never = Turns(), threading.Event(), threading.Event()

    class Asked(Turns):
        def turn(self, *about: Any) -> Any:
            asked.set()
            return turns.turn(*about)

    row = opened(settings, folder)
    with turns.turn(never):
        worker = run_of(settings, row, model_turns=Asked())
        working = in_thread(worker.work)
        assert asked.wait(WAIT_S)
        worker.stop()
        joined(working)
    again = run_of(settings, row, model_turns=turns).work()
    assert_all_ready(settings, row.dataset_id, again, 30)


def test_looking_before_and_after_the_work_does_no_harm(settings: Settings, folder: Path) -> None:
    row = opened(settings, folder)
    worker = run_of(settings, row)
    reader = Catalog(settings.catalog.uri).reader(row.dataset_id)
    image_ids = reader.column("id").to_pylist()
    worker.attend(image_ids)
    worker.work()
    version = reader.snapshot().version
    worker.attend(image_ids)
    assert reader.snapshot().version == version


def test_only_the_newest_wish_is_done(settings: Settings, folder: Path) -> None:
    row = opened(settings, folder, first=30)
    reader = Catalog(settings.catalog.uri).reader(row.dataset_id)
    image_ids = reader.column("id").to_pylist()
    at_work, attending, go_on = threading.Event(), threading.Event(), threading.Event()
    wished: list[int] = []

    def hold(stage: str, rows: pa.Table) -> None:
        if threading.current_thread().name == "looks":
            wished.append(rows.num_rows)
            attending.set()
        at_work.set()
        assert go_on.wait(WAIT_S)

    worker = run_of(settings, row, Warm(hold))
    working = in_thread(worker.work)
    assert at_work.wait(WAIT_S)
    looking = threading.Thread(target=worker.attend, args=(image_ids[:3],), name="looks")
    looking.start()
    assert attending.wait(WAIT_S)
    for count in (4, 5, 6):
        worker.attend(image_ids[:count])  # returns at once: the first is still being done
    go_on.set()
    joined(looking)
    joined(working)
    assert wished[0] == 3
    assert not {4, 5} & set(wished)


def test_one_dataset_has_one_writer(settings: Settings, folder: Path) -> None:
    row = opened(settings, folder)
    with Catalog(settings.catalog.uri).lock(row.dataset_id), pytest.raises(CatalogLocked):
        run_of(settings, row).work()


def test_without_a_model_metadata_is_all_there_is(settings: Settings, folder: Path) -> None:
    row = opened(settings, folder, model="gone")
    progress = run_of(settings, row).work()
    assert (progress.status, progress.ready, progress.error) == ("complete", 30, None)
    assert progress.stages["embedding"].state == "blocked"
    assert progress.stages["embedding"].note == "no such model"


def test_a_model_that_cannot_be_had_is_no_failure(settings: Settings, folder: Path) -> None:
    class Unloadable(Warm):
        def load(self, model: str) -> Any:
            raise ModelUnavailable("its file is broken")

    progress = run_of(settings, opened(settings, folder), Unloadable()).work()
    assert (progress.status, progress.error) == ("complete", None)


def test_a_new_run_forgets_the_last_ones_error(settings: Settings, folder: Path) -> None:
    row = opened(settings, folder)
    row = Catalog(settings.catalog.uri).update(row.dataset_id, error=CANCELLED)
    assert_all_ready(settings, row.dataset_id, run_of(settings, row).work(), 30)


def test_a_missing_index_is_no_failure(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: DatasetWriter) -> None:
        raise RuntimeError("no index today")

    monkeypatch.setattr(DatasetWriter, "index_ids", broken)
    row = opened(settings, folder)
    assert_all_ready(settings, row.dataset_id, run_of(settings, row).work(), 30)
