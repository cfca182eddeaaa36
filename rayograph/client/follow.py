"""Following a dataset's progress: when to yield, when to be patient, when to give up."""

from __future__ import annotations

import time

from rayograph.errors import (
    DatasetNotFound,
    InvalidRequest,
    RayographError,
    ServerError,
    Unavailable,
)
from rayograph.schema import Dataset, Progress

READ_MAX_S = 30.0
POLL_S = 0.5


class Follow:
    """The state of one progress stream, without any input or output."""

    def __init__(self, timeout: float | None, patience_s: float) -> None:
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._patience_s = patience_s
        self._heard = time.monotonic()
        self.last: Progress | None = None

    @property
    def done(self) -> bool:
        return self.last is not None and self.last.status == "complete"

    def left_s(self, most: float) -> float:
        """Seconds one read or pause may take, ``most`` at most."""
        if self._deadline is None:
            return most
        return min(most, max(0.05, self._deadline - time.monotonic()))

    def news(self, progress: Progress | None) -> bool:
        """Take in what was heard; whether it is new.

        Raises:
            TimeoutError: the time given is over and the dataset is not complete.
        """
        self._heard = time.monotonic()
        new = progress is not None and progress != self.last
        if progress is not None:
            self.last = progress
        # Even a timeout of 0 hears how far it is once.
        if self.last is not None and not self.done:
            self.check()
        return new

    def check(self) -> None:
        """Raise TimeoutError once the time given is over."""
        if self._deadline is not None and time.monotonic() >= self._deadline:
            raise TimeoutError(f"not complete in time: {self._where()}")

    def forgive(self, error: RayographError) -> None:
        """A server that has answered before may be away for a while (a replica restarts)."""
        away = isinstance(error, (Unavailable, ServerError))
        known = self.last is not None and time.monotonic() - self._heard < self._patience_s
        if not (away and known):
            raise error
        self.check()

    def _where(self) -> str:
        if self.last is None:
            return "nothing was heard"
        return f"{self.last.ready} of {self.last.total} ready, {self.last.failed} failed"


def find(items: list[Dataset], key: str) -> Dataset:
    """The dataset with this id, or else this name."""
    for item in items:
        if item.dataset_id == key:
            return item
    named = [item for item in items if item.name == key]
    if len(named) == 1:
        return named[0]
    if named:
        ids = ", ".join(item.dataset_id for item in named)
        raise InvalidRequest(f"{len(named)} datasets are called {key!r}", hint=f"use an id: {ids}")
    known = ", ".join(item.name for item in items[:8])
    raise DatasetNotFound(
        f"no dataset {key!r}", hint=f"known: {known}" if known else "none has been added yet"
    )
