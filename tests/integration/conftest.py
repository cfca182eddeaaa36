"""A real rayograph for the integration tier: ``rayograph up`` as a user starts it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from rayograph import Client
from rayograph.client import Dataset
from rayograph.schema import Progress
from tests.buckets import bucket
from tests.pictures import write_pictures

__all__ = ["bucket"]

START_S = 180.0


def pytest_configure(config: pytest.Config) -> None:
    # Ray and real sockets are collected whenever the collector runs, also after the last test,
    # where no test is to blame: here such a warning is shown, not an error.
    for kind in ("ResourceWarning", "pytest.PytestUnraisableExceptionWarning"):
        config.addinivalue_line("filterwarnings", f"default::{kind}")


class Server:
    """One ``rayograph up`` on a free port with a catalog of its own."""

    def __init__(self, catalog: Path, *sources: str, **environ: str) -> None:
        self.catalog = catalog
        self._sources = sources
        self._environ = environ
        self.url = ""
        self.log: list[str] = []
        self._seen = threading.Condition()
        self._open: list[Client | httpx.Client] = []
        self._process: subprocess.Popen[str] | None = None

    def start(self, *, wait: bool = True) -> Server:
        """Start it; with ``wait`` until everything answers, else until the front does."""
        settings = {
            "RAYOGRAPH_MODEL": "fake",
            "RAYOGRAPH_EMBEDDING__PUBLISH_S": "0.2",
            **self._environ,
        }
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "rayograph", "up", *self._sources),
                *("--port", "0", "--catalog", str(self.catalog), "--no-browser"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **settings},
        )
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()
        line = self.await_line("rayograph is at ")
        self.url = line.split("rayograph is at ")[1].strip()
        if wait:
            self.await_line("search engine is up")
        return self

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                with self._seen:
                    self.log.append(line)
                    self._seen.notify_all()
        with self._seen:
            self.log.append("<ended>")
            self._seen.notify_all()

    def await_line(self, text: str) -> str:
        """The first line with this text, as soon as it was printed."""

        def found() -> str | None:
            return next((line for line in self.log if text in line or line == "<ended>"), None)

        with self._seen:
            assert self._seen.wait_for(found, START_S), "".join(self.log)
            line = found()
        assert line is not None and line != "<ended>", "".join(self.log)
        return line

    @property
    def client(self) -> Client:
        client = Client(self.url, timeout_s=60)
        self._open.append(client)
        return client

    @property
    def http(self) -> httpx.Client:
        client = httpx.Client(base_url=self.url, timeout=START_S)
        self._open.append(client)
        return client

    def processes(self) -> list[psutil.Process]:
        assert self._process is not None
        mother = psutil.Process(self._process.pid)
        return [mother, *mother.children(recursive=True)]

    def find(self, title: str) -> psutil.Process | None:
        """The running process whose title or command line has this text."""
        for process in self.processes():
            # One that was killed stays in the list until its parent looks.
            with contextlib.suppress(psutil.NoSuchProcess):
                if title in " ".join(process.cmdline()):
                    return process
        return None

    def process(self, title: str) -> psutil.Process:
        """The same, which must be there."""
        found = self.find(title)
        assert found is not None, f"no process {title!r}"
        return found

    def kill_all(self) -> None:
        """``kill -9`` of the whole program, every process of it at once."""
        found = self.processes()
        for process in found:
            process.suspend()
        for process in found:
            process.kill()
        psutil.wait_procs(found, timeout=START_S)
        assert self._process is not None
        self._process.wait(30)
        self.log.clear()

    def stop(self) -> int:
        """Ctrl-C; returns the exit code."""
        assert self._process is not None
        for client in self._open:
            client.close()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        return self._process.wait(60)


def until(server: Server, dataset: Dataset, look: Callable[[Progress], bool]) -> Progress:
    """The first progress like this, of those the server pushes."""
    path = f"/sse/progress/{dataset.id}?stay=true"
    with server.http.stream("GET", path, timeout=90) as lines:
        for line in lines.iter_lines():
            if line.startswith("data: "):
                progress = Progress.model_validate_json(line[6:])
                if look(progress):
                    return progress
    raise AssertionError("the stream ended")


def whole(ready: int, missing: int) -> Callable[[Progress], bool]:
    """All is done: so many are there, so many have gone."""
    return lambda p: (p.status, p.ready, p.total, p.missing) == ("complete", ready, ready, missing)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few hundred coloured pictures in three folders, with captions."""
    return write_pictures(tmp_path_factory.mktemp("pictures") / "colours", 300)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Server]:
    """The session's server, with ``folder`` given on its command line."""
    running = Server(tmp_path_factory.mktemp("catalog"), str(folder)).start()
    yield running
    running.stop()


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Makes servers that are gone after the test."""
    made: list[Server] = []

    def make(*sources: str, **environ: str) -> Server:
        made.append(Server(tmp_path / "catalog", *sources, **environ))
        return made[-1]

    yield make
    for running in made:
        if running._process is not None and running._process.poll() is None:
            running.stop()
