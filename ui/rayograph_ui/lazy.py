"""The Gradio page, built when somebody first asks for it.

Gradio takes seconds of processor time to import, far longer than the rest of a replica needs to
answer. Until it is there the same page is served without its frame.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from fastapi import FastAPI
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from rayograph.errors import NotFound
from rayograph_ui.shell import mount_static, shell_html

_GRADIO = ("/gradio_api/", "/assets/", "/svelte/", "/theme.css", "/config", "/static/")
log = logging.getLogger(__name__)


class LazyPage:
    """An ASGI app: the bare page first, Gradio's as soon as it is built."""

    def __init__(self) -> None:
        self._page: ASGIApp | None = None
        self._building: asyncio.Task[None] | None = None
        self._life = contextlib.AsyncExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._page is None and self._building is None:
            self._building = asyncio.create_task(self._build())
        if self._page is not None:
            await self._page(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1013})
        else:
            await self._bare(scope)(scope, receive, send)

    def _bare(self, scope: Scope) -> Response:
        path = scope["path"]
        if path in ("", "/") and scope["method"] in ("GET", "HEAD"):
            return HTMLResponse(shell_html())
        if path.startswith(_GRADIO):
            return Response("the page is being built", 503, {"Retry-After": "2"})
        missing = NotFound("there is nothing here")
        return JSONResponse(missing.to_json(), missing.status)

    async def _build(self) -> None:
        try:
            page = await asyncio.to_thread(_gradio_app)
            await self._life.enter_async_context(page.router.lifespan_context(page))
        except Exception:
            log.exception("Gradio could not be built; the bare page stays")
            return
        self._page = page


def _gradio_app() -> FastAPI:
    from rayograph_ui.app import mount

    return mount(FastAPI(docs_url=None, redoc_url=None, openapi_url=None))


def mount_lazily(app: FastAPI) -> None:
    """Put the page at ``/`` behind every route ``app`` already has; call it last."""
    mount_static(app)
    app.mount("/", LazyPage())
