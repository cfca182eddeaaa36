"""What a run's threads tell each other: rows were found, files were touched, all is over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple

THREADS = ("listing", "metadata", "embedding")


class Seen(NamedTuple):
    """How often rows were found, and whether the source was listed whole."""

    found: int
    listed: bool


class News:
    """The threads of a run end together: whichever has nothing to do waits, as another may find
    something for it, until none has.

    Args:
        listed: whether the source was listed whole.
        touched: paths of the source that are to be looked at.
    """

    def __init__(self, *, listed: bool, touched: Iterable[str] = ()) -> None:
        self._change = threading.Condition()
        self._found = 0
        self._listed = listed
        self._touched = set(touched)
        self._waiting: set[str] = set()
        self._ended: set[str] = set()
        self._over = False

    def seen(self) -> Seen:
        """What there is so far; to be asked before the table is."""
        with self._change:
            return Seen(self._found, self._listed)

    def found(self) -> None:
        """There are rows to be done."""
        with self._change:
            self._found += 1
            # None of them waits any more, even if it has not woken up yet.
            self._waiting.clear()
            self._change.notify_all()

    def listed(self) -> None:
        """The source was listed whole."""
        with self._change:
            self._listed = True
        self.found()

    def touch(self, paths: set[str]) -> bool:
        """Something happened to these; False when it is too late for this run."""
        with self._change:
            if self._over:
                return False
            self._touched |= paths
            self._change.notify_all()
            return True

    def next_touched(self) -> set[str]:
        """Paths to look at, as soon as there are any; none when all is over."""
        with self._change:
            self._wait("listing", lambda: bool(self._touched))
            if self._over:
                return set()
            paths, self._touched = self._touched, set()
            return paths

    def put_back(self, paths: set[str]) -> None:
        """These were not looked at after all."""
        with self._change:
            self._touched |= paths

    def untouched(self) -> set[str]:
        """What nobody has looked at."""
        with self._change:
            return set(self._touched)

    def more(self, thread: str, seen: Seen) -> bool:
        """Wait until there is more than was seen; False when all is over."""
        with self._change:
            self._wait(thread, lambda: (self._found, self._listed) != seen)
            return not self._over

    def ended(self, thread: str) -> None:
        """This thread does nothing more, whatever is found."""
        with self._change:
            self._ended.add(thread)
            self._change.notify_all()

    def stop(self) -> None:
        """All is over at once."""
        with self._change:
            self._over = True
            self._change.notify_all()

    def _wait(self, thread: str, news: Callable[[], bool]) -> None:
        def over() -> bool:
            resting = set(THREADS) <= self._waiting | self._ended
            # Paused, listing has ended before its time; there is nothing to wait for then.
            listed = "listing" in self._ended or (self._listed and not self._touched)
            if resting and listed:
                self._over = True
                self._change.notify_all()
            return self._over

        if news():
            return
        self._waiting.add(thread)
        self._change.notify_all()
        self._change.wait_for(lambda: news() or over())
        self._waiting.discard(thread)
