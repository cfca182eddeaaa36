"""Turns: the most urgent of those who wait, then the first; whoever is told to stop has none."""

from __future__ import annotations

import threading

from rayograph_pipelines.turns import Turns
from tests.working import WAIT_S, in_thread, joined


class Queue:
    """Threads that wait for one place, and the order in which they get it."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.never = threading.Event()
        self.had: list[str] = []

    def join(self, name: str, ranks: dict[str, int]) -> threading.Thread:
        """Have a thread wait; returns once it does."""
        waits = threading.Event()

        def rank() -> int:
            waits.set()
            return ranks[name]

        def work() -> None:
            with self.turns.turn(self.never, rank) as mine:
                assert mine
                self.had.append(name)

        thread = in_thread(work)
        assert waits.wait(WAIT_S)
        return thread


def test_the_most_urgent_goes_first_then_the_first() -> None:
    queue = Queue()
    ranks = {"low": -1, "first": 0, "second": 0, "high": 1}
    # Looked at while the place is taken, so that each is known to wait.
    with queue.turns.turn(queue.never):
        assert not queue.turns.is_wanted(0)
        threads = [queue.join(name, ranks) for name in ("low", "first", "second", "high")]
        assert queue.turns.is_wanted(0)
        assert not queue.turns.is_wanted(1)
    for thread in threads:
        joined(thread)
    assert queue.had == ["high", "first", "second", "low"]


def test_how_urgent_it_is_may_change_while_it_waits() -> None:
    queue, ranks = Queue(), {"a": 0, "b": 0}
    with queue.turns.turn(queue.never):
        threads = [queue.join(name, ranks) for name in ("a", "b")]
        ranks["b"] = 1
    for thread in threads:
        joined(thread)
    assert queue.had == ["b", "a"]


def test_whoever_is_to_stop_has_no_turn_and_holds_up_nobody() -> None:
    turns, stop, never = Turns(), threading.Event(), threading.Event()
    stop.set()
    with turns.turn(never):
        with turns.turn(stop, lambda: 5) as mine:
            assert not mine
        assert not turns.is_wanted(0)
    with turns.turn(never) as mine:
        assert mine
