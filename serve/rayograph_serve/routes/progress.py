"""Progress three ways: asked for, as server-sent events, over a WebSocket."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, WebSocket
from fastapi.responses import StreamingResponse

from rayograph.schema import Progress
from rayograph_serve import streams
from rayograph_serve.routes import parts
from rayograph_serve.routes.parts import DatasetId, Engine

router = parts.router("progress", prefix="")
# Apart, because a handshake has no query rules to keep and no HTTP answer to document.
sockets = APIRouter()


@router.get("/api/progress/{dataset_id}", summary="Show a dataset's progress")
async def progress(dataset_id: DatasetId, engine: Engine) -> Progress:
    """Counts, rates and time left; the five counts add up to ``total``."""
    return await engine.progress(dataset_id)


@router.get(
    "/sse/progress/{dataset_id}",
    summary="Follow a dataset's progress as events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "One `data:` line a change, each a Progress object; ends when complete.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    },
)
async def events(
    dataset_id: DatasetId,
    engine: Engine,
    stay: Annotated[bool, Query(description="go on after it is complete")] = False,
) -> StreamingResponse:
    """The progress whenever it changes, at most every 500 ms, until it is complete."""
    return await streams.events(engine.watch(dataset_id, stay=stay), stay=stay)


@sockets.websocket("/ws/progress/{dataset_id}")
async def follow(websocket: WebSocket, dataset_id: DatasetId, engine: Engine) -> None:
    """The same objects as text messages; the socket closes when the work is complete."""
    await streams.messages(websocket, engine.watch(dataset_id))
