"""Original files: ranges, conditions, types by content, and only what the engine locates."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote

import fsspec
import pytest
from serving import Served, Socket, serving

from rayograph_serve.engine import Located
from rayograph_serve.routes.originals import sniff

DATA = bytes(range(256)) * 4


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "data.jpg").write_bytes(b"\xff\xd8\xff" + DATA[3:])
    (folder / "page.png").write_bytes(b"<html><script>alert(1)</script>")
    (folder / "empty.png").touch()
    (folder / os.fsdecode(b'a "b"\r\nX: y; \xff\xc3\xa9.gif')).write_bytes(b"GIF89a....")
    async with serving(tmp_path, count=0) as running:
        yield running


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def path_of(served: Served, name: str) -> str:
    page = await served.engine.images(served.dataset, limit=99, cursor=None, offset=0, sort=None)
    (record,) = [record for record in page.items if name in record.file_name]
    return f"/api/images/{record.id}/file"


async def test_the_whole_file(served: Served) -> None:
    answer = await served.http.get(await path_of(served, "data"))
    assert answer.status_code == 200
    assert answer.content == b"\xff\xd8\xff" + DATA[3:]
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-length"] == str(len(DATA))
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-disposition"] == "inline; filename*=UTF-8''data.jpg"
    assert "sandbox" in answer.headers["content-security-policy"]
    head = await served.http.head(await path_of(served, "data"))
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(DATA))
    assert head.headers["etag"] == answer.headers["etag"]


async def test_ranges(served: Served) -> None:
    path = await path_of(served, "data")
    for asked, start, stop in [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=1000-", 1000, 1024),
        ("bytes=1000-999999", 1000, 1024),
        ("bytes=-24", 1000, 1024),
        ("bytes=1023-1023", 1023, 1024),
    ]:
        answer = await served.http.get(path, headers={"Range": asked})
        assert answer.status_code == 206, asked
        assert answer.content == (b"\xff\xd8\xff" + DATA[3:])[start:stop]
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/1024"
        assert answer.headers["content-length"] == str(stop - start)


async def test_ranges_past_the_end_are_416(served: Served) -> None:
    path = await path_of(served, "data")
    for asked in ("bytes=1024-", "bytes=5000-6000", "bytes=-0", "bytes=999999999999999999-"):
        answer = await served.http.get(path, headers={"Range": asked})
        assert answer.status_code == 416, asked
        assert answer.headers["content-range"] == "bytes */1024"
    empty = await path_of(served, "empty")
    assert (await served.http.get(empty, headers={"Range": "bytes=0-"})).status_code == 416


async def test_ranges_that_make_no_sense_give_the_whole(served: Served) -> None:
    path = await path_of(served, "data")
    for asked in (
        "bytes=5-2",
        "bytes=-",
        "bytes=a-b",
        "lines=1-2",
        "bytes=0-1,5-9",
        "bytes=" + "9" * 40,
    ):
        answer = await served.http.get(path, headers={"Range": asked})
        assert (answer.status_code, len(answer.content)) == (200, 1024), asked
    covered = await served.http.get(path, headers={"Range": "bytes=0-"})
    assert (covered.status_code, covered.headers["content-range"]) == (206, "bytes 0-1023/1024")


async def test_conditions(served: Served) -> None:
    path = await path_of(served, "data")
    etag = (await served.http.get(path)).headers["etag"]
    same = await served.http.get(path, headers={"If-None-Match": etag})
    assert (same.status_code, same.content) == (304, b"")
    part = {"Range": "bytes=0-9"}
    fresh = await served.http.get(path, headers={**part, "If-Range": etag})
    assert fresh.status_code == 206
    for stale in ('"other"', f"W/{etag}", "Wed, 21 Oct 2026 07:28:00 GMT"):
        assert (await served.http.get(path, headers={**part, "If-Range": stale})).status_code == 200
    (served.folder / "data.jpg").write_bytes(b"\xff\xd8\xffother")
    changed = await served.http.get(path, headers={"If-None-Match": etag})
    assert (changed.status_code, changed.content) == (200, b"\xff\xd8\xffother")


async def test_the_type_is_read_off_the_content(served: Served) -> None:
    page = await served.http.get(await path_of(served, "page"))
    assert page.headers["content-type"] == "application/octet-stream"
    assert page.headers["x-content-type-options"] == "nosniff"
    empty = await served.http.get(await path_of(served, "empty"))
    assert (empty.status_code, empty.content) == (200, b"")


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"RIFF1234WEBPVP8 ", "image/webp"),
        (b"RIFF1234WAVE", "application/octet-stream"),
        (b"BM", "image/bmp"),
        (b"II*\0", "image/tiff"),
        (b"MM\0*", "image/tiff"),
        (b"\0\0\0\x20ftypavif", "image/avif"),
        (b"\0\0\0\x20ftypheic", "image/heic"),
        (b"\0\0\0\x20ftypisom", "application/octet-stream"),
        (b"<svg xmlns=", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_magic(head: bytes, kind: str) -> None:
    assert sniff(head) == kind


async def test_an_odd_name_cannot_break_out_of_its_header(served: Served) -> None:
    answer = await served.http.get(await path_of(served, "X: y"))
    assert answer.headers["content-type"] == "image/gif"
    value = answer.headers["content-disposition"]
    assert value.startswith("inline; filename*=UTF-8''a%20%22b%22%0D%0AX")
    assert unquote(value.partition("''")[2]).endswith("�é.gif")
    assert "x" not in answer.headers


async def test_what_is_gone_or_no_file_is_a_404(served: Served, tmp_path: Path) -> None:
    path = await path_of(served, "data")
    (served.folder / "data.jpg").unlink()
    gone = await served.http.get(path)
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "image_not_found")
    assert str(tmp_path) not in gone.text
    os.mkfifo(served.folder / "data.jpg")
    assert (await served.http.get(path)).status_code == 404
    (served.folder / "data.jpg").unlink()
    (served.folder / "data.jpg").mkdir()
    assert (await served.http.get(path)).status_code == 404


async def test_remote_files_have_ranges_too(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fsspec.open("memory://bucket/a.png", "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + bytes(100))

    async def locate(image_id: str) -> Located:
        return Located("memory://bucket/a.png", 108, 5.0)

    monkeypatch.setattr(served.engine, "locate", locate)
    path = await path_of(served, "data")
    answer = await served.http.get(path, headers={"Range": "bytes=0-7"})
    assert (answer.status_code, answer.content) == (206, b"\x89PNG\r\n\x1a\n")
    assert answer.headers["content-type"] == "image/png"


async def test_a_client_that_leaves_closes_the_file(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rayograph_serve.routes.originals._CHUNK_BYTES", 1)
    before = open_files()
    socket = Socket(served.app, "http", await path_of(served, "data"))
    assert (await socket.hear())["status"] == 200
    await socket.hear()
    socket.say("http.disconnect")
    await socket.over()
    assert open_files() <= before
