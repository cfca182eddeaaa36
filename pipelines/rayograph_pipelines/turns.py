"""Datasets take turns at what only so many can use at once: the model, the tiling."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rayograph.schema import Priority

# How urgent datasets are.
RANKS: dict[Priority, int] = {"high": 1, "normal": 0, "low": -1}
_POLL_S = 0.2
Rank = Callable[[], int]


class Turns:
    """Places that are given to the most urgent of those who wait, then to the first.

    Args:
        places: how many may have a turn at once.
    """

    def __init__(self, places: int = 1) -> None:
        self._change = threading.Condition()
        self._free = places
        self._waiting: dict[int, Rank] = {}
        self._numbers = itertools.count()

    @contextmanager
    def turn(self, stop: threading.Event, rank: Rank = lambda: 0) -> Iterator[bool]:
        """Wait for a turn and have it; False when told to stop instead: another's can take hours.

        Args:
            rank: how urgent it is, the more the higher; it may change meanwhile.
        """
        mine = self._wait(stop, rank)
        try:
            yield mine
        finally:
            if mine:
                with self._change:
                    self._free += 1
                    self._change.notify_all()

    def is_wanted(self, rank: int) -> bool:
        """Whether somebody waits who is more urgent than this."""
        with self._change:
            return any(other() > rank for other in self._waiting.values())

    def _wait(self, stop: threading.Event, rank: Rank) -> bool:
        with self._change:
            number = next(self._numbers)
            self._waiting[number] = rank
            try:
                while not (self._first() == number and self._free):
                    if stop.is_set():
                        return False
                    self._change.wait(_POLL_S)
                self._free -= 1
                return True
            finally:
                del self._waiting[number]
                self._change.notify_all()

    def _first(self) -> int:
        return max(self._waiting, key=lambda number: (self._waiting[number](), -number))
