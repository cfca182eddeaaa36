"""The short way to a thumbnail that was just served, before any routing takes place."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from rayograph_serve.thumbnail_queue import ThumbnailQueue

# How long a path is answered without asking the engine again where its picture is.
FRESH_S = 10.0
_KEPT = 20_000
_ROUTE = "/api/images/{image_id}/thumbnail"
_OF_A_BODY = frozenset({b"content-length", b"content-type"})


def matches(condition: str | None, etag: str) -> bool:
    """Whether an ``If-None-Match`` header names this ETag."""
    if condition is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in condition.split(",")]
    return etag in tags or tags == ["*"]


@dataclass(frozen=True, slots=True)
class _Shortcut:
    mark: str
    headers: list[tuple[bytes, bytes]]
    until: float


class Shortcuts:
    """Paths served moments ago, so that a page scrolled back is answered from memory at once.

    Only the mark is kept here: the bytes stay in the store's memory and count against its limit.
    """

    def __init__(self, queue: ThumbnailQueue) -> None:
        self._store = queue.store
        self._kept: OrderedDict[tuple[str, bytes], _Shortcut] = OrderedDict()

    def keep(self, scope: Scope, mark: str, headers: list[tuple[bytes, bytes]]) -> None:
        """Remember that this path and query lead to ``mark``, for ``FRESH_S``."""
        key = (scope["path"], scope["query_string"])
        self._kept[key] = _Shortcut(mark, headers, time.monotonic() + FRESH_S)
        self._kept.move_to_end(key)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def forget(self) -> None:
        """Ask the engine again for every path (a dataset went away)."""
        self._kept.clear()

    def find(self, scope: Scope) -> tuple[bytes, _Shortcut] | None:
        """The body and headers for a request, if both are at hand."""
        shortcut = self._kept.get((scope["path"], scope["query_string"]))
        if shortcut is None or shortcut.until < time.monotonic():
            return None
        body = self._store.remembered(shortcut.mark)
        return None if body is None else (body, shortcut)


class ServeShortcuts:
    """ASGI middleware: answers what ``Shortcuts`` knows before any routing takes place."""

    def __init__(self, app: ASGIApp, shortcuts: Shortcuts) -> None:
        self._app = app
        self._shortcuts = shortcuts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = None
        if scope["type"] == "http" and scope["method"] == "GET":
            found = self._shortcuts.find(scope)
        if found is None:
            await self._app(scope, receive, send)
            return
        body, shortcut = found
        scope["rayograph.route"] = _ROUTE
        status, headers = 200, shortcut.headers
        condition = next((v for k, v in scope["headers"] if k == b"if-none-match"), None)
        if condition is not None and matches(condition.decode("latin-1"), f'"{shortcut.mark}"'):
            status, body = 304, b""
            headers = [pair for pair in headers if pair[0] not in _OF_A_BODY]
        await send({"type": "http.response.start", "status": status, "headers": [*headers]})
        await send({"type": "http.response.body", "body": body})
