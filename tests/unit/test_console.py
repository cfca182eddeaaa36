"""What is shown while something runs: no flooding, no broken lines."""

from __future__ import annotations

import io

from fake_api import FRESH, progress

from rayograph import console
from rayograph.schema import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def at(ready: int, failed: int = 0, total: int = 3) -> Progress:
    return Progress.model_validate(progress(FRESH, ready, failed, total))


def test_bars_on_a_terminal() -> None:
    stream = Terminal()
    with console.progress_display(stream) as show:
        show(at(1))
        show(at(3))
    assert "metadata" in stream.getvalue()
    assert "3/3" in stream.getvalue()


def test_a_running_stage_says_how_fast_and_how_long() -> None:
    now = at(1)
    now.stages["metadata"].state = "running"
    assert console.line(now) == "1 of 3 ready, 2 pending, metadata 10/s, 1 s left"


def test_a_download_is_as_fast_as_its_bytes() -> None:
    now = at(3)
    stage = now.stages["metadata"].model_copy(update={"state": "running", "rate": 824_681.0})
    now.stages = {"download": stage}
    assert "download 0.8 MB/s" in console.line(now)


def test_the_summary_says_which_and_why() -> None:
    lines = console.summary(at(1, failed=2), {"truncated": 2}, [("x", "a\n.jpg", "ends early")])
    assert lines == [
        "1 of 3 images ready",
        "2 failed: 2 truncated",
        "  x/a\ufffd.jpg: ends early",
        "  ... and 1 more",
    ]


def test_plain_progress_does_not_flood() -> None:
    clock = iter([0.0] + [number * 0.01 for number in range(1000)])
    stream = io.StringIO()
    show = console.PlainProgress(stream, now=lambda: next(clock))
    for ready in range(500):
        show(Progress.model_validate(progress(FRESH, ready, total=500)))
    show(Progress.model_validate(progress(FRESH, 500, total=500)))
    lines = stream.getvalue().splitlines()
    assert 10 <= len(lines) <= 16
    assert lines[-1] == "500 of 500 ready, complete"


def test_odd_file_names_cannot_break_a_line() -> None:
    assert console.one_line("a\nb\x1b[31m") == "a\ufffdb\ufffd[31m"
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    console.echo("p\xe4th", stream)
    assert stream.buffer.getvalue() == b"p?th\n"  # type: ignore[attr-defined]


def test_durations_are_readable() -> None:
    shown = [console.duration(seconds) for seconds in (0.4, 59, 200, 7500)]
    assert shown == ["0 s", "59 s", "3 min 20 s", "2 h 5 min"]
