"""What a leader that died leaves behind is ended with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from rayograph import sessions

LEADER = """
import os, subprocess, sys, time
waits = [sys.executable, "-c", "import time; time.sleep(600)"]
found = [subprocess.Popen(waits), subprocess.Popen(waits, process_group=0)]
print(*(each.pid for each in found), flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("known", ["proc", "ps"])
def test_all_of_a_session_ends_and_nothing_else(
    known: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if known == "ps":
        monkeypatch.setattr(sessions, "_PROCESSES", tmp_path / "none")
    command = [sys.executable, "-c", LEADER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as leader:
        assert leader.stdout is not None
        left = [psutil.Process(int(pid)) for pid in leader.stdout.readline().split()]
        leader.kill()
    assert all(each.is_running() for each in left)
    sessions.end_session(leader.pid)
    assert psutil.wait_procs(left, timeout=30)[1] == []
