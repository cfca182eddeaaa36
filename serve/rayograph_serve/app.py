"""The HTTP service as a plain FastAPI application, whoever runs it: Serve, uvicorn or a test."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import cast

from fastapi import FastAPI, HTTPException
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from rayograph import __version__
from rayograph.access import Access
from rayograph.errors import InvalidRequest, RayographError
from rayograph.settings import Settings
from rayograph_serve.engine import Engine
from rayograph_serve.exporting import Exports
from rayograph_serve.routes import (
    analyses,
    annotated,
    attention,
    datasets,
    docs,
    exports,
    facets,
    failures,
    health,
    iiif,
    images,
    labels,
    login,
    metrics,
    missing,
    models,
    originals,
    progress,
    search,
    snapshots,
    thumbnails,
    tiles,
    views,
)
from rayograph_serve.shortcuts import ServeShortcuts, Shortcuts
from rayograph_serve.thumbnail_queue import ThumbnailQueue
from rayograph_serve.thumbnails import ThumbnailStore

logger = logging.getLogger(__name__)
# An uploaded picture of 40 MB as base64 fits, with the rest of a search around it.
MAX_BODY_BYTES = 64 * 1024 * 1024
_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})
_RETRY_S = "1"
_ROUTERS = (
    datasets.router,
    progress.router,
    progress.sockets,
    images.router,
    thumbnails.router,
    originals.router,
    tiles.router,
    iiif.router,
    search.router,
    facets.router,
    views.router,
    failures.router,
    annotated.router,
    exports.router,
    snapshots.router,
    attention.router,
    analyses.router,
    labels.router,
    models.router,
    health.router,
    metrics.router,
    login.router,
    docs.router,
)
_SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"frame-ancestors 'self'"),
    (b"referrer-policy", b"same-origin"),
)


def create_app(
    engine: Engine,
    settings: Settings,
    *,
    thumbnail_store: ThumbnailStore | None = None,
    mount_page: Callable[[FastAPI], object] | None = None,
) -> FastAPI:
    """The API over ``engine``; ``mount_page`` is called last and may take every path left."""
    store = thumbnail_store or ThumbnailStore(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        # A child may be in the middle of a picture that hangs.
        await run_in_threadpool(app.state.thumbnails.close)
        await run_in_threadpool(app.state.exports.close)

    app = FastAPI(
        title="rayograph",
        version=__version__,
        summary="Open image datasets of any size and search them while you look.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.engine = engine
    app.state.access = Access(settings.server)
    app.state.thumbnails = ThumbnailQueue(store)
    app.state.exports = Exports(settings)
    app.state.shortcuts = Shortcuts(app.state.thumbnails)
    app.state.metrics = metrics.new_registry(store)
    app.state.started = time.monotonic()
    for router in _ROUTERS:
        app.include_router(router)
    missing.refuse_the_rest(app)
    # Typed for requests alone, yet called for handshakes too.
    answer = cast("Callable[[Request, Exception], Awaitable[Response]]", _answer)
    for kind in (RayographError, RequestValidationError, AnyHTTPException):
        app.add_exception_handler(kind, answer)
    # The one added last is the first to see a request.
    app.add_middleware(ServeShortcuts, shortcuts=app.state.shortcuts)
    app.add_middleware(Gate, access=app.state.access)
    app.add_middleware(metrics.MeasureRequests, registry=app.state.metrics)
    if mount_page is not None:
        mount_page(app)
    return app


class Gate:
    """ASGI middleware: lets nothing past that ``Access`` refuses, and nothing internal out."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        started = False

        async def sealed(message: Message) -> None:
            nonlocal started
            started = True
            if message["type"] in _STARTS:
                given = {name for name, _ in message["headers"]}
                extra = [pair for pair in _SECURITY_HEADERS if pair[0] not in given]
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        try:
            headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
            self._access.check(scope.get("method", "WEBSOCKET"), scope["path"], headers)
            await self._app(scope, _limited(receive), sealed)
        except RayographError as error:
            await _send(error_response(error), scope, receive, sealed)
        except Exception:
            logger.exception("%s %s failed", scope.get("method", "WEBSOCKET"), scope["path"])
            if started:
                # Half an answer cannot be taken back; the server cuts the connection.
                raise
            await _send(_plain_error(500), scope, receive, sealed)


def _limited(receive: Receive) -> Receive:
    """``receive`` that gives up on a body larger than anything the API takes."""
    left = MAX_BODY_BYTES

    async def limited() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413)
        return message

    return limited


def error_response(error: RayographError) -> Response:
    """The answer to a deliberate error."""
    headers = {"Retry-After": _RETRY_S} if error.status == 503 else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return _Json(error.to_json(), error.status, headers)


class _Json(JSONResponse):
    """JSON for messages that may quote odd file names: lone surrogates are replaced."""

    def render(self, content: object) -> bytes:
        return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")


async def _answer(connection: HTTPConnection, error: Exception) -> Response | None:
    """Every exception a route may end with, as the error JSON; a handshake is turned down."""
    if isinstance(error, RayographError):
        response = error_response(error)
    elif isinstance(error, RequestValidationError):
        response = error_response(_invalid(error))
    else:
        assert isinstance(error, AnyHTTPException)
        response = _plain_error(error.status_code, dict(error.headers or {}))
    if _must_close(connection.scope):
        assert isinstance(connection, WebSocket)
        await connection.close(code=4000 + response.status_code)
        return None
    return response


def _must_close(scope: Scope) -> bool:
    """Whether a handshake can only be closed, because the server cannot send an answer to it."""
    denial = "websocket.http.response" in scope.get("extensions", {})
    return scope["type"] == "websocket" and not denial


async def _send(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if _must_close(scope):
        await WebSocket(scope, receive, send).close(code=4000 + response.status_code)
    else:
        await response(scope, receive, send)


def _invalid(error: RequestValidationError) -> InvalidRequest:
    first, *others = error.errors()
    # The first part only says body, query or path.
    where = ".".join(str(part) for part in first["loc"][1:])
    message = str(first["msg"]).removeprefix("Value error, ")
    hint = f"and {len(others)} more" if others else None
    return InvalidRequest(f"{where}: {message}" if where else message, hint=hint)


def _plain_error(status: int, headers: dict[str, str] | None = None) -> Response:
    """An error that is known by its status alone."""
    phrase = HTTPStatus(status).phrase
    code = "internal_error" if status == 500 else phrase.lower().replace(" ", "_")
    return _Json({"error": {"code": code, "message": phrase}}, status, headers)
