"""Answers that last: server-sent events, WebSocket messages, and clients that leave."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import TypeVar

from fastapi import WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from starlette.types import Receive

from rayograph.schema import Progress

# Proxies drop connections that are silent for about a minute.
KEEP_ALIVE_S = 15.0
T = TypeVar("T")


async def events(updates: AsyncIterator[Progress], *, stay: bool = False) -> StreamingResponse:
    """Progress as server-sent events, one ``data:`` line each; with ``stay`` beyond the end.

    The first update is awaited here, so that an unknown dataset is still a 404.
    """
    first = await anext(updates)
    return StreamingResponse(
        _lines(first, updates, stay),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def messages(websocket: WebSocket, updates: AsyncIterator[Progress]) -> None:
    """Progress as text messages; returns when the work is complete or the client leaves."""
    first = await anext(updates)
    await websocket.accept()
    sending = asyncio.create_task(_send_all(websocket, first, updates))
    leaving = asyncio.create_task(_left(websocket))
    try:
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _cancel(leaving)
        if not sending.done():
            await _cancel(sending)
        await _close(updates)
    if not sending.cancelled():
        sending.result()


async def unless_gone(receive: Receive, work: Coroutine[object, object, T]) -> T | None:
    """The result of ``work``, or None if the client disconnects first (work is cancelled)."""
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_disconnected(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        await _cancel(leaving)
        if not working.done():
            await _cancel(working)


async def _lines(
    first: Progress, updates: AsyncIterator[Progress], stay: bool
) -> AsyncIterator[str]:
    yield "retry: 1000\n" + _event(first)
    waiting: asyncio.Task[Progress | None] | None = None
    try:
        last = first
        while stay or last.status != "complete":
            waiting = waiting or asyncio.create_task(_next(updates))
            await asyncio.wait({waiting}, timeout=KEEP_ALIVE_S)
            if not waiting.done():
                yield ": still here\n\n"
                continue
            update, waiting = waiting.result(), None
            if update is None:
                return
            last = update
            yield _event(last)
    finally:
        if waiting is not None:
            await _cancel(waiting)
        await _close(updates)


def _event(progress: Progress) -> str:
    return f"data: {progress.model_dump_json()}\n\n"


async def _send_all(
    websocket: WebSocket, first: Progress, updates: AsyncIterator[Progress]
) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        await websocket.send_text(first.model_dump_json())
        last = first
        while last.status != "complete":
            update = await _next(updates)
            if update is None:
                break
            last = update
            await websocket.send_text(last.model_dump_json())
        await websocket.close()


async def _next(updates: AsyncIterator[Progress]) -> Progress | None:
    return await anext(updates, None)


async def _left(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cancel(task: asyncio.Task[T]) -> None:
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        # Read it, or asyncio complains of an error nobody saw.
        task.exception()


async def _close(updates: AsyncIterator[Progress]) -> None:
    close = getattr(updates, "aclose", None)
    if close is not None:
        await close()
