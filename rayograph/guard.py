"""Work on files of unknown quality in a child process, so that one bad file costs one result.

A native crash, a hang or a runaway allocation ends the child, never the caller: the culprit is
found, its neighbours are done by a fresh child, and ``map`` returns one entry per item whatever
happened. ``python -m rayograph.guard`` is the child; it imports only what the work function needs.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import pickle
import select
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, TypeVar

from rayograph.errors import ImageFault

Result = TypeVar("Result")

START_S = 60.0
FLUSH_ITEMS = 64
FLUSH_S = 0.02
_STARTS = 3
_LENGTH = struct.Struct("<Q")
# Item at work and the monotonic time it was begun; time 0 means between items.
_MARK = struct.Struct("<qd")


@dataclass(frozen=True, slots=True)
class _Setup:
    path: list[str]
    work: str
    config: object
    memory_mb: int
    nice: int


@dataclass(frozen=True, slots=True)
class _Death:
    """The child ended early while at item ``index`` of its batch."""

    index: int
    timed_out: bool
    reason: str


class Guard(Generic[Result]):
    """Runs ``work(item, config)`` for batches of items in a child process.

    ``work`` is ``"module:function"``; an ``ImageFault`` it raises is its item's result. Safe to
    share between threads: batches take turns.
    """

    def __init__(
        self, work: str, config: object, *, timeout_s: float, memory_mb: int = 0, nice: int = 0
    ) -> None:
        """Start the child.

        Args:
            timeout_s: time one item may take.
            memory_mb: address space the child may use; 0: no limit.
            nice: how much the child steps back for other processes, 0-19.
        """
        path = [entry for entry in sys.path if entry]
        self._setup = _Setup(path, work, config, memory_mb, nice)
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._child: _Child | None = _Child(self._setup)

    @property
    def pid(self) -> int | None:
        """Process id of the child; None while there is none."""
        child = self._child
        return child.pid if child else None

    @property
    def ready(self) -> bool:
        """Whether the child has loaded its work; asking never waits."""
        child = self._child
        return child is not None and (child.ready or child.has_answered())

    def map(self, items: Sequence[Any]) -> list[Result | ImageFault]:
        """One result or fault for each item, in order.

        A child that dies is blamed on its item only if that item, tried again alone, kills
        another: a kill from outside must not mark a good image.

        Raises:
            RuntimeError: the child cannot start, so no item was at fault.
        """
        with self._lock:
            return self._map(items)

    def _map(self, items: Sequence[Any]) -> list[Result | ImageFault]:
        results: list[Result | ImageFault] = []
        verdicts: dict[int, ImageFault] = {}
        suspects: set[int] = set()
        while (start := len(results)) < len(items):
            if start in verdicts:
                results.append(verdicts[start])
                continue
            later = (index for index in (*verdicts, *suspects) if index > start)
            end = start + 1 if start in suspects else min(later, default=len(items))
            death = self._run(items[start:end], results)
            if death is None:
                continue
            culprit = max(start + death.index, len(results))
            if death.timed_out:
                verdicts[culprit] = ImageFault(
                    f"took longer than {self._timeout_s:g} s", fault="timeout"
                )
            elif culprit in suspects:
                verdicts[culprit] = ImageFault(
                    f"reading it ended the worker ({death.reason})", fault="crashed"
                )
            else:
                suspects.add(culprit)
        return results

    def _run(self, items: Sequence[Any], results: list[Result | ImageFault]) -> _Death | None:
        for _ in range(_STARTS):
            if self._child is None:
                self._child = _Child(self._setup)
            death = self._child.run(items, results, self._timeout_s)
            if death is None:
                return None
            started = self._child.ready
            self._drop()
            if started:
                return death
        raise RuntimeError(f"the worker for {self._setup.work} died while starting")

    def _drop(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None

    def close(self) -> None:
        """End the child; a later ``map`` starts another."""
        with self._lock:
            self._drop()

    def __enter__(self) -> Guard[Result]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Child:
    """The caller's end of one child process."""

    def __init__(self, setup: _Setup) -> None:
        self.ready = False
        mark_fd = _anonymous_file(_MARK.size)
        alive_read, alive_write = os.pipe()
        env = os.environ | {
            "PYTHONPATH": os.pathsep.join(setup.path),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        # -P: a folder called rayograph or PIL in the working directory must not be imported.
        command = [sys.executable, "-P", "-m", "rayograph.guard", str(mark_fd), str(alive_read)]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(mark_fd, alive_read),
                env=env,
                bufsize=0,
            )
            self._mark = mmap.mmap(mark_fd, _MARK.size)
        finally:
            os.close(mark_fd)
            os.close(alive_read)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout
        self._buffer = bytearray()
        self.stop = weakref.finalize(
            self, _end, self._process, alive_write, self._requests, self._answers
        )
        with contextlib.suppress(BrokenPipeError):
            _send(self._requests.fileno(), setup)

    @property
    def pid(self) -> int:
        return self._process.pid

    def has_answered(self) -> bool:
        """Whether something can be read from it; the first is that it is ready."""
        poll = select.poll()
        poll.register(self._answers.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def run(self, items: Sequence[Any], results: list[Any], timeout_s: float) -> _Death | None:
        """Do one batch, appending results as they come; None when all are there."""
        _MARK.pack_into(self._mark, 0, 0, 0.0)
        wanted = len(results) + len(items)
        try:
            _send(self._requests.fileno(), items)
        except BrokenPipeError:
            return self._death(timed_out=False)
        poll = select.poll()
        poll.register(self._answers.fileno(), select.POLLIN)
        heard = time.monotonic()
        while len(results) < wanted:
            _, begun = _MARK.unpack_from(self._mark)
            left = begun + timeout_s if begun else heard + START_S
            left -= time.monotonic()
            if left <= 0:
                return self._death(timed_out=bool(begun))
            # No longer than one item's time: the item that hangs may begin while we wait.
            if poll.poll(min(left, timeout_s) * 1000 + 1):
                data = os.read(self._answers.fileno(), 1 << 20)
                if not data:
                    return self._death(timed_out=False)
                heard = time.monotonic()
                self._buffer += data
                self._take_frames(results)
        return None

    def _take_frames(self, results: list[Any]) -> None:
        while len(self._buffer) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self._buffer)[0]
            if len(self._buffer) < end:
                return
            frame = pickle.loads(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            if isinstance(frame, str):
                raise RuntimeError(frame)
            self.ready = True
            results += frame

    def _death(self, *, timed_out: bool) -> _Death:
        index, begun = _MARK.unpack_from(self._mark)
        self._process.kill()
        code = self._process.wait()
        reason = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return _Death(index if begun else 0, timed_out, reason)


def _end(process: subprocess.Popen[bytes], alive: int, *pipes: Any) -> None:
    os.close(alive)
    process.kill()
    process.wait()
    for pipe in pipes:
        pipe.close()


def _anonymous_file(size: int) -> int:
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("rayograph-guard")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, size)
    return fd


def _send(fd: int, message: object) -> None:
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    view = memoryview(_LENGTH.pack(len(body)) + body)
    while view:
        view = view[os.write(fd, view) :]


def _receive(fd: int) -> Any:
    """The next message; EOFError when the other end is gone."""
    (length,) = _LENGTH.unpack(_read(fd, _LENGTH.size))
    return pickle.loads(_read(fd, length))


def _read(fd: int, count: int) -> bytes:
    parts = []
    while count:
        part = os.read(fd, min(count, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _fault(error: Exception) -> ImageFault:
    if isinstance(error, ImageFault):
        # The traceback would hold the picture in memory, and its frames say too much.
        return ImageFault(error.message, hint=error.hint, fault=error.fault)
    if isinstance(error, MemoryError):
        return ImageFault("it takes more memory than a worker may use", fault="too_large")
    return ImageFault(f"the data makes no sense ({type(error).__name__})", fault="corrupt")


def _serve(requests: int, answers: int, mark: mmap.mmap) -> None:
    """The child's loop: one message in, its results out in small groups."""
    setup: _Setup = _receive(requests)
    try:
        work = _prepare(setup)
    except Exception as error:  # noqa: BLE001 (told to the caller, which raises it)
        _send(answers, f"the worker cannot load {setup.work}: {error}")
        return
    _send(answers, [])
    clock, pack, config = time.monotonic, _MARK.pack_into, setup.config
    while True:
        items = _receive(requests)
        results: list[Any] = []
        now = flushed = clock()
        for index, item in enumerate(items):
            pack(mark, 0, index, now)
            try:
                results.append(work(item, config))
            except Exception as error:  # noqa: BLE001 (one bad item is one fault)
                results.append(_fault(error))
            now = clock()
            if len(results) >= FLUSH_ITEMS or now - flushed >= FLUSH_S:
                pack(mark, 0, index + 1, 0.0)
                _send(answers, results)
                results = []
                now = flushed = clock()
        pack(mark, 0, len(items), 0.0)
        if results:
            _send(answers, results)


def _prepare(setup: _Setup) -> Any:
    import importlib

    sys.path[:] = setup.path
    if setup.nice:
        os.nice(setup.nice)
    if setup.memory_mb:
        import resource

        size = setup.memory_mb << 20
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    module, _, name = setup.work.partition(":")
    return getattr(importlib.import_module(module), name)


def _leave_with_caller(alive: int) -> None:
    """Ends the child when the caller's end of the pipe closes, even in the middle of a hang."""
    with contextlib.suppress(OSError):
        os.read(alive, 1)
    os._exit(1)


def main() -> None:
    """The child process; its arguments are two inherited file descriptors."""
    mark_fd, alive = int(sys.argv[1]), int(sys.argv[2])
    # Ctrl-C reaches the whole terminal group: the caller decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_caller, args=(alive,), daemon=True).start()
    requests, answers = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    # A stray print of a library must not end up between the results.
    os.dup2(null, 0)
    os.dup2(null, 1)
    with contextlib.suppress(EOFError, BrokenPipeError):
        _serve(requests, answers, mmap.mmap(mark_fd, _MARK.size))


if __name__ == "__main__":
    # Under its real name, so that what is unpickled here is what the caller pickled.
    from rayograph.guard import main as child_main

    child_main()
