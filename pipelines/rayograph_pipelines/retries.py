"""Trying again by itself what storage or a network made fail; a broken file never is.

The registry holds the plan, so that it outlives whoever made it; timers only wait for it.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from rayograph.catalog import Catalog, DatasetReader, DatasetRow, columns
from rayograph.catalog.filters import present
from rayograph.settings import RetrySettings

PASSING = frozenset({"unavailable"})
_GROWTH = 4


def left(reader: DatasetReader) -> int:
    """How many images failed by what can pass."""
    snapshot = reader.snapshot()
    codes = ("meta_error_code", reader.space.error_code)
    listed = ", ".join(f"'{code}'" for code in sorted(PASSING))
    tests = [f"{code} in ({listed})" for code in codes if code in snapshot.schema.names]
    shown = present(snapshot)
    failed = f"({' or '.join(tests)})" + (f" and ({shown})" if shown else "")
    return int(snapshot.count_rows(failed)) if tests else 0


def planned(
    row: DatasetRow,
    images: int,
    settings: RetrySettings,
    *,
    now: datetime,
    spread: Callable[[float, float], float] = random.uniform,
) -> dict[str, Any]:
    """What the registry is to say of a dataset in which so many images wait for another try.

    Each pause is some times the one before, up to the longest; not quite as long for all, so that
    those who lost a network together do not all come back together.
    """
    before = row.retry or {}
    at, tries = due_at(row), before.get("tries", 0)
    if at is not None and at > now:
        # Another run came before it.
        return before | {"images": images}
    if tries >= settings.tries:
        return {"at": None, "images": images, "tries": tries}
    pause = min(settings.most_s, settings.first_s * _GROWTH**tries) * spread(0.8, 1.2)
    then = now + timedelta(seconds=pause)
    return {"at": then.isoformat(), "images": images, "tries": tries + 1}


def due_at(row: DatasetRow) -> datetime | None:
    """When a dataset is to be tried again; None: not by itself."""
    at = (row.retry or {}).get("at")
    return None if at is None else datetime.fromisoformat(at)


def seconds_left(row: DatasetRow) -> float | None:
    """How long until then, 0 once it is past."""
    at = due_at(row)
    return None if at is None else max(0.0, (at - datetime.now(UTC)).total_seconds())


def prepare(catalog: Catalog, dataset_id: str) -> None:
    """Make what can pass pending again; no run may be at the dataset.

    Killed at any point, it is due still, and this is done again.
    """
    with catalog.lock(dataset_id):
        writer = catalog.writer(dataset_id)
        for stage in columns.STATE:
            writer.reset(stage, codes=set(PASSING))
        row = catalog.dataset(dataset_id)
        catalog.update(dataset_id, error=None, retry=(row.retry or {}) | {"at": None})


class Retries:
    """The timers of all datasets that wait for another try.

    Args:
        due: called with a dataset's id when its time has come, in a thread of its own.
    """

    def __init__(self, due: Callable[[str], None]) -> None:
        self._due = due
        self._timers: dict[str, threading.Timer] = {}
        self._lock = threading.Lock()

    def keep(self, row: DatasetRow) -> None:
        """Have a timer for a dataset if it is to be tried again, and none if not."""
        self.forget(row.dataset_id)
        wait_s = seconds_left(row)
        if wait_s is None or row.paused:
            return
        timer = threading.Timer(wait_s, self._due, (row.dataset_id,))
        timer.daemon = True
        with self._lock:
            self._timers[row.dataset_id] = timer
        timer.start()

    def forget(self, dataset_id: str) -> None:
        with self._lock:
            timer = self._timers.pop(dataset_id, None)
        if timer is not None:
            timer.cancel()
