"""``rayograph up``: the front on the port at once, the backend behind it, both looked after."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import select
import signal
import sys
import tempfile
import webbrowser
from collections.abc import Callable
from pathlib import Path

from rayograph.access import Access, needs_token, new_token
from rayograph.demo.source import open_source
from rayograph.errors import ConfigurationError, RayographError, ServerError
from rayograph.folders import local_folder, writable_folder
from rayograph.locks import hold
from rayograph.sessions import end_session
from rayograph.settings import Settings
from rayograph.sources import Source
from rayograph_serve.boot_pages import BootPages
from rayograph_serve.front import Front, Timeline
from rayograph_serve.thumbnails import ThumbnailStore

log = logging.getLogger(__name__)
_STOP_S = 15.0
_RESTART_MAX = 5


class Up:
    """One running rayograph.

    Args:
        say: told of each step of the start, in words for a person.
        shell: the page before Gradio is there; ``static`` holds its files.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        say: Callable[[str], None],
        shell: Callable[[], str],
        static: Path,
    ) -> None:
        self.settings = settings
        self.timeline = Timeline()
        self._say = say
        self._pages = BootPages(
            Access(settings.server),
            ThumbnailStore(settings),
            shell=shell,
            static=static,
            phase=lambda: self.timeline.phase,
        )
        self.front = Front(self._pages, self.timeline)
        self._backend: asyncio.subprocess.Process | None = None
        self._over = asyncio.Event()
        self._log = _log_file(settings)
        self._sources: list[str] = []

    async def serve(
        self,
        sources: dict[str, Source],
        *,
        on_port: Callable[[int], None],
        on_ready: Callable[[], None],
    ) -> int:
        """Serve until told to stop; returns the exit code."""
        server = self.settings.server
        try:
            port = await self.front.listen(server.host, server.port)
        except OSError:
            raise ConfigurationError(
                f"port {server.port} is in use by another program",
                hint="choose another with --port",
            ) from None
        self.timeline.mark("front listening")
        on_port(port)
        for source in sources.values():
            self._pages.open(source)
        self._sources = list(sources)
        self.timeline.mark("first page listed")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._over.set)
        try:
            return await self._look_after(on_ready)
        finally:
            await self.front.close()

    async def _look_after(self, on_ready: Callable[[], None]) -> int:
        """Keep a backend running until told to stop."""
        over = asyncio.create_task(self._over.wait())
        failures = 0
        while not self._over.is_set():
            running = asyncio.create_task(self._run_backend(on_ready))
            await asyncio.wait({over, running}, return_when=asyncio.FIRST_COMPLETED)
            self.front.shut_gate()
            if self._over.is_set():
                await self._stop_backend()
                await running
                break
            failures = 0 if running.result() else failures + 1
            if failures >= _RESTART_MAX:
                raise ServerError(
                    "the backend does not start",
                    hint=f"run `rayograph doctor`, or see {self._log}",
                )
            self._say(f"the backend stopped; starting it again (why: {self._log})")
        over.cancel()
        return 0

    async def _run_backend(self, on_ready: Callable[[], None]) -> bool:
        """One life of the backend; True if it ever was ready."""
        # Ray talks a lot: the terminal is for what concerns the person before it.
        with self._log.open("ab") as log_file:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "rayograph.backend",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log_file,
                start_new_session=True,
            )
        self._backend = process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(self.settings.model_dump_json().encode() + b"\n")
        was_ready = False
        async for line in process.stdout:
            event = json.loads(line)
            if "step" in event:
                self.timeline.mark(event["step"])
                self._say(self.timeline.line(event["step"]))
            if "ready" in event:
                was_ready = True
                self.timeline.mark("ready")
                self._say(self.timeline.line("everything answers"))
                await asyncio.to_thread(self._open_sources, event["ready"])
                self.front.open_gate("127.0.0.1", event["ready"])
                on_ready()
        await process.wait()
        # One that was killed leaves its proxy behind, and some of Ray.
        await asyncio.to_thread(end_session, process.pid)
        return was_ready

    def _open_sources(self, port: int) -> None:
        """Have the service open what the front has shown so far, before anyone is sent there."""
        from rayograph.client import Client

        with Client(f"http://127.0.0.1:{port}", token=self.settings.server.token) as client:
            for text in self._sources:
                try:
                    client.add(text)
                except RayographError as error:
                    self._say(f"error: {text}: {error.message}")

    async def _stop_backend(self) -> None:
        process = self._backend
        if process is None or process.returncode is not None:
            return
        # The end of its input is its signal to stop: Ray prints a stack trace for any other.
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _STOP_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()


def run_up(
    sources: list[str],
    settings: Settings,
    *,
    open_browser: bool,
    shell: Callable[[], str],
    static: Path,
    say: Callable[[str], None] = print,
    on_ready: Callable[[str, str | None], None] = lambda url, token: None,
) -> int:
    """Serve in this process until Ctrl-C.

    Args:
        on_ready: called in a thread of its own with the URL and token once everything answers.

    Raises:
        RayographError: a source, the catalog, the port or the configuration is wrong.
    """
    given, settings = settings.server.token, with_token(settings)
    resolved = {text: open_source(text, settings) for text in sources}
    folder = local_folder(settings.catalog.uri)
    if folder is not None:
        writable_folder(folder)
    with hold(folder, "catalog"), _pid_file(settings) as note:
        up = Up(settings, say=say, shell=shell, static=static)
        urls: list[str] = []

        def on_port(port: int) -> None:
            host = settings.server.host
            urls.append(f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}")
            note(port)
            say(f"rayograph is at {urls[0]}")
            if settings.server.token != given:
                say(f"token: {settings.server.token}")
            if open_browser:
                webbrowser.open(urls[0])

        def ready() -> None:
            from threading import Thread

            Thread(target=on_ready, args=(urls[0], settings.server.token), daemon=True).start()

        return asyncio.run(up.serve(resolved, on_port=on_port, on_ready=ready))


def run_down(settings: Settings) -> int:
    """Stop the rayograph on the configured port; 0 when none runs any more."""
    path = _pid_path(settings.server.port)
    try:
        pid = int(path.read_text())
        watched = os.pidfd_open(pid)
    except (OSError, ValueError):
        return 0
    try:
        signal.pidfd_send_signal(watched, signal.SIGTERM)
        ended, _, _ = select.select([watched], [], [], _STOP_S + 5)
        return 0 if ended else 1
    finally:
        os.close(watched)


def with_token(settings: Settings) -> Settings:
    """The settings, with a token made up where one is needed and none was given."""
    server = settings.server
    if server.token is not None or not needs_token(server.host):
        return settings
    return settings.model_copy(update={"server": server.model_copy(update={"token": new_token()})})


def _log_file(settings: Settings) -> Path:
    """Where the backend's own output goes, a new file each start."""
    folder = local_folder(settings.catalog.uri)
    home = folder / "logs" if folder else Path(tempfile.mkdtemp(prefix="rayograph-logs-"))
    home.mkdir(parents=True, exist_ok=True)
    path = home / "backend.log"
    if path.exists():
        path.replace(home / "backend.previous.log")
    return path


def _pid_path(port: int) -> Path:
    home = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(home) if home else Path(tempfile.gettempdir()) / f"rayograph-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / f"up-{port}.pid"


@contextlib.contextmanager
def _pid_file(settings: Settings):  # type: ignore[no-untyped-def]
    """Leaves a note of this process for ``rayograph down``."""
    written: list[Path] = []

    def note(port: int) -> None:
        path = _pid_path(port)
        path.write_text(str(os.getpid()))
        written.append(path)

    try:
        yield note
    finally:
        for path in written:
            path.unlink(missing_ok=True)
