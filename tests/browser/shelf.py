"""The page over the real service and a real catalog, for what a page asks of all rows at once."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import uvicorn
from drawings import picture
from served import _render

from rayograph_serve.thumbnails import ThumbnailStore
from rayograph_ui.app import mount
from tests.library_data import shelve


class RunningShelf:
    """``url`` is where the page is; ``shelved`` what lies behind it."""

    def __init__(self, home: Path, count: int = 120) -> None:
        drawn = home / "shelf"
        self.shelved = shelve(home, count, pictures=drawn)
        rows = self.shelved.catalog.reader(self.shelved.dataset_id).column("uri").to_pylist()
        for at, uri in enumerate(rows):
            path = Path(uri.removeprefix("file://"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.hardlink_to(picture(home, at % 24))
        store = ThumbnailStore(self.shelved.settings, render=_render)
        app = self.shelved.app(thumbnail_store=store, mount_page=mount)
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._server = uvicorn.Server(
            uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1, ws="none")
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._listener.close()
