"""Datasets take turns at what only so many can use at once: the model, the tiling."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_POLL_S = 0.2


@contextmanager
def turn(slot: threading.Semaphore, stop: threading.Event) -> Iterator[bool]:
    """Wait for a turn and hold it; False when told to stop instead: another's can take hours."""
    mine = False
    try:
        while not (mine := slot.acquire(timeout=_POLL_S)):
            if stop.is_set():
                break
        yield mine
    finally:
        if mine:
            slot.release()
