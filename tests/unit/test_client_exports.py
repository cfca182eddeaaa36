"""What the client makes of an export that arrives, or does not."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from rayograph.client.export_calls import start
from rayograph.client.taking import Taking
from rayograph.client.transport import Transport
from rayograph.errors import ExportStopped, InvalidRequest, RayographError, ServerError
from rayograph.export.words import Export
from rayograph.schema import Dataset

ID = "0123456789abcdef"


def packed(files: dict[str, bytes], *more: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for info in more:
            tar.addfile(info)
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


WHOLE = {"a/b.jpg": b"x" * 900, "export.json": b'{"made_by":"rayograph"}'}


class Server:
    """Answers with these states one after the other, then with ``data``."""

    def __init__(self, data: bytes, *states: str, one_file: bool = False) -> None:
        self.data, self.states, self.one_file = data, [*states, "done"], one_file
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/datasets/d/exports")
        self.asked.append(f"{request.method} {path}")
        if path.endswith("/file"):
            return httpx.Response(200, content=self.data)
        if request.method == "DELETE":
            return httpx.Response(204)
        state = self.states.pop(0) if path and len(self.states) > 1 else self.states[0]
        return httpx.Response(200, json=self.record(state))

    def record(self, state: str) -> dict[str, Any]:
        return {
            "export_id": ID,
            "dataset_id": "d",
            "format": "folder",
            "state": state,
            "done": 1,
            "total": 2,
            "one_file": self.one_file,
            "file_name": "pictures",
            "error": "the disk is full" if state == "failed" else None,
            "created_at": "2026-01-01T00:00:00Z",
        }


def taking(server: Server, source: str = "/nowhere", seen: list[Export] | None = None) -> Taking:
    transport = Transport("http://x", None, 5, transport=httpx.MockTransport(server))
    info = Dataset(
        dataset_id="d",
        name="pictures",
        status="ready",
        total=2,
        source=source,
        created_at="2026-01-01T00:00:00Z",
    )
    return Taking(transport, info, seen.append if seen is not None else None)


def taken(server: Server, path: Path, form: str = "folder", **options: Any) -> Path:
    how = {"link": "copy", "overwrite": False, "images": None, **options}
    return taking(server).run(form, path, **how)


def test_it_is_waited_for_unpacked_and_removed_from_the_server(tmp_path: Path) -> None:
    server, seen = Server(packed(WHOLE), "queued", "running"), list[Export]()
    path = taking(server, seen=seen).run(
        "folder", tmp_path / "out", link="copy", overwrite=False, images=None
    )
    assert (path / "a/b.jpg").read_bytes() == WHOLE["a/b.jpg"]
    assert [now.state for now in seen][:3] == ["queued", "running", "done"]
    assert server.asked[0] == "POST " and server.asked[-1] == f"DELETE /{ID}"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_one_file_is_just_that(tmp_path: Path) -> None:
    path = taken(Server(b"id,uri\n", one_file=True), tmp_path / "x.csv", "csv")
    assert path.read_bytes() == b"id,uri\n"


def test_one_that_fails_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    server = Server(b"", "running", "failed")
    with pytest.raises(ExportStopped, match="the disk is full"):
        taken(server, tmp_path / "out")
    assert server.asked[-1].startswith("DELETE")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("length", [700, 1600, 0])
def test_one_that_breaks_off_is_never_taken_for_whole(tmp_path: Path, length: int) -> None:
    with pytest.raises(ServerError, match="broke off"):
        taken(Server(packed(WHOLE)[:length]), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def _linked() -> tarfile.TarInfo:
    info = tarfile.TarInfo("a")
    info.type, info.linkname = tarfile.SYMTYPE, "/etc"
    return info


@pytest.mark.parametrize(
    "data",
    [
        packed({"../../x": b"x", **WHOLE}),
        packed({"/tmp/x": b"x", **WHOLE}),
        packed({"a\\..\\x": b"x", **WHOLE}),
        packed(WHOLE, _linked()),
    ],
)
def test_nothing_gets_out_of_the_target(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(RayographError):
        taken(Server(data), tmp_path / "home" / "out")
    assert list((tmp_path / "home").iterdir()) == []


def test_links_are_made_here(tmp_path: Path) -> None:
    (tmp_path / "o 1.jpg").write_bytes(b"picture")
    uris = [f"file://{tmp_path}/o%201.jpg", f"file://{tmp_path}/gone.jpg", "s3://b/x.jpg"]
    lines = "".join(f'{{"name":"a/{n}.jpg","uri":"{uri}"}}\n' for n, uri in enumerate(uris))
    server = Server(packed({".links.jsonl": lines.encode(), **{"export.json": b"{}"}}))
    path = taken(server, tmp_path / "out", link="symlink")
    assert (path / "a/0.jpg").is_symlink()
    assert (path / "a/0.jpg").read_bytes() == b"picture"
    failures = (path / "failures.csv").read_text().splitlines()
    assert [line.split(",")[4] for line in failures] == ["error_code", "missing", "unreadable"]
    assert '"failed":2' in (path / "export.json").read_text()
    assert not (path / ".links.jsonl").exists()


def test_the_source_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    server = Server(packed(WHOLE))
    asking = taking(server, source=str(tmp_path))
    with pytest.raises(InvalidRequest, match="the source"):
        asking.run("folder", tmp_path / "x", link="copy", overwrite=True, images=None)
    assert server.asked == []


def test_a_senseless_export_never_leaves() -> None:
    with pytest.raises(InvalidRequest, match="ids or where"):
        start("d", "csv", ids=["a"], where="width>1")


def test_nobody_waits_for_one_that_nobody_wants(tmp_path: Path) -> None:
    asking = taking(Server(b"", *["running"] * 50))
    asking.stop.set()
    with pytest.raises(ExportStopped):
        asking.run("folder", tmp_path / "x", link="copy", overwrite=False, images=None)
