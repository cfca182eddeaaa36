"""The real application under uvicorn, in a thread, over a ``VirtualEngine``."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn
from PIL import Image
from virtual_engine import VirtualEngine

from rayograph.errors import ImageFault
from rayograph.settings import Settings
from rayograph.sources import local_path
from rayograph_serve.app import create_app
from rayograph_serve.thumbnails import ThumbnailStore
from rayograph_ui.app import mount
from rayograph_ui.shell import shell_html

Scope = dict[str, Any]
Call = Callable[..., Awaitable[Any]]
_EARLY = ("/static/", "/thumbnail", "/images", "/api/datasets", "/api/progress/", "/api/healthz")


def _render(uri: str, width: int) -> bytes:
    """Thumbnails in this process: the drawings are small and nothing in them is hostile."""
    path = local_path(uri)
    if path is None:
        raise ImageFault("not a local file", fault="missing")
    with Image.open(path) as image:
        image.thumbnail((width, width))
        out = io.BytesIO()
        image.save(out, "WEBP", quality=80)
    return out.getvalue()


class Gate:
    """Answers as the boot front does while ``engine.phase`` is set: reads yes, the rest later."""

    def __init__(self, app: Call, engine: VirtualEngine, shell: str) -> None:
        self.app = app
        self.engine = engine
        self.shell = shell

    async def __call__(self, scope: Scope, receive: Call, send: Call) -> None:
        if scope["type"] != "http" or self.engine.phase is None:
            await self.app(scope, receive, send)
            return
        path, method = scope["path"], scope["method"]
        if path == "/":
            await _answer(send, 200, self.shell.encode(), b"text/html; charset=utf-8")
        elif path == "/api/readyz" or (method == "GET" and any(part in path for part in _EARLY)):
            await self.app(scope, receive, send)
        else:
            error = {"error": {"code": "unavailable", "message": "starting"}}
            await _answer(send, 503, json.dumps(error).encode(), b"application/json")


async def _answer(send: Call, status: int, body: bytes, kind: bytes) -> None:
    headers = [(b"content-type", kind), (b"retry-after", b"1")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Running:
    """A served engine; ``url`` is where its page is."""

    def __init__(self, folder: Path, settings: Settings | None = None) -> None:
        self.engine = VirtualEngine(folder)
        settings = settings or Settings.model_validate({"catalog": {"uri": str(folder)}})
        store = ThumbnailStore(settings, render=_render)
        app = create_app(self.engine, settings, thumbnail_store=store, mount_page=mount)
        self.app = app
        self.gate = Gate(app, self.engine, shell_html())
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            self.gate, log_level="warning", timeout_graceful_shutdown=1, ws="none"
        )
        self._server = uvicorn.Server(config)
        run = self._server.run
        self._thread = threading.Thread(target=run, kwargs={"sockets": [listener]}, daemon=True)
        self._thread.start()
        self._listener = listener

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._listener.close()
