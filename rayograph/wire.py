"""One HTTP request whose connection is checked before, and watched and counted while it is open.

No proxy, no redirect, no cookie, no decoding: what a server says is taken as it stands.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from time import monotonic

import httpcore
import httpx

from rayograph.addresses import AddressRule, WebAddress
from rayograph.errors import FetchFailed, FetchStopped

# A wait is cut into slices of this length, so that a stop is noticed soon.
_SLICE_S = 0.25
# How long a server that was asked to close may take to do so, or to give itself away.
_CLOSE_S = 1.0
# Of a host with many addresses this many are tried.
_ADDRESSES = 4
# Heads beyond this size, however many answers 1xx they are made of, are no answer.
_HEAD_BYTES = 1 << 18
# The head of the final answer and of those that go before it (100 Continue, 103 Early Hints).
_HEAD = re.compile(
    rb"(?:HTTP/1\.\d 1\d\d[^\n]*\n(?:[^\r\n][^\n]*\n)*\r?\n)*"
    rb"HTTP/1\.\d [2-9]\d\d[^\n]*\n(?:[^\r\n][^\n]*\n)*\r?\n"
)


class Broken(Exception):
    """A try failed in a way that may pass; ``retry_after_s`` is what the server asked for."""

    def __init__(
        self, reason: str, *, retry_after_s: float = 0.0, fault: str = "unreadable"
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Watch:
    """What a connection must keep to."""

    connect_timeout_s: float
    patience_s: float
    min_rate_bytes_s: float
    stop: threading.Event

    def check(self) -> None:
        if self.stop.is_set():
            raise FetchStopped("the download was stopped", hint="it goes on where it was")


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    _response: httpcore.Response
    _stream: _WatchedStream

    def chunks(self) -> Iterator[bytes]:
        return self._response.iter_stream()

    def has_more_than(self, length_bytes: int) -> bool:
        """Whether more came than the body's declared length; asked when that has been read."""
        return self._stream.has_more_than(length_bytes)


@contextlib.contextmanager
def get(
    address: WebAddress, headers: Mapping[str, str], *, rule: AddressRule, watch: Watch
) -> Iterator[Answer]:
    """Send one GET and give its answer, body unread.

    Raises:
        Broken: for now there is none, or the connection broke off inside the block.
        SourceForbidden: the host lies in a private network.
        FetchFailed: there is no such host, or it cannot prove who it is.
        FetchStopped: it was told to.
    """
    watch.check()
    tls = httpx.create_ssl_context() if address.scheme == "https" else None
    where = httpcore.URL(
        scheme=address.scheme.encode(),
        host=address.host.encode(),
        port=address.port,
        target=address.target.encode(),
    )
    sent = {"Host": address.authority, "Connection": "close", **headers}
    timeout = {"connect": watch.connect_timeout_s, "write": watch.patience_s}
    try:
        with (
            httpcore.ConnectionPool(
                ssl_context=tls, network_backend=CheckedBackend(rule, watch)
            ) as pool,
            pool.stream(
                "GET", where, headers=list(sent.items()), extensions={"timeout": timeout}
            ) as response,
        ):
            names = {
                k.decode("ascii").lower(): v.decode("utf-8", "replace") for k, v in response.headers
            }
            stream = response.extensions["network_stream"]
            yield Answer(response.status, names, response, stream)
    except (httpcore.ConnectError, httpcore.ConnectTimeout):
        raise Broken(f"cannot connect to {address.host}") from None
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
        raise Broken(f"the connection to {address.host} broke off") from None


class CheckedBackend(httpcore.NetworkBackend):
    """Connects to the very addresses that were checked; nothing is resolved a second time."""

    def __init__(
        self, rule: AddressRule, watch: Watch, inner: httpcore.NetworkBackend | None = None
    ) -> None:
        self._rule = rule
        self._watch = watch
        self._inner = inner or httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = self._rule.addresses(host, port)
        except socket.gaierror:
            raise httpcore.ConnectError("the name cannot be resolved now") from None
        failure: Exception = httpcore.ConnectError("no address")
        for address in found[:_ADDRESSES]:
            self._watch.check()
            try:
                stream = self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _WatchedStream(stream, host, self._watch)
        raise failure


class _WatchedStream(httpcore.NetworkStream):
    """Notices a stop while it waits, a server that trickles, and what a head ended at."""

    def __init__(self, stream: httpcore.NetworkStream, host: str, watch: Watch) -> None:
        self._stream = stream
        self._host = host
        self._watch = watch
        self._slice_s = min(_SLICE_S, watch.patience_s)
        self._waited_s = 0.0
        self._waited_bytes = 0
        self._received = 0
        self._start = b""
        self._head_bytes: int | None = None

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while True:
            self._watch.check()
            begun = monotonic()
            try:
                data = self._stream.read(max_bytes, self._slice_s)
            except httpcore.ReadTimeout:
                data = None
            self._judge(monotonic() - begun, len(data or b""))
            if data is not None:
                self._count(data)
                return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        try:
            stream = self._stream.start_tls(ssl_context, server_hostname, timeout)
        except httpcore.ConnectError as error:
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                raise FetchFailed(
                    f"{self._host} cannot prove who it is: {error.__cause__.verify_message}",
                    hint="SSL_CERT_FILE names further certificates to trust",
                ) from None
            raise
        return _WatchedStream(stream, self._host, self._watch)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)

    def has_more_than(self, length_bytes: int) -> bool:
        if self._head_bytes is not None and self._received - self._head_bytes > length_bytes:
            return True
        try:
            # An honest server was asked to close and has done so: then this waits for nothing.
            return self._stream.read(1, _CLOSE_S) != b""
        except (httpcore.TimeoutException, httpcore.NetworkError):
            return False

    def _judge(self, waited_s: float, size_bytes: int) -> None:
        """Only time spent waiting counts: a slow disk here is not the server's fault."""
        self._waited_s += waited_s
        self._waited_bytes += size_bytes
        if self._waited_s < self._watch.patience_s:
            return
        if self._waited_bytes < self._watch.min_rate_bytes_s * self._waited_s:
            raise Broken(f"{self._host} sends too slowly or not at all", fault="timeout")
        self._waited_s, self._waited_bytes = 0.0, 0

    def _count(self, data: bytes) -> None:
        self._received += len(data)
        if self._head_bytes is None:
            self._start += data
            match = _HEAD.match(self._start)
            if match:
                self._head_bytes, self._start = match.end(), b""
            elif len(self._start) > _HEAD_BYTES:
                raise Broken(f"{self._host} answers with endless headers")
