"""One huge picture through a real server: from its address to deep zoom, whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.giants import write
from tests.integration.conftest import Server
from tests.web_server import Answer, WebServer

pytestmark = pytest.mark.ray
ALLOWED = {
    "RAYOGRAPH_SOURCES__ALLOWED_HOSTS": '["127.0.0.1"]',
    "RAYOGRAPH_TILES__SIZE": "256",
    "RAYOGRAPH_DOWNLOAD__BACKOFF_S": "0",
}


@pytest.fixture(scope="module")
def giants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("catalog"), **ALLOWED).start()
    yield running
    running.stop()


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """36 megapixels."""
    return write(tmp_path_factory.mktemp("web") / "large-image.jpg", 6000, 6000)


def opened(http: httpx.Client, url: str, name: str) -> str:
    """The session's first command."""
    answer = http.post(
        "/api/datasets",
        json={
            "name": name,
            "description": "High-res space photo",
            "category": "planets",
            "subject": "earth",
            "url": url,
        },
    )
    body = answer.json()
    assert answer.status_code == 202, body
    assert (body["success"], body["status"]) == (True, "processing")
    return str(body["dataset_id"])


def followed(server: Server, http: httpx.Client, dataset: str) -> Iterator[dict[str, Any]]:
    """The session's second command, whenever something changes, until there is no more to come."""
    yield http.get(f"/api/datasets/{dataset}/status").json()
    for progress in server.client.dataset(dataset).progress_stream(timeout=180):
        assert sum(progress.counts) == progress.total
        yield http.get(f"/api/datasets/{dataset}/status").json()
    yield http.get(f"/api/datasets/{dataset}/status").json()


def test_the_session(giants: Server, web: WebServer, picture: Path) -> None:
    http = giants.http
    url = web.serve("/large-image.jpg", Answer(picture, break_after=100_000), Answer(picture))
    dataset = opened(http, url, "My Space Image")
    seen = list(followed(giants, http, dataset))
    states = [(status["status"], status["progress"]) for status in seen]
    assert states[0][0] in {"queued", "processing"}
    assert {"downloading", "generating_tiles"} & {step for _, step in states}
    assert states[-1] == ("ready", None)
    info = seen[-1]["tile_info"]
    assert (info["status"], info["max_zoom"]) == ("ready", 13)
    assert info["done_tiles"] == info["total_tiles"] > 700

    key = info["tile_id"]
    assert 'Width="6000" Height="6000"' in http.get(f"/api/tiles/{key}.dzi").text
    for place in ("0/0_0", "8/0_0", "13/23_23"):
        tile = http.get(f"/api/tiles/{key}_files/{place}.jpg")
        assert (tile.status_code, tile.headers["x-tile"]) == (200, "final")
    assert http.get(f"/api/iiif/{key}/info.json").json()["width"] == 6000

    about = http.get(f"/api/datasets/{dataset}").json()
    assert (about["category"], about["subject"]) == ("planets", "earth")
    assert about["disk_bytes"] > picture.stat().st_size
    assert f'rayograph_tiles_bytes{{dataset="{dataset}"}}' in http.get("/metrics").text
    images = http.get(f"/api/datasets/{dataset}/images?limit=1000").json()["items"]
    whole, region = images[0], images[1]
    assert (whole["width"], whole["height"], whole["region"]) == (6000, 6000, None)
    assert region["region"]["width"] > 0
    assert {image["tile_id"] for image in images} == {key}
    original = http.get(f"/api/images/{whole['id']}/file")
    assert original.content == picture.read_bytes()
    for image in (whole, region):
        assert http.get(f"/api/images/{image['id']}/thumbnail").status_code == 200
    found = http.post(f"/api/datasets/{dataset}/search", json={"text": "red", "k": 5}).json()
    assert len(found["items"]) == 5
    assert found["coverage"]["searched"] == len(images)

    tiles = giants.catalog / "tiles" / key
    assert tiles.is_dir()
    assert http.delete(f"/api/datasets/{dataset}").status_code == 204
    assert not tiles.exists()
    assert http.get(f"/api/tiles/{key}.dzi").status_code == 404


def test_what_cannot_be_had_fails_clearly_and_nothing_else_does(
    giants: Server, web: WebServer, picture: Path
) -> None:
    http = giants.http
    page = web.serve("/page.jpg", Answer(b"<html>hello</html>", content_type="text/html"))
    short = web.serve("/short.jpg", Answer(picture.read_bytes()[:200_000]))
    for url in (page, short):
        dataset = opened(http, url, url)
        last = list(followed(giants, http, dataset))[-1]
        assert last["status"] == "failed"
        assert last["error"]
        assert not list((giants.catalog / "tiles").glob(f"{dataset}-*/original/*"))
    refused = http.post("/api/datasets", json={"url": "http://169.254.169.254/latest.jpg"})
    assert refused.status_code == 403
    assert http.get("/api/readyz").status_code == 200


def test_killed_while_tiling_it_goes_on(giants: Server, tmp_path: Path) -> None:
    # Large enough that there is time to be killed in.
    dataset = giants.client.add(write(tmp_path / "large.jpg", 12_000, 12_000), name="killed")
    for progress in dataset.progress_stream(timeout=180):
        if progress.stages["tiling"].done > 500:
            break
    giants.kill_all()
    place = next((giants.catalog / "tiles").glob(f"{dataset.id}-*"))

    def made() -> dict[str, int]:
        tiles = (place / "tiles").rglob("[0-9]*_*.jpg")
        return {str(path): path.stat().st_mtime_ns for path in tiles}

    before = made()
    giants.start()
    assert giants.client.dataset("killed").wait(timeout=180).status == "complete"
    status = giants.http.get(f"/api/datasets/{dataset.id}/status").json()
    assert status["tile_info"]["status"] == "ready"
    after = made()
    assert len(after) == status["tile_info"]["total_tiles"] > len(before) > 500
    assert before.items() <= after.items()
