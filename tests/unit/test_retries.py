"""Trying again by itself: only what can pass, later each time, and known after a restart."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rayograph.catalog import Catalog, DatasetRow
from rayograph.progress import at_rest
from rayograph.schema import Progress, StageState
from rayograph.settings import RetrySettings, Settings
from rayograph_pipelines.retries import Retries, due_at, left, planned, prepare, seconds_left
from tests.working import WAIT_S, Warm, metadata_of, names, opened, run_of, settings_for, touch

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Failing(Warm):
    """Images of these names fail in the metadata stage with a code each, until it is mended."""

    def __init__(self, codes: dict[str, str]) -> None:
        super().__init__()
        self.codes = codes

    def metadata(self, rows: pa.Table) -> pa.Table:
        self._note("metadata", rows)
        found = metadata_of(rows)
        named = [Path(uri).name for uri in rows["uri"].to_pylist()]
        codes = [self.codes.get(name) for name in named]
        states = [int(StageState.FAILED if code else StageState.DONE) for code in codes]
        for name, values in {"meta_state": states, "meta_error_code": codes}.items():
            at = found.schema.get_field_index(name)
            field = found.schema.field(at)
            found = found.set_column(at, field, pa.array(values, field.type))
        return found


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for(tmp_path)


@pytest.fixture
def row(settings: Settings, tmp_path: Path) -> DatasetRow:
    return opened(settings, touch(tmp_path / "pictures", *names(10)))


def worked(settings: Settings, row: DatasetRow, warm: Warm) -> tuple[Progress, DatasetRow]:
    progress = run_of(settings, row, warm).work()
    return progress, Catalog(settings.catalog.uri).dataset(row.dataset_id)


def test_each_pause_is_longer_up_to_the_longest_and_then_it_is_left(row: DatasetRow) -> None:
    options, now, pauses = RetrySettings(tries=5, first_s=2, most_s=100), NOW, []
    while True:
        plan = planned(row, 3, options, now=now, spread=lambda low, high: (low + high) / 2)
        row = replace(row, retry=plan)
        then = due_at(row)
        if then is None:
            break
        pauses.append((then - now).total_seconds())
        now = then
    assert pauses == [2, 8, 32, 100, 100]
    assert row.retry == {"at": None, "images": 3, "tries": 5}


def test_no_two_come_back_at_the_same_time(row: DatasetRow) -> None:
    options, ends = RetrySettings(first_s=10), []
    for spread in (min, max):
        plan = planned(row, 1, options, now=NOW, spread=spread)
        ends.append(plan["at"])
    assert ends == [(NOW + timedelta(seconds=s)).isoformat() for s in (8, 12)]


def test_a_run_in_between_does_not_count(row: DatasetRow) -> None:
    plan = {"at": (NOW + timedelta(seconds=9)).isoformat(), "images": 3, "tries": 2}
    found = planned(replace(row, retry=plan), 2, RetrySettings(), now=NOW)
    assert found == plan | {"images": 2}


def test_what_can_pass_is_tried_again_and_nothing_else(settings: Settings, row: DatasetRow) -> None:
    warm = Failing({"00001.jpg": "unavailable", "00002.jpg": "corrupt", "00003.jpg": "unreadable"})
    progress, now = worked(settings, row, warm)
    assert (progress.failed, progress.ready, progress.status) == (3, 7, "in_progress")
    assert progress.next_try is not None
    assert (progress.next_try.images, progress.next_try.tries) == (1, 1)
    stage = progress.stages["metadata"]
    assert (stage.state, stage.note) == (
        "waiting",
        "1 wait for another try: the storage did not answer",
    )
    assert sum(progress.counts) == progress.total == stage.done + stage.failed
    # Whoever looks after a restart is told the same.
    catalog = Catalog(settings.catalog.uri)
    counts = catalog.reader(row.dataset_id).counts()
    assert at_rest(now, counts, settings).next_try == progress.next_try

    warm.codes = {"00002.jpg": "corrupt"}
    warm.seen.clear()
    prepare(catalog, row.dataset_id)
    progress, now = worked(settings, row, warm)
    assert [seen for stage, seen in warm.seen if stage == "metadata"] == [["00001.jpg"]]
    assert (progress.failed, progress.ready, progress.status) == (2, 8, "complete")
    assert (progress.next_try, now.retry) == (None, None)


def test_after_the_last_try_it_is_complete_and_says_so(settings: Settings, row: DatasetRow) -> None:
    settings = settings.model_copy(update={"retries": RetrySettings(tries=1, first_s=0.01)})
    warm = Failing({"00001.jpg": "unavailable"})
    assert worked(settings, row, warm)[0].status == "in_progress"
    prepare(Catalog(settings.catalog.uri), row.dataset_id)
    progress, now = worked(settings, row, warm)
    assert (progress.status, progress.failed) == ("complete", 1)
    assert progress.next_try is not None and progress.next_try.at is None
    assert left(Catalog(settings.catalog.uri).reader(row.dataset_id)) == 1
    assert seconds_left(now) is None


def test_a_source_that_is_gone_is_looked_for_again(
    settings: Settings, row: DatasetRow, tmp_path: Path
) -> None:
    worked(settings, row, Warm())
    catalog = Catalog(settings.catalog.uri)
    (tmp_path / "pictures").rename(tmp_path / "elsewhere")
    progress, now = worked(settings, catalog.update(row.dataset_id, listed=False), Warm())
    assert progress.error is not None and "mounted" not in progress.error
    assert progress.next_try is not None and progress.next_try.images == 0
    (tmp_path / "elsewhere").rename(tmp_path / "pictures")
    prepare(catalog, row.dataset_id)
    progress, now = worked(settings, row, Warm())
    assert (progress.status, progress.error, now.retry) == ("complete", None, None)
    assert progress.ready == 10


class Timers:
    def __init__(self) -> None:
        self.due: list[str] = []
        self.rang = threading.Event()
        self.retries = Retries(self._ring)

    def _ring(self, dataset_id: str) -> None:
        self.due.append(dataset_id)
        self.rang.set()


def at(row: DatasetRow, seconds: float, **more: Any) -> DatasetRow:
    then = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    return replace(row, retry={"at": then, "images": 1, "tries": 1}, **more)


def test_what_came_due_while_nothing_ran_is_due_at_once(row: DatasetRow) -> None:
    timers = Timers()
    timers.retries.keep(at(row, -60))
    assert timers.rang.wait(WAIT_S)
    assert timers.due == [row.dataset_id]


def test_what_is_paused_forgotten_or_given_up_is_not_due(row: DatasetRow) -> None:
    timers = Timers()
    timers.retries.keep(at(row, -1, paused=True))
    timers.retries.keep(replace(row, retry={"at": None, "images": 1, "tries": 6}))
    timers.retries.keep(at(row, 3600))
    timers.retries.forget(row.dataset_id)
    assert timers.retries._timers == {}
    assert timers.due == []
