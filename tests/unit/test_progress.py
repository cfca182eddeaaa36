"""Progress from one snapshot: the five counts add up, and each stage says what it is doing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rayograph import sources
from rayograph.catalog import Counts, DatasetRow
from rayograph.progress import Pace, build, status
from rayograph.schema import StageProgress

PENDING, DONE, FAILED, CLAIMED = 0, 1, 2, 3


def counts(pairs: dict[tuple[int, int], int]) -> Counts:
    table = np.zeros((5, 5), dtype=np.int64)
    for at, number in pairs.items():
        table[at] = number
    return Counts(table)


@pytest.fixture
def make_row(tmp_path: Path) -> Any:
    source = sources.resolve(str(tmp_path))

    def make(**fields: Any) -> DatasetRow:
        return DatasetRow("abcdefghij", "x", source, "2030-01-01T00:00:00+00:00", **fields)

    return make


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("note", [None, "no model here"])
def test_the_five_counts_and_every_stage_add_up(make_row: Any, active: bool, note: str) -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        found = Counts(rng.integers(0, 9, (5, 5)))
        progress = build(make_row(embed_note=note), found, active=active)
        assert sum(progress.counts) == progress.total == found.total
        for name in ("metadata", "embedding"):
            numbers = found.stage(name)
            parts = [numbers[k] for k in ("done", "failed", "skipped", "pending")]
            assert min(parts) >= 0
            assert sum(parts) == progress.stages[name].total


def test_a_claim_counts_only_while_somebody_works(make_row: Any) -> None:
    found = counts({(DONE, CLAIMED): 4, (DONE, DONE): 1})
    working = build(make_row(listed=True), found, active=True)
    assert (working.embedding, working.indexed) == (4, 0)
    resting = build(make_row(listed=True), found, active=False)
    assert (resting.embedding, resting.indexed) == (0, 4)


def test_done_only_when_listed_and_nothing_is_left(make_row: Any) -> None:
    ready = counts({(DONE, DONE): 3, (FAILED, PENDING): 1})
    assert build(make_row(), ready).status == "in_progress"
    assert build(make_row(listed=True), ready).status == "complete"
    assert build(make_row(listed=True), counts({(DONE, PENDING): 1})).status == "in_progress"
    assert build(make_row(listed=True), counts({})).status == "complete"


def test_without_a_model_metadata_is_enough(make_row: Any) -> None:
    row = make_row(listed=True, embed_note="nothing to embed with")
    progress = build(row, counts({(DONE, PENDING): 2}))
    assert (progress.status, progress.ready) == ("complete", 2)
    assert progress.stages["embedding"].state == "blocked"
    assert progress.stages["embedding"].note == "nothing to embed with"


@pytest.mark.parametrize(
    ("fields", "active", "state", "activity"),
    [
        ({}, True, "processing", "listing"),
        ({"listed": True}, True, "processing", "indexing"),
        ({"paused": True, "listed": True}, False, "queued", "indexing"),
        ({"error": "the disk is full"}, False, "failed", None),
    ],
)
def test_the_coarse_status(
    make_row: Any, fields: dict[str, Any], active: bool, state: str, activity: str | None
) -> None:
    row = make_row(**fields)
    found = status(row, build(row, counts({(PENDING, PENDING): 2}), active=active))
    assert (found.status, found.progress, found.error) == (state, activity, fields.get("error"))


def test_the_coarse_status_of_embedding_and_of_the_end(make_row: Any) -> None:
    row = make_row(listed=True)
    found = counts({(DONE, PENDING): 2})
    assert status(row, build(row, found, active=True)).progress == "embedding"
    over = status(row, build(row, counts({(DONE, DONE): 2})))
    assert (over.status, over.progress) == ("ready", None)


def test_stages_say_whether_they_run_wait_or_rest(make_row: Any) -> None:
    found = counts({(DONE, PENDING): 2})
    states = {
        n: s.state for n, s in build(make_row(listed=True), found, active=True).stages.items()
    }
    assert states == {"listing": "done", "metadata": "done", "embedding": "running"}
    paused = build(make_row(listed=True, paused=True), found)
    assert paused.paused and paused.stages["embedding"].state == "paused"
    assert build(make_row(listed=True), found).stages["embedding"].state == "waiting"


def test_a_pause_is_told_also_when_all_is_done(make_row: Any) -> None:
    paused = build(make_row(listed=True, paused=True), counts({(DONE, DONE): 2}))
    assert paused.paused and paused.status == "complete"


def test_a_failure_belongs_to_one_stage(make_row: Any) -> None:
    found = counts({(DONE, DONE): 2, (FAILED, FAILED): 3, (FAILED, PENDING): 1, (DONE, FAILED): 1})
    stages = build(make_row(listed=True), found).stages
    assert (stages["metadata"].failed, stages["embedding"].failed) == (4, 1)
    assert (stages["embedding"].done, stages["embedding"].skipped) == (2, 4)


def test_what_listing_passed_over_is_told(make_row: Any) -> None:
    row = make_row(listed=True, skipped={"not_an_image": 3, "link_loop": 1, "not_a_file": 0})
    note = build(row, counts({})).stages["listing"].note
    assert note == "passed over: 1 link loop, 3 not an image"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_rate_is_measured_over_the_last_seconds() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.note("metadata", 1000)
    assert pace.rate("metadata") is None
    for _ in range(60):
        clock.now += 1
        pace.note("metadata", 1000 + int((clock.now - 100) * 50))
    assert pace.rate("metadata") == pytest.approx(50)


def test_a_stage_that_stands_still_slows_down() -> None:
    clock = Clock()
    pace = Pace(clock)
    for done in (0, 100):
        pace.note("embedding", done)
        clock.now += 1
    quick = pace.rate("embedding")
    clock.now += 60
    pace.note("embedding", 100)
    slow = pace.rate("embedding")
    assert quick is not None and slow is not None and 0 < slow < quick / 10


def test_time_left_and_the_bottleneck_come_from_rates(make_row: Any) -> None:
    clock = Clock()
    pace = Pace(clock)
    for done in (0, 10):
        pace.note("metadata", done * 10)
        pace.note("embedding", done)
        clock.now += 10
    clock.now -= 10
    found = counts({(DONE, DONE): 10, (DONE, PENDING): 90, (PENDING, PENDING): 100})
    progress = build(make_row(listed=True), found, pace=pace, active=True)
    assert progress.stages["metadata"].eta_s == pytest.approx(10.0)
    assert progress.stages["embedding"].eta_s == pytest.approx(190.0)
    assert progress.bottleneck == "embedding"
    assert build(make_row(listed=True), found, pace=pace).bottleneck is None
    download = StageProgress(done=1, failed=0, total=9, state="running", eta_s=3.0)
    waited = build(
        make_row(listed=True), found, pace=pace, active=True, more={"download": download}
    )
    assert waited.bottleneck == "download"
