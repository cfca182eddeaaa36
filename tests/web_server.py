"""A real web server on loopback that breaks off, lies, trickles and redirects as it is told.

    with WebServer() as web:
        url = web.serve("/giant.tif", Answer(data, break_after=1000), Answer(data))

Each request for a path gets the next of its answers; the last one is given ever after. What was
asked for is in ``web.requests``.
"""

from __future__ import annotations

import contextlib
import re
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

_BLOCK_BYTES = 1 << 18


@dataclass(frozen=True)
class Answer:
    """What one request gets. ``data`` may be a file, so that it can be of any size.

    Attributes:
        break_after: the connection ends when so many bytes of the body are sent.
        declare: added to the Content-Length, so that it lies.
        surplus: sent behind the body, as no length says.
        range_from: added to where a Content-Range says that it begins, so that it lies.
        trickle_bytes, trickle_s: the body comes in pieces of this size, with this pause between.
        chunked: no Content-Length, but chunks.
        until: the body's second half waits for this event, which the server's end sets too.
    """

    data: bytes | Path = b""
    status: int = 200
    content_type: str | None = "image/jpeg"
    etag: str | None = '"1"'
    last_modified: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    ranges: bool = True
    break_after: int | None = None
    declare: int = 0
    surplus: bytes = b""
    range_from: int = 0
    trickle_bytes: int | None = None
    trickle_s: float = 0.0
    chunked: bool = False
    until: threading.Event | None = None

    @property
    def size(self) -> int:
        return self.data.stat().st_size if isinstance(self.data, Path) else len(self.data)

    def blocks(self, first: int, last: int) -> Iterator[bytes]:
        """The bytes from ``first`` up to ``last``, a block at a time."""
        step = self.trickle_bytes or _BLOCK_BYTES
        with contextlib.ExitStack() as stack:
            file = (
                stack.enter_context(self.data.open("rb")) if isinstance(self.data, Path) else None
            )
            for at in range(first, last, step):
                if file is None:
                    assert isinstance(self.data, bytes)
                    yield self.data[at : min(at + step, last)]
                else:
                    file.seek(at)
                    yield file.read(min(step, last - at))


@dataclass(frozen=True)
class Request:
    """A request as it came; header names in lower case."""

    path: str
    headers: Mapping[str, str]

    @property
    def range(self) -> str | None:
        return self.headers.get("range")


class WebServer:
    """Serves on a free port of 127.0.0.1 for as long as its block lasts.

    Attributes:
        host: ``127.0.0.1:port``, as ``allowed_hosts`` takes it.
        requests: all requests so far, in order.
        closing: set when the server ends; whoever pauses waits for it.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, name: str = "127.0.0.1") -> None:
        self.requests: list[Request] = []
        self.closing = threading.Event()
        self._answers: dict[str, list[Answer]] = {}
        self._held: list[threading.Event] = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.host = f"{name}:{self._server.server_address[1]}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def serve(self, path: str, *answers: Answer) -> str:
        """The URL under which the answers are given, one after the other."""
        with self._lock:
            self._answers[path] = list(answers)
            self._held += [answer.until for answer in answers if answer.until is not None]
        return self.url + path

    def redirect(self, path: str, location: str, *, status: int = 302) -> str:
        """The URL that sends its caller to ``location``."""
        return self.serve(path, Answer(status=status, headers={"Location": location}))

    def answer(self, request: Request) -> Answer:
        """The next answer for a request, which is noted."""
        with self._lock:
            self.requests.append(request)
            answers = self._answers.get(request.path, [Answer(status=404)])
            return answers.pop(0) if len(answers) > 1 else answers[0]

    def __enter__(self) -> WebServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.set()
        for event in self._held:
            event.set()
        self._server.shutdown()
        self._thread.join()
        # Waits for the threads of open requests, all of which look at ``closing``.
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    owner: WebServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away, or refuses a certificate, is part of the test."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    # A client that keeps its connection open must not keep the server from ending.
    timeout = 5

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.owner.answer(Request(self.path.partition("?")[0], headers))
        first, last = 0, answer.size
        status = answer.status
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", ""))
        current = headers.get("if-range") in {None, answer.etag, answer.last_modified}
        if asked and current and answer.ranges and status == 200:
            first = int(asked[1])
            last = min(last, int(asked[2]) + 1) if asked[2] else last
            status = 206 if first < last else 416
        self._head(answer, status, first, last)
        if status != 416:
            self._body(answer, first, last)
        self.close_connection = True

    def _head(self, answer: Answer, status: int, first: int, last: int) -> None:
        self.send_response(status)
        named = {
            "Content-Type": answer.content_type,
            "ETag": answer.etag,
            "Last-Modified": answer.last_modified,
        }
        if status == 206:
            begin = first + answer.range_from
            named["Content-Range"] = f"bytes {begin}-{last - 1}/{answer.size}"
        elif status == 416:
            named["Content-Range"] = f"bytes */{answer.size}"
        if answer.chunked:
            named["Transfer-Encoding"] = "chunked"
        else:
            length = 0 if status == 416 else last - first + answer.declare
            named["Content-Length"] = str(length)
        for name, value in {**named, **answer.headers}.items():
            if value is not None:
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()

    def _body(self, answer: Answer, first: int, last: int) -> None:
        middle, left = (first + last) // 2, answer.break_after
        for block in answer.blocks(first, last):
            piece = block if left is None else block[:left]
            self._send(piece, answer)
            if left is not None:
                left -= len(piece)
                if left <= 0:
                    return
            if answer.trickle_s and self.server.owner.closing.wait(answer.trickle_s):
                return
            first += len(block)
            if answer.until is not None and first >= middle:
                answer.until.wait()
        if answer.chunked:
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.write(answer.surplus)

    def _send(self, piece: bytes, answer: Answer) -> None:
        if answer.chunked and piece:
            piece = b"%x\r\n%b\r\n" % (len(piece), piece)
        self.wfile.write(piece)

    def log_message(self, *args: Any) -> None:
        pass
