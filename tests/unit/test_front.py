"""The front over real sockets: it answers, holds, joins, and is there again when Serve is not."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rayograph import sources
from rayograph.access import Access
from rayograph.errors import SourceEmpty
from rayograph.settings import Settings
from rayograph_serve import front as front_module
from rayograph_serve.boot_pages import BootPages
from rayograph_serve.front import Front, Timeline
from rayograph_serve.thumbnails import ThumbnailStore
from tests.fake_engine import draw_pictures
from tests.unit.serving import Pictures

WAIT_S = 30.0
TOKEN = "a-token-long-enough-for-anybody"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class House:
    """A front on an ephemeral port."""

    front: Front
    port: int
    dataset: str
    upstreams: list[asyncio.Server] = field(default_factory=list)
    serving: set[asyncio.Task[Any]] = field(default_factory=set)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, head: str, body: bytes = b"", **headers: str) -> Reply:
        reader, writer = await self.connect()
        writer.write(request(head, body, **headers))
        return await reply(reader, writer)

    async def serve(self, serve: Serve) -> asyncio.Server:
        """Something that plays Ray Serve, with the gate open to it."""

        async def noted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self.serving.add(task)
            try:
                await serve(reader, writer)
            finally:
                writer.close()

        server = await asyncio.start_server(noted, "127.0.0.1", 0)
        self.upstreams.append(server)
        self.front.open_gate("127.0.0.1", server.sockets[0].getsockname()[1])
        return server


def request(head: str, body: bytes = b"", **headers: str) -> bytes:
    fields = {"Host": "127.0.0.1"} | {k.replace("_", "-"): v for k, v in headers.items()}
    if body:
        fields["Content-Length"] = str(len(body))
    lines = [f"{head} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Reply:
    async with asyncio.timeout(WAIT_S):
        data = await reader.read()
    writer.close()
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    return Reply(int(first.split()[1]), headers, body)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers with the request it was sent, whole, and closes."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0].strip()
    body = await reader.readexactly(int(length or 0))
    data = head + body
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data) + data)
    await writer.drain()
    writer.close()


@asynccontextmanager
async def a_house(home: Path, **server: Any) -> AsyncIterator[House]:
    settings = Settings.model_validate(
        {"catalog": {"uri": str(home / "catalog")}, "server": server}
    )
    draw_pictures(home / "pictures", 5)
    static = home / "static"
    static.mkdir()
    (static / "app.js").write_text("1")
    (home / "secret.txt").write_text("secret")
    pages = BootPages(
        Access(settings.server),
        ThumbnailStore(settings, render=Pictures()),
        shell=lambda: "<html>rayograph</html>",
        static=static,
        phase=lambda: "starting ray",
    )
    dataset = pages.open(sources.resolve(str(home / "pictures")))
    pages.open(sources.resolve("https://example.org/giant.jpg"))
    front = Front(pages, Timeline())
    house = House(front, await front.listen("127.0.0.1", 0), dataset)
    try:
        yield house
    finally:
        await front.close()
        if house.serving:
            await asyncio.wait(house.serving, timeout=WAIT_S)
        for upstream in house.upstreams:
            upstream.close()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as house:
        yield house


# -- answered here ----------------------------------------------------------------------------


async def test_the_page_rows_and_thumbnails_are_there_at_once(house: House) -> None:
    assert b"rayograph" in (await house.ask("GET /")).body
    listed = (await house.ask("GET /api/datasets")).json["items"]
    assert [(item["name"], item["total"]) for item in listed] == [("pictures", 5), ("giant.jpg", 0)]
    assert listed[0]["dataset_id"] == house.dataset
    base = f"/api/datasets/{house.dataset}"
    page = (await house.ask(f"GET {base}/images?limit=3&offset=1")).json
    assert (len(page["items"]), page["total"]) == (3, 5)
    record = page["items"][0]
    assert (record["status"], record["width"], record["tags"]) == ("pending", None, [])
    assert (await house.ask(f"GET /api/images/{record['id']}")).json == record
    thumbnail = await house.ask(f"GET /api/images/{record['id']}/thumbnail?size=128")
    assert thumbnail.status == 200 and thumbnail.headers["content-type"].startswith("image/")
    assert (await house.ask(f"GET {base}/status")).json["progress"] == "listing"
    giant = f"/api/datasets/{listed[1]['dataset_id']}"
    assert (await house.ask(f"GET {giant}/status")).json["progress"] == "downloading"


async def test_the_starts_own_progress_is_told(house: House) -> None:
    progress = (await house.ask(f"GET /api/progress/{house.dataset}")).json
    parts = [progress[k] for k in ("pending", "indexed", "embedding", "ready", "failed")]
    assert sum(parts) == progress["total"] == 5
    assert (await house.ask("GET /api/healthz")).json["phase"] == "starting ray"
    unready = await house.ask("GET /api/readyz")
    assert (unready.status, unready.headers["retry-after"]) == (503, "1")


async def test_head_has_no_body(house: House) -> None:
    got, head = await house.ask("GET /"), await house.ask("HEAD /")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(got.body))


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/static/app.js", 200),
        ("/static/../secret.txt", 404),
        ("/static/%2e%2e/secret.txt", 404),
        ("/static/..%2fsecret.txt", 404),
        ("/static/none.js", 404),
        ("/static/a%00b", 422),
        ("http://[::1", 422),
    ],
)
async def test_only_the_pages_own_files_are_served(house: House, target: str, status: int) -> None:
    assert (await house.ask(f"GET {target}")).status == status


@pytest.mark.parametrize("query", ["limit=x", "limit=-1", "offset=%C2%B2"])
async def test_numbers_that_are_none_are_refused(house: House, query: str) -> None:
    answer = await house.ask(f"GET /api/datasets/{house.dataset}/images?{query}")
    assert answer.status == 422
    assert answer.json["error"]["code"] == "invalid_request"


async def test_foreign_hosts_and_sites_are_refused(house: House) -> None:
    assert (await house.ask("GET /api/datasets", Host="evil.example")).status == 403
    cross = await house.ask("POST /api/datasets", b"{}", Origin="http://evil.example")
    assert cross.status == 403


async def test_without_the_token_nothing_is_told_or_held(tmp_path: Path) -> None:
    async with a_house(tmp_path, token=TOKEN) as house:
        assert (await house.ask("GET /api/datasets")).status == 401
        assert (await house.ask("POST /api/datasets", b"{}")).status == 401
        known = await house.ask("GET /api/datasets", Authorization=f"Bearer {TOKEN}")
        assert known.status == 200


async def test_a_folder_without_images_is_refused(house: House, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceEmpty):
        house.front.pages.open(sources.resolve(str(tmp_path / "empty")))


# -- odd clients ------------------------------------------------------------------------------


async def test_a_head_that_comes_byte_by_byte_is_answered(house: House) -> None:
    reader, writer = await house.connect()
    for byte in request("GET /api/healthz"):
        writer.write(bytes([byte]))
        await writer.drain()
    assert (await reply(reader, writer)).status == 200


async def test_a_head_without_end_is_refused(house: House) -> None:
    reader, writer = await house.connect()
    writer.write(b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000)
    assert (await reply(reader, writer)).status == 431
    assert not any(visitor._held for visitor in house.front.visitors)


async def test_who_never_finishes_a_head_is_let_go(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front_module, "_HEAD_S", 0.01)
    reader, writer = await house.connect()
    writer.write(b"GET /")
    async with asyncio.timeout(WAIT_S):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()
    await until(lambda: not house.front.visitors)


async def test_an_answer_is_not_torn_by_a_body_still_coming(house: House) -> None:
    reader, writer = await house.connect()
    target = f"POST /api/datasets/{house.dataset}/attention"
    writer.write(request(target, Content_Length="2000000"))
    async with asyncio.timeout(WAIT_S):
        first = await reader.readuntil(b"\r\n")
    for _ in range(20):
        writer.write(b"x" * 100_000)
        await writer.drain()
    assert first.split()[1] == b"204"
    async with asyncio.timeout(WAIT_S):
        await reader.read()
    writer.close()


async def test_one_that_leaves_while_held_is_forgotten(house: House) -> None:
    _, writer = await house.connect()
    writer.write(request("POST /api/datasets", b"{}"))
    await until(lambda: any(v._task for v in house.front.visitors))
    writer.close()
    await until(lambda: not house.front.visitors)


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not holds():  # noqa: ASYNC110 (the front tells nobody of its inside)
            await asyncio.sleep(0.001)


# -- handing over -----------------------------------------------------------------------------


async def test_held_requests_reach_serve_whole(house: House) -> None:
    bodies = [bytes([65 + n]) * 50_000 for n in range(10)]
    asking = [asyncio.create_task(house.ask("POST /api/datasets", body)) for body in bodies]
    await until(lambda: sum(v._task is not None for v in house.front.visitors) == 10)
    assert not any(task.done() for task in asking)
    await house.serve(echo)
    answers = await asyncio.gather(*asking)
    assert [answer.status for answer in answers] == [200] * 10
    for answer, body in zip(answers, bodies, strict=True):
        assert answer.body == request("POST /api/datasets", body)


@pytest.mark.parametrize("path", ["tiles/x.dzi", "tiles/x_files/0/0_0.jpeg", "iiif/x/info.json"])
async def test_tiles_are_held_for_serve(house: House, path: str) -> None:
    asking = asyncio.create_task(house.ask(f"GET /api/{path}"))
    await until(lambda: any(v._task is not None for v in house.front.visitors))
    assert not asking.done()
    await house.serve(echo)
    assert (await asking).body == request(f"GET /api/{path}")


async def test_once_serve_answers_everything_goes_to_it(house: House) -> None:
    await house.serve(echo)
    answer = await house.ask("GET /api/datasets")
    assert answer.body == request("GET /api/datasets")


async def test_a_connection_made_before_and_used_after_goes_to_serve(house: House) -> None:
    reader, writer = await house.connect()
    await until(lambda: house.front.visitors)
    await house.serve(echo)
    writer.write(request("GET /api/datasets"))
    assert (await reply(reader, writer)).body == request("GET /api/datasets")


async def test_bytes_pass_both_ways_after_an_upgrade(house: House) -> None:
    async def chat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        while data := await reader.read(65536):
            writer.write(data[::-1])
        writer.close()

    await house.serve(chat)
    reader, writer = await house.connect()
    writer.write(request("GET /ws/progress/x", Upgrade="websocket", Connection="Upgrade"))
    async with asyncio.timeout(WAIT_S):
        await reader.readuntil(b"\r\n\r\n")
        for said in (b"\x81\x05hello", b"\x00\xff", b"more"):
            writer.write(said)
            assert await reader.readexactly(len(said)) == said[::-1]
    writer.close()


async def test_a_slow_reader_does_not_fill_the_memory(house: House) -> None:
    sent, size = 0, 32 * 1024 * 1024

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        while sent < size:
            writer.write(b"x" * 262_144)
            await writer.drain()
            sent += 262_144
        writer.close()

    await house.serve(pour)
    reader, writer = await house.connect()
    writer.write(request("GET /api/export"))
    visitor = None
    async with asyncio.timeout(WAIT_S):
        assert await reader.readexactly(1) == b"x"
        visitor = next(iter(house.front.visitors))
        await until(lambda: visitor._far is not None and not visitor._far.transport.is_reading())
        assert visitor.transport.get_write_buffer_size() < 4 * 1024 * 1024
        assert sent < size
        rest = 1
        while data := await reader.read(1 << 20):
            rest += len(data)
    assert rest == size
    writer.close()


async def test_serve_gone_and_the_front_is_there_again(house: House) -> None:
    server = await house.serve(echo)
    server.close()
    await server.wait_closed()
    # The gate is still open: what the front knows it says, the rest waits for the next Serve.
    assert (await house.ask("GET /api/datasets")).json["items"][0]["total"] == 5
    held = asyncio.create_task(house.ask("POST /api/datasets", b"{}"))
    await until(lambda: any(v._task for v in house.front.visitors))
    house.front.shut_gate()
    assert (await house.ask("GET /api/healthz")).json["status"] == "ok"
    assert not held.done()
    await house.serve(echo)
    assert (await held).body == request("POST /api/datasets", b"{}")


async def test_a_body_that_comes_in_parts_while_serve_is_gone_is_sent_once(house: House) -> None:
    server = await house.serve(echo)
    server.close()
    await server.wait_closed()
    reader, writer = await house.connect()
    whole = request("POST /api/datasets", b"y" * 1000)
    writer.write(whole[:-500])
    await until(lambda: any(v._held for v in house.front.visitors))
    for part in (whole[-500:-200], whole[-200:]):
        writer.write(part)
        await writer.drain()
        await until(lambda: True)
    await until(lambda: [len(v._held) for v in house.front.visitors] == [len(whole)])
    await house.serve(echo)
    assert (await reply(reader, writer)).body == whole


async def test_serve_that_never_comes_is_said_so(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front_module, "_HOLD_S", 0.01)
    answer = await house.ask("POST /api/datasets", b"{}")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert answer.json["error"]["code"] == "unavailable"


async def test_serve_closing_a_connection_closes_the_visitors(house: House) -> None:
    async def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    await house.serve(slam)
    reader, writer = await house.connect()
    writer.write(request("GET /api/datasets"))
    async with asyncio.timeout(WAIT_S):
        assert await reader.read() == b""
    writer.close()
    await until(lambda: not house.front.visitors)
