"""What people see in a terminal: bars and tables where there is one, plain lines elsewhere.

Nothing heavy is imported with this module; rich is loaded only for a terminal.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from rayograph.schema import Progress, StageProgress

Show = Callable[["Progress"], None]


def is_terminal(stream: TextIO) -> bool:
    return stream.isatty()


def echo(text: str = "", stream: TextIO | None = None) -> None:
    """One line, whatever characters a file name holds."""
    stream = stream or sys.stdout
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    stream.flush()


def duration(seconds: float) -> str:
    """``45 s``, ``3 min 20 s`` or ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns under their headings; tab separated when nobody is looking."""
    if not is_terminal(sys.stdout):
        for row in (columns, *rows):
            echo("\t".join(one_line(cell) for cell in row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        grid.add_row(*(Text(one_line(cell)) for cell in row))
    Console().print(grid)


def one_line(text: str) -> str:
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def line(progress: Progress) -> str:
    """The whole of a progress in one line."""
    names = ("pending", "indexed", "embedding", "failed")
    parts = [f"{progress.ready} of {progress.total} ready"]
    parts += [f"{count} {name}" for name in names if (count := getattr(progress, name))]
    parts += [
        f"{name} {pace}" for name, stage in progress.stages.items() if (pace := _pace(name, stage))
    ]
    if progress.paused:
        parts.append("paused")
    if progress.status == "complete":
        parts.append("complete")
    if progress.error:
        parts.append(progress.error)
    return ", ".join(parts)


def _pace(name: str, stage: StageProgress) -> str:
    if stage.state != "running" or not stage.rate:
        return ""
    left = f", {duration(stage.eta_s)} left" if stage.eta_s else ""
    # A download counts bytes, every other stage pieces of work.
    rate = f"{stage.rate / 1e6:.1f} MB" if name == "download" else f"{stage.rate:.0f}"
    return f"{rate}/s{left}"


def summary(
    progress: Progress, reasons: Mapping[str, int], failed: Sequence[tuple[str, str, str]]
) -> list[str]:
    """What became of a dataset.

    Args:
        reasons: error code -> how many images failed with it.
        failed: folder, name and error of the first few.
    """
    lines = [f"{progress.ready} of {progress.total} images ready"]
    if progress.error:
        lines.append(progress.error)
    if progress.failed:
        counted = ", ".join(f"{count} {code}" for code, count in reasons.items())
        lines.append(f"{progress.failed} failed: {counted}")
    for folder, name, error in failed:
        lines.append(f"  {one_line(f'{folder}/{name}' if folder else name)}: {error}")
    if failed and progress.failed > len(failed):
        lines.append(f"  ... and {progress.failed - len(failed)} more")
    return lines


class PlainProgress:
    """A line when something changed: at most one a second (fewer in a long run) or each 10 %."""

    def __init__(self, stream: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._now = stream, now
        self._started = self._printed = now()
        self._last: Progress | None = None
        self._share = -1.0

    def __call__(self, progress: Progress) -> None:
        if progress == self._last:
            return
        now, share = self._now(), _share(progress)
        interval_s = max(1.0, (now - self._started) / 20)
        due = now - self._printed >= interval_s or abs(share - self._share) >= 0.1
        if self._last is None or due or progress.status == "complete":
            echo(line(progress), self._stream)
            self._printed, self._share = now, share
        self._last = progress


def _share(progress: Progress) -> float:
    """How much of all stages is done, 0-1."""
    done = sum(stage.done + stage.failed + stage.skipped for stage in progress.stages.values())
    total = sum(stage.total for stage in progress.stages.values())
    return done / total if total else 0.0


class BarProgress:
    """A bar for each stage."""

    def __init__(self, bars: RichProgress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, progress: Progress) -> None:
        for name, stage in progress.stages.items():
            if name not in self._tasks:
                self._tasks[name] = self._bars.add_task(name, total=None, pace="")
            self._bars.update(
                self._tasks[name],
                completed=stage.done + stage.failed + stage.skipped,
                total=stage.total or None,
                pace=_pace(name, stage) or stage.note or stage.state,
            )


@contextlib.contextmanager
def progress_display(stream: TextIO | None = None) -> Iterator[Show]:
    """Call the value with each ``Progress``: bars on a terminal, plain lines elsewhere."""
    stream = stream or sys.stdout
    if not is_terminal(stream):
        yield PlainProgress(stream)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    with Bars(*columns, console=Console(file=stream)) as bars:
        yield BarProgress(bars)
