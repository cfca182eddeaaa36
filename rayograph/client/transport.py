"""How both clients send, retry and fail: the policy once, one thin loop for each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import ValidationError

from rayograph.client.calls import Call
from rayograph.errors import NotFound, RayographError, ServerError, Unavailable, error_from_json
from rayograph.schema import Progress

T = TypeVar("T")
TRIES = 5
PAUSE_MAX_S = 5.0
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def http_options(url: str, token: str | None, timeout_s: float) -> dict[str, Any]:
    """Keyword arguments of either httpx client."""
    address = urlsplit(url)
    if address.scheme not in {"http", "https"} or not address.hostname:
        raise Unavailable(f"{url!r} is not a server's address", hint="like http://127.0.0.1:8000")
    return {
        "base_url": url.rstrip("/"),
        "headers": {"Authorization": f"Bearer {token}"} if token else {},
        "timeout": httpx.Timeout(timeout_s, connect=min(5.0, timeout_s)),
        # A proxy named in the environment cannot reach this machine's own loopback.
        "trust_env": address.hostname not in LOOPBACK,
    }


def pause_after(call: Call[Any], response: httpx.Response, attempt: int) -> float | None:
    """Seconds to wait before asking again; None: this answer stands."""
    if attempt + 1 >= TRIES:
        return None
    if response.status_code == 503 and "retry-after" in response.headers:
        try:
            return min(max(0.0, float(response.headers["retry-after"])), PAUSE_MAX_S)
        except ValueError:
            return 1.0
    if response.status_code == 404 and "json" not in response.headers.get("content-type", ""):
        # Not rayograph's 404 but its proxy's, in the moment Serve takes the port over.
        return 0.1 * 2**attempt if call.repeat else None
    return None


def pause_after_fault(call: Call[Any], error: httpx.TransportError, attempt: int) -> float | None:
    """The same for a connection that broke while the answer was awaited."""
    broken = isinstance(error, (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError))
    return 0.1 * 2**attempt if broken and call.repeat and attempt + 1 < TRIES else None


def fault(error: httpx.TransportError, url: str) -> RayographError:
    """The typed exception for no answer at all."""
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return Unavailable(
            f"no rayograph answers at {url}",
            hint="start one with `rayograph up`, or name another with --server / Client(url)",
        )
    if isinstance(error, httpx.TimeoutException):
        return ServerError(f"{url} did not answer in time", hint="give a longer timeout_s")
    return ServerError(f"{url} broke the connection: {error}", hint="see the server's log")


def checked(response: httpx.Response) -> httpx.Response:
    """The answer, or the typed exception it stands for."""
    if response.is_success:
        return response
    try:
        body: object = response.json()
    except ValueError:
        body = None
    if response.status_code in {404, 405} and not (isinstance(body, dict) and "error" in body):
        request = response.request
        raise NotFound(
            f"this server does not know {request.method} {request.url.path}",
            hint="is it another version of rayograph, or another program?",
        )
    raise error_from_json(response.status_code, body)


def event(line: str) -> Progress | None:
    """The progress one line of an event stream holds; None for any other line."""
    if not line.startswith("data:"):
        return None
    try:
        return Progress.model_validate_json(line[5:])
    except ValidationError:
        raise ServerError("the progress stream sent something else than progress") from None


class Transport:
    """Blocking."""

    def __init__(self, url: str, token: str | None, timeout_s: float, **options: Any) -> None:
        self.url, self.timeout_s = url, timeout_s
        self.connection = (url, token, timeout_s)
        self._http = httpx.Client(**http_options(url, token, timeout_s), **options)

    def send(self, call: Call[T]) -> T:
        for attempt in range(TRIES):
            try:
                response = self._http.request(
                    call.method, call.path, params=dict(call.params), json=call.body
                )
            except httpx.TransportError as error:
                pause = pause_after_fault(call, error, attempt)
                if pause is None:
                    raise fault(error, self.url) from error
            else:
                pause = pause_after(call, response, attempt)
                if pause is None:
                    return call.parse(checked(response))
            time.sleep(pause)
        raise AssertionError("the last attempt always returns or raises")

    def events(self, path: str, read_s: float) -> Iterator[Progress | None]:
        """What an event stream sends; None for a sign of life. Ends when the server ends it."""
        timeout = httpx.Timeout(self.timeout_s, read=read_s)
        try:
            with self._http.stream("GET", path, timeout=timeout) as response:
                if not response.is_success:
                    response.read()
                checked(response)
                for line in response.iter_lines():
                    yield event(line)
        except httpx.TransportError as error:
            raise fault(error, self.url) from error

    @contextmanager
    def stream(self, path: str, params: Mapping[str, str]) -> Iterator[Iterator[bytes]]:
        """A long answer as it comes; one that breaks off raises."""
        try:
            with self._http.stream("GET", path, params=dict(params)) as response:
                if not response.is_success:
                    response.read()
                checked(response)
                yield response.iter_bytes()
        except httpx.TransportError as error:
            raise fault(error, self.url) from error

    def close(self) -> None:
        self._http.close()


class AsyncTransport:
    """The same on asyncio."""

    def __init__(self, url: str, token: str | None, timeout_s: float, **options: Any) -> None:
        self.url, self.timeout_s = url, timeout_s
        self.connection = (url, token, timeout_s)
        self._http = httpx.AsyncClient(**http_options(url, token, timeout_s), **options)

    async def send(self, call: Call[T]) -> T:
        for attempt in range(TRIES):
            try:
                response = await self._http.request(
                    call.method, call.path, params=dict(call.params), json=call.body
                )
            except httpx.TransportError as error:
                pause = pause_after_fault(call, error, attempt)
                if pause is None:
                    raise fault(error, self.url) from error
            else:
                pause = pause_after(call, response, attempt)
                if pause is None:
                    return call.parse(checked(response))
            await asyncio.sleep(pause)
        raise AssertionError("the last attempt always returns or raises")

    async def events(self, path: str, read_s: float) -> AsyncGenerator[Progress | None, None]:
        timeout = httpx.Timeout(self.timeout_s, read=read_s)
        try:
            async with self._http.stream("GET", path, timeout=timeout) as response:
                if not response.is_success:
                    await response.aread()
                checked(response)
                async for line in response.aiter_lines():
                    yield event(line)
        except httpx.TransportError as error:
            raise fault(error, self.url) from error

    async def stream(self, path: str, params: Mapping[str, str]) -> AsyncGenerator[bytes, None]:
        try:
            async with self._http.stream("GET", path, params=dict(params)) as response:
                if not response.is_success:
                    await response.aread()
                checked(response)
                async for chunk in response.aiter_bytes():
                    yield chunk
        except httpx.TransportError as error:
            raise fault(error, self.url) from error

    async def close(self) -> None:
        await self._http.aclose()
