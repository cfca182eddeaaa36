"""Sessions of processes: what outlives the one that led them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

_PROCESSES = Path("/proc")


def end_session(leader: int) -> None:
    """Kill every process of the session that ``leader`` began, whichever group it is in."""
    for pid in _running():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == leader:
                os.kill(pid, signal.SIGKILL)


def _running() -> Iterator[int]:
    if _PROCESSES.is_dir():
        names = [entry.name for entry in _PROCESSES.iterdir()]
    else:
        names = subprocess.run(
            ["ps", "-axo", "pid="], capture_output=True, text=True, check=False
        ).stdout.split()
    yield from (int(name) for name in names if name.isdecimal())
