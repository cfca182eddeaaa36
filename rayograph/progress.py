"""A dataset's progress, derived from one snapshot of its table and what is being worked on."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

from rayograph import giants
from rayograph.catalog import Counts, DatasetRow
from rayograph.schema import (
    Activity,
    DatasetState,
    DatasetStatus,
    NextTry,
    Progress,
    StageMode,
    StageProgress,
)
from rayograph.settings import Settings

CANCELLED = "cancelled"
_WINDOW_S = 12.0


class Pace:
    """Measured rates: how many a second each stage finished over the last seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: defaultdict[str, deque[tuple[float, int]]] = defaultdict(deque)

    def note(self, stage: str, finished: int) -> None:
        """Record how many a stage has finished by now."""
        seen, now = self._seen[stage], self._clock()
        if seen and seen[-1][1] == finished:
            return
        seen.append((now, finished))
        while len(seen) > 2 and seen[1][0] < now - _WINDOW_S:
            seen.popleft()

    def rate(self, stage: str) -> float | None:
        """Images a second; None until two counts lie apart."""
        seen = self._seen[stage]
        if len(seen) < 2:
            return None
        span = max(self._clock() - seen[0][0], 1e-6)
        return float((seen[-1][1] - seen[0][1]) / span)


def embeds(row: DatasetRow) -> bool:
    """Whether this dataset's images are to get vectors; a model may still be being chosen."""
    return row.embed_note is None


def at_rest(
    row: DatasetRow, counts: Counts, settings: Settings, *, active: bool = False
) -> Progress:
    """The progress as the table and the tile store alone know it; ``active`` as in ``build``."""
    return build(row, counts, active=active, more=giants.stages_at_rest(row, settings))


def build(
    row: DatasetRow,
    counts: Counts,
    *,
    pace: Pace | None = None,
    active: bool = False,
    more: dict[str, StageProgress] | None = None,
) -> Progress:
    """The progress object of the contract.

    Args:
        active: a runner works on the dataset now; else stages with work left are waiting.
        more: the stages a giant has besides, which come first.
    """
    wants_vectors = embeds(row)
    statuses = counts.statuses(embeds=wants_vectors)
    if not active:
        statuses["indexed"] += statuses.pop("embedding")
        statuses["embedding"] = 0
    stages = (more or {}) | {
        "listing": _listing(row, counts, pace, active),
        "metadata": _stage("metadata", row, counts, pace, active),
        "embedding": _embedding(row, counts, pace, active),
    }
    if row.next_model is not None:
        stages["reembedding"] = _reembedding(row, counts, pace, active)
    complete = row.error is not None or (
        row.listed
        and row.next_model is None
        and not annotates(row)
        and not waits(row)
        and counts.stage("metadata")["pending"] == 0
        and (not wants_vectors or counts.stage("embedding")["pending"] == 0)
    )
    return Progress(
        dataset_id=row.dataset_id,
        total=counts.total,
        **statuses,
        status="complete" if complete else "in_progress",
        stages=stages,
        bottleneck=None if complete else _bottleneck(stages),
        # Also when all is done: what happens to its files is not looked at then.
        paused=row.paused,
        error=row.error,
        missing=counts.missing,
        hidden=counts.hidden,
        next_try=None if row.retry is None else NextTry(**row.retry),
        version=counts.version,
    )


def annotates(row: DatasetRow) -> bool:
    """Whether annotations are still to be read, or put to the images."""
    return row.annotations is not None and row.annotations["state"] in ("waiting", "reading")


def waits(row: DatasetRow) -> bool:
    """Whether images that failed by what can pass are to be tried again by themselves."""
    return row.retry is not None and row.retry["at"] is not None and row.retry["images"] > 0


def _mode(row: DatasetRow, stage: str, left: bool, active: bool) -> StageMode:
    if not left:
        return "done"
    if row.paused or stage in row.paused_stages:
        return "paused"
    return "running" if active else "waiting"


def _listing(row: DatasetRow, counts: Counts, pace: Pace | None, active: bool) -> StageProgress:
    skipped = {reason: n for reason, n in row.skipped.items() if n}
    note = ", ".join(f"{n} {reason.replace('_', ' ')}" for reason, n in sorted(skipped.items()))
    return StageProgress(
        done=counts.total,
        failed=0,
        total=counts.total,
        rate=pace.rate("listing") if pace and not row.listed else None,
        state=_mode(row, "listing", not row.listed, active),
        note="; ".join(filter(None, (note and f"passed over: {note}", row.watch_note))) or None,
    )


def _stage(
    name: str, row: DatasetRow, counts: Counts, pace: Pace | None, active: bool
) -> StageProgress:
    numbers = counts.stage(name)
    pending = numbers["pending"]
    reads = name == "metadata" and annotates(row)
    again = waits(row) and numbers["failed"] > 0
    left = pending > 0 or not row.listed or reads or again
    rate = pace.rate(name) if pace and left and active else None
    return StageProgress(
        done=numbers["done"],
        failed=numbers["failed"],
        skipped=numbers["skipped"],
        total=numbers["total"],
        rate=rate,
        eta_s=round(pending / rate, 1) if rate else None,
        state=_mode(row, "embedding" if name == "reembedding" else name, left, active),
        note=_stage_note(row, reads=reads and not pending, again=again and not active),
    )


def _stage_note(row: DatasetRow, *, reads: bool, again: bool) -> str | None:
    if again and row.retry is not None:
        return f"{row.retry['images']} wait for another try: the storage did not answer"
    return "annotations are being read" if reads else None


def _embedding(row: DatasetRow, counts: Counts, pace: Pace | None, active: bool) -> StageProgress:
    stage = _stage("embedding", row, counts, pace, active)
    if embeds(row) and row.next_model is not None:
        # What is missing is made by the next model only.
        return stage.model_copy(update={"state": "done", "rate": None, "eta_s": None})
    if embeds(row):
        return stage
    return stage.model_copy(
        update={
            "state": "blocked",
            "note": row.embed_note or "no model",
            "rate": None,
            "eta_s": None,
        }
    )


def _reembedding(row: DatasetRow, counts: Counts, pace: Pace | None, active: bool) -> StageProgress:
    """The way to another model; its vectors serve when all are there."""
    note = f"{row.next_model}; until it is done, search uses {row.model}"
    stage = _stage("reembedding", row, counts, pace, active)
    # All vectors may be there and their index not yet.
    state = _mode(row, "embedding", True, active)
    return stage.model_copy(update={"state": state, "note": note})


def _bottleneck(stages: dict[str, StageProgress]) -> str | None:
    """The running stage that will take longest; one without a measured rate counts as longest."""
    running = {n: s for n, s in stages.items() if s.state == "running"}
    if not running:
        return None
    # What a giant's rows wait for has no rate of theirs to be compared with.
    for step in giants.STAGES:
        if step in running:
            return step

    def left(name: str) -> tuple[float, int]:
        eta = running[name].eta_s
        return (float("inf") if eta is None else eta, [*running].index(name))

    return max(running, key=left)


def status(row: DatasetRow, progress: Progress) -> DatasetStatus:
    """The coarse status of the contract."""
    state: DatasetState
    if row.error is not None:
        state = "failed"
    elif progress.status == "complete":
        state = "ready"
    elif row.paused or _queued(progress):
        state = "queued"
    else:
        state = "processing"
    activity: Activity | None = None
    if state in ("processing", "queued"):
        activity = _giants_step(progress)
        if activity is not None:
            pass
        elif not row.listed:
            activity = "listing"
        elif progress.stages["metadata"].state != "done":
            activity = "indexing"
        else:
            activity = "embedding"
    details: dict[str, Any] = {"error": row.error} if row.error else {}
    if activity == "downloading":
        details |= _download(progress.stages["download"])
    return DatasetStatus(
        dataset_id=row.dataset_id,
        status=state,
        progress=activity,
        started_at=row.created_at,
        **details,
    )


def _giants_step(progress: Progress) -> Activity | None:
    """What a giant waits for; None for others, and once its tiles are there."""
    steps: dict[str, Activity] = {"download": "downloading", "tiling": "generating_tiles"}
    for name, step in steps.items():
        stage = progress.stages.get(name)
        if stage is not None and stage.state != "done":
            return step
    return None


def _queued(progress: Progress) -> bool:
    """Whether a giant waits for its turn."""
    found = [progress.stages[name] for name in giants.STAGES if name in progress.stages]
    left = [stage for stage in found if stage.state != "done"]
    return bool(left) and all(stage.state == "waiting" for stage in left)


def _download(stage: StageProgress) -> dict[str, Any]:
    return {
        "bytes_done": stage.done,
        # A sender that does not say how much it has: the total is what has come so far.
        "bytes_total": (stage.total or None) if stage.note is None else None,
        "rate_bytes_s": stage.rate,
        "eta_s": stage.eta_s,
    }
