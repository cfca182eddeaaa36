"""A child that crashes, hangs, fills memory or is killed costs at most its own item."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rayograph.errors import ImageFault
from rayograph.guard import Guard

HERE = "tests.guarded:work"


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard[Any]]:
    with Guard[Any](HERE, 2, timeout_s=60, memory_mb=2048) as guard:
        yield guard


def codes(results: list[Any]) -> list[Any]:
    return [r.fault if isinstance(r, ImageFault) else r for r in results]


def test_results_come_in_order(guard: Guard[Any]) -> None:
    assert guard.map(range(500)) == [2 * n for n in range(500)]
    assert guard.map([]) == []
    assert guard.map(["print", 1]) == ["printed", 2]


def test_large_results_pass(guard: Guard[Any]) -> None:
    assert [len(r) for r in guard.map([("big", 300_000)] * 5)] == [300_000] * 5


def test_a_fault_is_a_result(guard: Guard[Any]) -> None:
    fault, error, good = guard.map(["fault", "error", 1])
    assert (fault.fault, fault.message, fault.hint) == ("unsupported", "no good", "try another")
    assert error.fault == "corrupt"
    assert "secret" not in error.message
    assert good == 2


@pytest.mark.parametrize("bad", ["abort", "exit"])
def test_a_crash_costs_one_item(guard: Guard[Any], bad: str) -> None:
    assert codes(guard.map([1, 2, bad, 3, 4])) == [2, 4, "crashed", 6, 8]


def test_two_crashes_in_a_batch(guard: Guard[Any]) -> None:
    assert codes(guard.map(["abort", 1, "exit"])) == ["crashed", 2, "crashed"]


def test_a_hang_costs_one_item(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with Guard[Any](HERE, 2, timeout_s=0.25) as guard:
        assert codes(guard.map([1, ("fifo", str(fifo)), 2, "hang"])) == [2, "timeout", 4, "timeout"]


def test_memory_is_limited(guard: Guard[Any]) -> None:
    before = guard.map(["pid"])
    assert codes(guard.map([1, "fill", 2])) == [2, "too_large", 4]
    assert guard.map(["pid"]) == before, "running out of memory is caught, not a crash"


def test_a_kill_from_outside_blames_nobody(guard: Guard[Any], tmp_path: Path) -> None:
    results = guard.map([1, ("once", str(tmp_path / "mark")), 3])
    assert results == [2, "second time", 6]
    assert guard.pid is not None
    os.kill(guard.pid, signal.SIGKILL)
    assert guard.map([1, 2]) == [2, 4]


def test_threads_take_turns(guard: Guard[Any]) -> None:
    found: dict[int, list[Any]] = {}

    def use(n: int) -> None:
        found[n] = guard.map([n] * 200)

    threads = [threading.Thread(target=use, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: [2 * n] * 200 for n in range(4)}


def test_what_cannot_be_loaded_is_the_callers_error() -> None:
    guard = Guard[Any]("no_such_module:work", None, timeout_s=1)
    with guard, pytest.raises(RuntimeError, match="no_such_module"):
        guard.map([1])


def test_close_ends_the_child_and_map_starts_another() -> None:
    guard = Guard[Any](HERE, 3, timeout_s=5)
    first = guard.pid
    guard.close()
    assert guard.pid is None
    assert guard.map([2]) == [6]
    assert guard.pid not in {None, first}
    guard.close()


def test_the_child_dies_with_its_caller() -> None:
    script = (
        "import sys, os, threading\n"
        "from rayograph.guard import Guard\n"
        f"guard = Guard({HERE!r}, 1, timeout_s=60)\n"
        "guard.map([1])\n"
        "print(guard.pid, flush=True)\n"
        "threading.Thread(target=guard.map, args=(['hang'],), daemon=True).start()\n"
        "sys.stdin.read()\n"
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env
    ) as caller:
        assert caller.stdout is not None
        pid = int(caller.stdout.readline())
        caller.kill()
    assert gone(pid)


def gone(pid: int) -> bool:
    """Waits for a process that is not our child to end."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        threading.Event().wait(0.01)
    return False
