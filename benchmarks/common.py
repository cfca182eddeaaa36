"""What the benchmarks share: pictures, a rayograph of their own, and how numbers are printed."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import numpy as np
import psutil
from PIL import Image, ImageDraw

REPO = Path(__file__).resolve().parent.parent
DISTINCT = 500
BYTES_MAX = 2_000_000_000
START_S = 180.0
T = TypeVar("T")


# -- the command line and the page of numbers -----------------------------------------------


def arguments(purpose: str | None, count: int, **more: Any) -> argparse.Namespace:
    """``--count`` and one option for each of ``more`` (its value is the default)."""
    parser = argparse.ArgumentParser(description=purpose)
    parser.add_argument("--count", type=int, default=count, help=f"how many (default {count:,})")
    for name, default in more.items():
        flag = "--" + name.replace("_", "-")
        if isinstance(default, bool):
            parser.add_argument(flag, action="store_true")
        else:
            parser.add_argument(flag, type=type(default), default=default, help=f"({default})")
    # Told to end, a benchmark still takes its server and its folder down.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    return parser.parse_args()


def machine() -> None:
    """Say what this runs on: a number without its machine means nothing."""
    memory = psutil.virtual_memory().total / 2**30
    load = os.getloadavg()[0]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(
        f"{cores} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, load {load:.1f} at the start",
        flush=True,
    )


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A plain text table; the first column is left aligned, the others right."""
    text = [[str(cell) for cell in row] for row in (headers, *rows)]
    widths = [max(len(row[at]) for row in text) for at in range(len(headers))]
    print()
    for number, row in enumerate(text):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("  ".join(cells).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))
    print(flush=True)


def say(text: str) -> None:
    print(f"  . {text}", flush=True)


def seconds(value: float | None) -> str:
    """A duration for a table: ms below one second."""
    if value is None:
        return "-"
    return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"


def ratio(value: float | None, beside: float | None) -> str:
    return "-" if not value or not beside else f"{value / beside:.2f} x"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0-1) of the values lie."""
    return float(np.quantile(np.asarray(values, dtype=float), share))


def median(values: Sequence[float]) -> float:
    return percentile(values, 0.5)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="rayograph-bench-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def until(look: Callable[[], T | None], *, every_s: float = 0.02, limit_s: float = 3600) -> T:
    """Look again and again, as a person at the page would; the first answer that is not None."""
    end = time.monotonic() + limit_s
    pause = threading.Event()
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"nothing within {limit_s:.0f} s")
        pause.wait(every_s)


# -- pictures -------------------------------------------------------------------------------


def photographs(folder: Path, count: int, *, first: int = 0, linked: bool = False) -> Path:
    """``count`` JPEGs of 640 x 480 px and about 50 kB, a thousand in a folder.

    A few hundred are drawn; the others are copies with a tail of their own, so that each content
    differs. ``linked`` or beyond ``BYTES_MAX`` they are hard links: the same reads, no disk.
    """
    drawn = _drawn(folder.with_name(f"{folder.name}.drawn"), min(count, DISTINCT))
    bodies = [path.read_bytes() for path in drawn]
    copies = 0 if linked else BYTES_MAX // (sum(map(len, bodies)) // len(bodies))
    for number in range(count):
        home = folder / f"{number // 1000:04d}"
        if number % 1000 == 0:
            home.mkdir(parents=True, exist_ok=True)
        path = home / f"photo-{first + number:07d}.jpg"
        if number < copies:
            path.write_bytes(bodies[number % len(bodies)] + b"%010d" % (first + number))
        else:
            path.hardlink_to(drawn[number % len(drawn)])
    return folder


def _drawn(folder: Path, count: int) -> list[Path]:
    """Smooth colour fields with shapes and grain: they compress about as photographs do."""
    rng = np.random.default_rng(7)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8))
        picture = coarse.resize((640, 480), Image.Resampling.BICUBIC)
        pen = ImageDraw.Draw(picture)
        for _ in range(12):
            x, y, side = (int(v) for v in rng.integers(0, 520, 3))
            ink = tuple(int(v) for v in rng.integers(0, 255, 3))
            pen.ellipse((x, y, x + side // 3, y + side // 4), fill=ink)
        grain = rng.integers(-10, 10, (480, 640, 1), dtype=np.int16)
        pixels = np.clip(np.asarray(picture, np.int16) + grain, 0, 255).astype(np.uint8)
        path = folder / f"{number:04d}.jpg"
        Image.fromarray(pixels).save(path, quality=70)
        paths.append(path)
    return paths


def empty_files(folder: Path, count: int) -> Path:
    """``count`` empty files called .jpg, all in one folder."""
    folder.mkdir(parents=True)
    home = os.open(folder, os.O_RDONLY)
    try:
        for number in range(count):
            os.close(os.open(f"{number:07d}.jpg", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=home))
    finally:
        os.close(home)
    return folder


# -- a rayograph ----------------------------------------------------------------------------


class Server:
    """``rayograph up`` on a free port over a catalog of its own, until the block ends.

    Args:
        ready: wait until everything answers; else only until it names its address.
        settings: ``RAYOGRAPH_*`` variables without the prefix, in lower case.
    """

    def __init__(
        self, catalog: Path, *sources: Path, ready: bool = True, **settings: object
    ) -> None:
        self.lines: list[tuple[float, str]] = []
        self._wake = threading.Condition()
        self._ready = ready
        self._command = [sys.executable, "-m", "rayograph", "up", *map(str, sources)]
        self._command += ["--port", "0", "--catalog", str(catalog), "--no-browser"]
        self._environ = environ(**settings)

    def __enter__(self) -> Server:
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            self._command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._environ,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.url = self.await_line("rayograph is at ").split(" at ")[1].strip()
            self.http = httpx.Client(base_url=self.url, timeout=120, trust_env=False)
            if self._ready:
                self.await_line("search engine is up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        if hasattr(self, "http"):
            self.http.close()
        family = self.processes()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        for process in psutil.wait_procs(family, timeout=40)[1]:
            process.kill()
        self._reader.join(10)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                with self._wake:
                    self.lines.append((time.perf_counter() - self.began, line.rstrip()))
                    self._wake.notify_all()
        with self._wake:
            self.lines.append((time.perf_counter() - self.began, "<ended>"))
            self._wake.notify_all()

    def await_line(self, text: str) -> str:
        """The first printed line with this text."""

        def found() -> str | None:
            return next((line for _, line in self.lines if text in line or "<ended>" in line), None)

        with self._wake:
            self._wake.wait_for(found, START_S)
            line = found()
        if line is None or line == "<ended>":
            log = "\n".join(line for _, line in self.lines[-30:])
            raise RuntimeError(f"rayograph did not say {text!r}:\n{log}")
        return line

    def processes(self) -> list[psutil.Process]:
        """Every process of it."""
        try:
            mother = psutil.Process(self.process.pid)
            return [mother, *mother.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def get(self, path: str) -> Any:
        answer = self.http.get(path)
        answer.raise_for_status()
        return answer.json()

    def add(self, source: Path, **about: object) -> str:
        """``POST /api/datasets``; the dataset's id."""
        answer = self.http.post("/api/datasets", json={"path": str(source), **about})
        answer.raise_for_status()
        return str(answer.json()["dataset_id"])

    def progress(self, dataset: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/api/progress/{dataset}")
        return found

    def stage_done(self, dataset: str, stage: str) -> dict[str, Any]:
        """Wait until a stage has nothing left; the progress then."""

        return self._await(dataset, lambda p: p["stages"][stage]["state"] in ("done", "blocked"))

    def complete(self, dataset: str) -> dict[str, Any]:
        """Wait until a dataset is complete; its last progress."""

        return self._await(dataset, lambda progress: bool(progress["status"] == "complete"))

    def _await(self, dataset: str, over: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            progress = self.progress(dataset)
            if progress["error"]:
                raise RuntimeError(f"the dataset stopped: {progress['error']}")
            return progress if over(progress) else None

        return until(look)

    def warm(self, folder: Path, count: int = 20) -> None:
        """Open a few pictures to the end: nothing of what follows is anybody's first time."""
        self.complete(self.add(photographs(folder, count), name="warm"))


def environ(**settings: object) -> dict[str, str]:
    """This environment with these ``RAYOGRAPH_*`` variables."""
    prefixed = {f"RAYOGRAPH_{name.upper()}": str(value) for name, value in settings.items()}
    return {**os.environ, "PYTHONPATH": str(REPO), **prefixed}


def thumbnails_of(page: dict[str, Any], size: int = 256) -> list[str]:
    """The paths of a page's thumbnails."""
    return [f"/api/images/{item['id']}/thumbnail?size={size}" for item in page["items"]]


def peer_python(name: str, packages: Sequence[str]) -> str:
    """The Python of an environment of its own with what a benchmark is compared with."""
    home = Path(".bench-venv") / name
    python = home / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], check=True)
    return str(python)
