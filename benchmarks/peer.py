"""The peer, lightly-studio, in a virtual environment of its own; made on first use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.common import REPO, say

VERSION = "1.2.0"
_HOME = REPO / ".bench-venv" / "lightly"
_PYTHON = _HOME / "bin" / "python"
_SCRIPT = """
import json, os, sys, time
began = time.perf_counter()
os.environ["LIGHTLY_STUDIO_ANALYTICS_ENABLED"] = "0"
import lightly_studio as ls
imported = time.perf_counter()
dataset = ls.ImageDataset.create(name="bench")
dataset.add_images_from_path(path=sys.argv[1], embed=False)
ended = time.perf_counter()
print("RESULT", json.dumps({"add_s": ended - imported, "whole_s": ended - began}))
"""


def add_images(folder: Path, work: Path) -> dict[str, float] | None:
    """``add_s``: seconds of ``add_images_from_path``; ``whole_s``: with its imports.

    None, after saying why, where the peer cannot be had.
    """
    if not _installed():
        return None
    work.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [_PYTHON, "-c", _SCRIPT, str(folder)],
        cwd=work,
        capture_output=True,
        text=True,
        check=False,
    )
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            found: dict[str, float] = json.loads(line.removeprefix("RESULT "))
            return found
    say(f"peer failed: {(done.stderr.strip().splitlines() or ['no word'])[-1]}")
    return None


def _installed() -> bool:
    wanted = f"lightly-studio=={VERSION}"
    if not _PYTHON.exists():
        say(f"installing the peer {wanted} (once)")
        subprocess.run([sys.executable, "-m", "venv", str(_HOME)], check=False)
    probe = f"import importlib.metadata as m; assert m.version('lightly-studio') == {VERSION!r}"
    if _quiet([str(_PYTHON), "-c", probe]):
        return True
    pip = [str(_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wanted]
    if _quiet(pip) and _quiet([str(_PYTHON), "-c", probe]):
        return True
    say(f"peer not installed: {wanted} could not be had")
    return False


def _quiet(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
