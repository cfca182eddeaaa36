"""The application under test, over a fake engine, without a socket."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from rayograph.errors import ImageFault
from rayograph.settings import Settings
from rayograph.sources import open_uri
from rayograph_serve.app import create_app
from rayograph_serve.thumbnails import ThumbnailStore
from tests.fake_engine import FakeEngine, draw_pictures

BASE = "http://127.0.0.1:8000"


@dataclass
class Pictures:
    """Draws thumbnails in this process and counts them."""

    made: list[tuple[str, int]] = field(default_factory=list)

    def __call__(self, uri: str, width: int) -> bytes:
        self.made.append((uri, width))
        with open_uri(uri) as file:
            try:
                picture = Image.open(io.BytesIO(file.read()))
            except OSError:
                raise ImageFault("not a picture", fault="not_an_image") from None
        picture.thumbnail((width, width))
        out = io.BytesIO()
        picture.save(out, "JPEG")
        return out.getvalue()


@dataclass
class Served:
    """A running application and its parts."""

    app: Any
    engine: FakeEngine
    pictures: Pictures
    http: httpx.AsyncClient
    folder: Path
    dataset: str

    async def ids(self) -> list[str]:
        page = await self.engine.images(self.dataset, limit=1000, cursor=None, offset=0, sort=None)
        return [record.id for record in page.items]


@asynccontextmanager
async def serving(tmp_path: Path, *, count: int = 5, **overrides: Any) -> AsyncIterator[Served]:
    """The app over ``count`` drawn pictures; ``overrides`` are settings by section."""
    folder, pictures, engine = tmp_path / "pictures", Pictures(), FakeEngine()
    draw_pictures(folder, count)
    dataset = engine.fill(folder)
    sections = {"catalog": {"uri": str(tmp_path / "catalog")}, **overrides}
    settings = Settings.model_validate(sections)
    app = create_app(engine, settings, thumbnail_store=ThumbnailStore(settings, render=pictures))
    # An unexpected error is answered and logged by the app, never raised into the server.
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE, trust_env=False) as http:
        try:
            yield Served(app, engine, pictures, http, folder, dataset)
        finally:
            app.state.thumbnails.close()


class Socket:
    """One raw ASGI connection, so that streams are seen message by message."""

    def __init__(
        self,
        app: Any,
        kind: str,
        path: str,
        headers: dict[str, str] | None = None,
        *,
        extensions: tuple[str, ...] = (),
    ) -> None:
        self.received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.path = path
        given = {"host": "127.0.0.1:8000", **(headers or {})}
        scope = {
            "type": kind,
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "scheme": "http" if kind == "http" else "ws",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(k.encode(), v.encode()) for k, v in given.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8000),
            "subprotocols": [],
            "state": {},
            "extensions": {name: {} for name in extensions},
        }
        if kind == "http":
            scope["method"] = "GET"
        self.say("http.request" if kind == "http" else "websocket.connect", body=b"")
        self.task = asyncio.create_task(app(scope, self.received.get, self.sent.put))

    def say(self, kind: str, **fields: Any) -> None:
        """A message from the client."""
        self.received.put_nowait({"type": kind, **fields})

    async def hear(self) -> dict[str, Any]:
        """The next message to the client."""
        return await asyncio.wait_for(self.sent.get(), 5)

    async def over(self) -> None:
        """Returns when the application is done with the connection."""
        await asyncio.wait_for(self.task, 5)
