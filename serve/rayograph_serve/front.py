"""The light front: holds the port from the first moment to the last.

Until Ray Serve answers it serves what it can know by itself (the page, the first rows of the
sources just given, their thumbnails) and holds every other request. Once Serve is up, each new
connection is joined to Serve byte for byte; should Serve go away, the front is there again.
Standard library, Pillow and pydantic only: it has to be up in a fraction of a second.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field

from rayograph.errors import RayographError, Unavailable
from rayograph_serve.boot_pages import Answer, BootPages, Request

log = logging.getLogger(__name__)
_TOO_LARGE = Answer.of_json(
    {"error": {"code": "head_too_large", "message": "the request's head is too large"}}, 431
)
_MAX_HEAD = 64 * 1024
_MAX_HELD = 64 * 1024 * 1024
_HOLD_S = 180.0
_HIGH_WATER = 1024 * 1024
# While Serve restarts its proxy nothing says when it is back: it is tried again this often.
_RETRY_S = 0.1
# How long a head may take to arrive, and how long an answered client may go on sending.
_HEAD_S = 60.0
_LINGER_S = 5.0


@dataclass(slots=True)
class Timeline:
    """When each step of the start was reached, in seconds since the process began."""

    began: float = field(default_factory=time.monotonic)
    steps: dict[str, float] = field(default_factory=dict)
    phase: str = "starting"

    def mark(self, step: str) -> None:
        self.phase = step
        self.steps.setdefault(step, round(time.monotonic() - self.began, 3))

    def line(self, step: str) -> str:
        """A step and when it was reached, for a person."""
        return f"[{time.monotonic() - self.began:5.1f} s] {step}"


class Front:
    """Listens on the public port; ``open_gate`` and ``shut_gate`` say whether Serve answers."""

    def __init__(self, pages: BootPages, timeline: Timeline) -> None:
        self.pages = pages
        self.timeline = timeline
        self.upstream: tuple[str, int] | None = None
        self._gate = asyncio.Event()
        self._server: asyncio.Server | None = None
        self.visitors: set[_Visitor] = set()

    async def listen(self, host: str, port: int) -> int:
        """Bind and start answering; returns the port.

        Raises:
            OSError: the port is taken.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Visitor(self), host, port, backlog=1024)
        return int(self._server.sockets[0].getsockname()[1])

    def open_gate(self, host: str, port: int) -> None:
        """Serve answers at this address from now on."""
        self.upstream = (host, port)
        self._gate.set()

    def shut_gate(self) -> None:
        """Serve has gone: answer and hold again."""
        self.upstream = None
        self._gate.clear()

    async def reach(self, visitor: _Visitor) -> _Joined:
        """A connection to Serve, as soon as it can be had.

        Raises:
            Unavailable: not within three minutes.
        """
        try:
            async with asyncio.timeout(_HOLD_S):
                while True:
                    await self._gate.wait()
                    far = await self.try_once(visitor)
                    if far is not None:
                        return far
                    await asyncio.sleep(_RETRY_S)
        except TimeoutError:
            raise Unavailable("still starting", hint="try again in a few seconds") from None

    async def try_once(self, visitor: _Visitor) -> _Joined | None:
        """A connection to Serve, None if it does not answer now."""
        if self.upstream is None:
            return None
        loop = asyncio.get_running_loop()
        try:
            _, far = await loop.create_connection(lambda: _Joined(visitor), *self.upstream)
        except OSError:
            return None
        return far

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            for visitor in list(self.visitors):
                visitor.transport.abort()


class _Joined(asyncio.Protocol):
    """The far half of a joined connection: whatever Serve sends goes to the visitor."""

    def __init__(self, visitor: _Visitor) -> None:
        self._visitor = visitor
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(_HIGH_WATER)
        self.transport = transport
        if self._visitor.transport.is_closing():
            transport.abort()

    def data_received(self, data: bytes) -> None:
        self._visitor.transport.write(data)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._visitor.transport.close()

    def pause_writing(self) -> None:
        self._visitor.transport.pause_reading()

    def resume_writing(self) -> None:
        self._visitor.transport.resume_reading()


class _Visitor(asyncio.Protocol):
    """One connection from outside."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._held = bytearray()
        self._far: _Joined | None = None
        self._task: asyncio.Task[None] | None = None
        self._answered = False
        self._timer: asyncio.TimerHandle
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(_HIGH_WATER)
        self.transport = transport
        self._front.visitors.add(self)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_HEAD_S, transport.abort)
        if self._front.upstream is not None:
            self._start(self._join())

    def data_received(self, data: bytes) -> None:
        if self._far is not None:
            self._far.transport.write(data)
            return
        if self._answered:
            return
        self._held += data
        if len(self._held) > _MAX_HELD:
            self.transport.abort()
        elif self._task is None:
            self._look()

    def _look(self) -> None:
        """Begin to answer once there is a whole head."""
        if b"\r\n\r\n" in self._held:
            self._start(self._answer())
        elif len(self._held) > _MAX_HEAD:
            self._finish(_TOO_LARGE.encode(), linger=True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._front.visitors.discard(self)
        if self._far is not None:
            self._far.transport.close()
        if self._task is not None:
            self._task.cancel()
        self._timer.cancel()

    def pause_writing(self) -> None:
        if self._far is not None:
            self._far.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._far is not None:
            self._far.transport.resume_reading()

    def _start(self, work: Coroutine[None, None, None]) -> None:
        self._timer.cancel()
        self._task = asyncio.get_running_loop().create_task(work)
        self._task.add_done_callback(_noted)

    async def _join(self) -> None:
        far = await self._front.try_once(self)
        if far is not None:
            self._pass_to(far)
        elif b"\r\n\r\n" in self._held:
            # Serve is gone and the gate not yet shut: answer this one here.
            await self._answer()
        else:
            self._task = None
            self._timer = asyncio.get_running_loop().call_later(_HEAD_S, self.transport.abort)
            self._look()

    def _pass_to(self, far: _Joined) -> None:
        """From here on bytes pass straight through; what came meanwhile goes first."""
        far.transport.write(bytes(self._held))
        self._held.clear()
        self._far = far

    async def _answer(self) -> None:
        """Answer one request here and close, so that the next one comes to the gate anew."""
        method = bytes(self._held[:16]).partition(b" ")[0]
        try:
            # Connected before Serve was up, and silent until now: Serve knows more.
            far = await self._front.try_once(self)
            if far is None:
                request = Request.parse(bytes(self._held))
                answer = await self._front.pages.answer(request)
                if answer is None:
                    far = await self._front.reach(self)
            if far is not None:
                self._pass_to(far)
                return
        except RayographError as error:
            answer = Answer.of_error(error)
        except Exception:
            log.exception("the front failed on a request")
            answer = Answer.of_error(Unavailable("still starting"))
        assert answer is not None
        reading = method in (b"GET", b"HEAD")
        self._finish(answer.encode(head_only=method == b"HEAD"), linger=not reading)

    def _finish(self, data: bytes, *, linger: bool) -> None:
        self._answered = True
        self._timer.cancel()
        self._held.clear()
        self.transport.write(data)
        if linger:
            # A body may still be on its way: closing on it would tear the answer out of the
            # client's hands. It hears the end of the answer and closes from its side.
            self.transport.write_eof()
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_LINGER_S, self.transport.abort)
        else:
            self.transport.close()


def _noted(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("a connection failed", exc_info=task.exception())
