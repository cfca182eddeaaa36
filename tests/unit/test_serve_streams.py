"""Progress as events and over a WebSocket, until it is complete or nobody listens."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from serving import Served, Socket, serving

from rayograph_serve import streams


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path) as running:
        yield running


def data(message: dict[str, Any]) -> dict[str, Any]:
    lines = message["body"].decode().splitlines()
    (line,) = [line for line in lines if line.startswith("data: ")]
    return json.loads(line.removeprefix("data: "))


async def watchers_gone(served: Served) -> bool:
    """Whether nobody waits for changes any more."""
    return not served.engine._changed._waiters


async def test_events_follow_the_work_and_end_with_it(served: Served) -> None:
    socket = Socket(served.app, "http", f"/sse/progress/{served.dataset}")
    start = await socket.hear()
    headers = dict(start["headers"])
    assert start["status"] == 200
    assert headers[b"content-type"].startswith(b"text/event-stream")
    assert headers[b"cache-control"] == b"no-store"
    assert data(await socket.hear())["pending"] == 5
    await served.engine.set_status(served.dataset, "ready", 2)
    middle = data(await socket.hear())
    assert (middle["ready"], middle["status"]) == (2, "in_progress")
    await served.engine.set_status(served.dataset, "ready")
    last = data(await socket.hear())
    assert (last["ready"], last["status"]) == (5, "complete")
    assert await socket.hear() == {"type": "http.response.body", "body": b"", "more_body": False}
    await socket.over()


async def test_events_of_finished_work_are_one(served: Served) -> None:
    await served.engine.set_status(served.dataset, "ready")
    answer = await served.http.get(f"/sse/progress/{served.dataset}")
    assert answer.text.count("data: ") == 1


async def test_a_quiet_stream_stays_open(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "KEEP_ALIVE_S", 0.001)
    socket = Socket(served.app, "http", f"/sse/progress/{served.dataset}")
    await socket.hear()
    await socket.hear()
    assert (await socket.hear())["body"].startswith(b":")
    socket.say("http.disconnect")
    await socket.over()
    assert await watchers_gone(served)


async def test_an_event_listener_that_leaves_is_forgotten(served: Served) -> None:
    socket = Socket(served.app, "http", f"/sse/progress/{served.dataset}")
    await socket.hear()
    await socket.hear()
    socket.say("http.disconnect")
    await socket.over()
    assert await watchers_gone(served)


async def test_a_socket_follows_the_work_and_closes_with_it(served: Served) -> None:
    socket = Socket(served.app, "websocket", f"/ws/progress/{served.dataset}")
    assert (await socket.hear())["type"] == "websocket.accept"
    assert json.loads((await socket.hear())["text"])["pending"] == 5
    await served.engine.set_status(served.dataset, "indexed")
    assert json.loads((await socket.hear())["text"])["indexed"] == 5
    socket.say("websocket.receive", text="whatever a client may say")
    await served.engine.set_status(served.dataset, "ready")
    assert json.loads((await socket.hear())["text"])["status"] == "complete"
    closing = await socket.hear()
    assert (closing["type"], closing["code"]) == ("websocket.close", 1000)
    await socket.over()
    assert await watchers_gone(served)


async def test_a_socket_that_leaves_is_forgotten(served: Served) -> None:
    socket = Socket(served.app, "websocket", f"/ws/progress/{served.dataset}")
    await socket.hear()
    await socket.hear()
    socket.say("websocket.disconnect", code=1001)
    await socket.over()
    assert await watchers_gone(served)


@pytest.mark.parametrize(
    ("path", "headers", "code"),
    [
        ("/ws/progress/0123456789", {}, 4404),
        ("/ws/progress/no-such-id", {}, 4404),
        ("/ws/progress/{d}", {"host": "evil.example"}, 4403),
        ("/ws/progress/{d}", {"origin": "http://evil.example"}, 4403),
    ],
)
async def test_a_handshake_that_is_turned_down(
    served: Served, path: str, headers: dict[str, str], code: int
) -> None:
    socket = Socket(served.app, "websocket", path.replace("{d}", served.dataset), headers)
    refusal = await socket.hear()
    assert (refusal["type"], refusal["code"]) == ("websocket.close", code)
    await socket.over()
    assert socket.sent.empty()
    answers = ("websocket.http.response",)
    told = Socket(served.app, "websocket", socket.path, headers, extensions=answers)
    assert (await told.hear())["status"] == code - 4000
    assert b"error" in (await told.hear())["body"]
    await told.over()
    assert told.sent.empty()


async def test_a_socket_needs_the_token(tmp_path: Path) -> None:
    async with serving(tmp_path, server={"host": "0.0.0.0", "token": "t"}) as served:
        path = f"/ws/progress/{served.dataset}"
        refused = Socket(served.app, "websocket", path)
        assert (await refused.hear())["code"] == 4401
        await refused.over()
        opened = Socket(served.app, "websocket", path, {"authorization": "Bearer t"})
        assert (await opened.hear())["type"] == "websocket.accept"
        opened.say("websocket.disconnect", code=1001)
        await opened.over()


async def test_work_goes_on_only_while_somebody_waits() -> None:
    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    ended: list[str] = []

    async def work() -> str:
        try:
            await streams.asyncio.Event().wait()
        finally:
            ended.append("cancelled")
        return "done"

    assert await streams.unless_gone(receive, work()) is None
    assert ended == ["cancelled"]
