"""The whole road on a real server: open, see, watch it fill in, search."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import httpx
import pytest

from rayograph import AsyncClient
from rayograph.errors import NotFound, RayographError
from tests.integration.conftest import Server
from tests.pictures import write_pictures

pytestmark = pytest.mark.ray


def add_up(progress: dict[str, int]) -> bool:
    names = ("pending", "indexed", "embedding", "ready", "failed")
    return sum(progress[name] for name in names) == progress["total"]


def test_a_folder_becomes_searchable(server: Server, folder: Path) -> None:
    dataset = server.client.add(folder)
    progress = dataset.wait(timeout=120)
    assert (progress.total, progress.ready, progress.failed) == (300, 300, 0)
    assert dataset.is_ready()
    found = dataset.search("red", k=10)
    assert found.coverage.searched == found.coverage.total == 300
    assert {hit.image.caption for hit in found.items} == {"red"}
    record = found.items[0].image
    assert (record.status, record.format, record.content_hash is not None) == (
        "ready",
        "JPEG",
        True,
    )
    alike = dataset.search(image_id=record.id, k=3)
    # Others of its colour have the very same vector, up to rounding.
    assert alike.items[0].score > 0.999
    assert {hit.image.caption for hit in alike.items} == {"red"}
    picture = next(folder.glob("part*/*-blue.jpg")).read_bytes()
    assert {h.image.caption for h in dataset.search(image=picture, k=5).items} == {"blue"}
    assert server.client.add(folder).id == dataset.id


def test_progress_streams_agree_and_end(server: Server, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "more", 120, seed=2)
    answer = server.http.post("/api/datasets", json={"path": str(folder), "name": "streams"})
    assert answer.status_code == 202
    assert answer.json()["success"] is True
    key = answer.json()["dataset_id"]
    seen: list[dict[str, int]] = []
    with server.http.stream("GET", f"/sse/progress/{key}") as stream:
        seen.extend(
            json.loads(line[5:]) for line in stream.iter_lines() if line.startswith("data:")
        )
    assert seen[-1]["status"] == "complete"
    assert all(add_up(progress) for progress in seen)
    assert seen[-1] == server.http.get(f"/api/progress/{key}").json()
    from websockets.sync.client import connect

    with connect(server.url.replace("http", "ws") + f"/ws/progress/{key}") as socket:
        assert json.loads(socket.recv()) == seen[-1]
    status = server.http.get(f"/api/datasets/{key}/status").json()
    assert (status["status"], status["dataset_id"]) == ("ready", key)


async def test_the_async_client_mirrors_the_other(server: Server, folder: Path) -> None:
    async with AsyncClient(server.url) as client:
        dataset = await client.add(folder)
        await dataset.wait(timeout=120)
        found = await dataset.search("green", k=3)
        assert {hit.image.caption for hit in found.items} == {"green"}


def test_bad_files_are_rows_with_reasons(server: Server, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "mixed", 20, seed=3)
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.png").write_text("<html>not found</html>")
    good = next(folder.glob("part0/*.jpg")).read_bytes()
    (folder / "half.jpg").write_bytes(good[: len(good) // 2])
    dataset = server.client.add(folder)
    progress = dataset.wait(timeout=120)
    assert (progress.total, progress.ready, progress.failed) == (23, 20, 3)
    failures = dataset.failures()
    reasons = {item.file_name: item.error_code for item in failures.items}
    assert reasons == {"empty.jpg": "empty", "text.png": "not_an_image", "half.jpg": "truncated"}
    assert sum(reason.count for reason in failures.reasons) == 3
    (folder / "empty.jpg").write_bytes(good)
    dataset.retry()
    progress = dataset.wait(timeout=120)
    assert (progress.ready, progress.failed) == (21, 2)


def test_pause_resume_cancel_and_delete(server: Server, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "long", 400, seed=4)
    dataset = server.client.add(folder)
    paused = dataset.pause()
    assert paused.status == "complete" or paused.paused
    dataset.resume()
    assert dataset.wait(timeout=120).ready == 400
    write_pictures(folder / "new", 10, seed=5)
    dataset.rescan()
    assert dataset.wait(timeout=120).ready == 410
    assert dataset.cancel().ready == 410
    dataset.delete()
    with pytest.raises(NotFound):
        dataset.status()
    assert folder.is_dir()


def test_errors_are_one_line_each(server: Server, tmp_path: Path) -> None:
    client = server.client
    (tmp_path / "empty").mkdir()
    for source, code in (
        (tmp_path / "nowhere", "source_not_found"),
        (tmp_path / "empty", "source_empty"),
    ):
        with pytest.raises(RayographError) as caught:
            client.add(source)
        assert caught.value.code == code
    answer = server.http.get("/api/images/../../../../etc/passwd")
    assert answer.status_code == 404
    assert server.http.get("/api/datasets", headers={"Host": "evil.example"}).status_code == 403


def test_thumbnails_and_files(server: Server, folder: Path) -> None:
    dataset = server.client.add(folder)
    record = next(iter(dataset.images(limit=1)))
    small = server.http.get(f"/api/images/{record.id}/thumbnail?size=128")
    assert small.status_code == 200
    assert small.headers["etag"]
    again = server.http.get(
        f"/api/images/{record.id}/thumbnail?size=128",
        headers={"If-None-Match": small.headers["etag"]},
    )
    assert again.status_code == 304
    part = server.http.get(f"/api/images/{record.id}/file", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content[:2]) == (206, b"\xff\xd8")


def test_the_front_answers_before_ray_and_no_request_fails(new_server, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "pics", 60, seed=6)
    running = new_server(str(folder)).start(wait=False)
    assert running.http.get("/api/readyz").status_code == 503
    failed: list[object] = []
    over = threading.Event()

    def look() -> None:
        with httpx.Client(base_url=running.url, timeout=180) as http:
            while not over.is_set():
                for path in ("/", "/api/datasets", "/api/healthz"):
                    answer = http.get(path)
                    if answer.status_code != 200:
                        failed.append((path, answer.status_code))
                items = http.get("/api/datasets").json()["items"]
                page = http.get(f"/api/datasets/{items[0]['dataset_id']}/images?limit=5").json()
                thumbnail = http.get(f"/api/images/{page['items'][0]['id']}/thumbnail?size=128")
                if page["total"] != 60 or thumbnail.status_code != 200:
                    failed.append((page["total"], thumbnail.status_code))

    looker = threading.Thread(target=look)
    looker.start()
    # A request only Serve can answer is held, not refused.
    models = running.http.get("/api/models")
    running.await_line("search engine is up")
    key = running.client.datasets()[0].id
    running.client.dataset(key).wait(timeout=120)
    over.set()
    looker.join()
    assert models.status_code == 200
    assert failed == []
    assert running.http.get("/api/readyz").status_code == 200
    assert running.stop() == 0


def test_one_catalog_serves_once(server: Server) -> None:
    other = Server(server.catalog)
    with pytest.raises(AssertionError, match="in use by process"):
        other.start()
    assert other.stop() == 2


def test_attaching_opens_on_the_running_one(server: Server, tmp_path: Path) -> None:
    import subprocess
    import sys

    folder = write_pictures(tmp_path / "attached", 12, seed=7)
    port = server.url.rsplit(":", 1)[1]
    done = subprocess.run(
        [sys.executable, "-m", "rayograph", "up", str(folder), "--port", port, "--no-browser"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "already runs at" in done.stdout
    assert server.client.dataset("attached").get_loading_progress().ready == 12
