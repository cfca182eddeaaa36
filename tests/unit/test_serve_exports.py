"""Exports over HTTP as far as no child is needed: what is refused, and what is noted on disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from rayograph.export import jobs as job_store
from tests.exporting import Counter, counting


@pytest.fixture
async def counter(tmp_path: Path) -> AsyncIterator[Counter]:
    async with counting(tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "exports", {"format": "zip"}, 422),
        ("POST", "exports", {"format": "csv", "images": True}, 422),
        ("POST", "exports", {"format": "csv", "where": "width>"}, 422),
        ("POST", "exports", {"format": "csv", "where": "width>1", "ids": []}, 422),
        ("POST", "exports", {"format": "csv", "path": "/etc"}, 422),
        ("GET", "export?format=coco", None, 422),
        ("GET", "export?where=width%3E", None, 422),
        ("GET", "exports/0123456789abcdef", None, 404),
        ("GET", "exports/..%2f..%2fx/file", None, 404),
        ("GET", "exports/0123456789abcdef/file?archive=rar", None, 422),
        ("DELETE", "exports/.new-0123456789abcdef", None, 404),
    ],
)
async def test_what_makes_no_sense_is_refused(
    counter: Counter, method: str, path: str, body: Any, status: int
) -> None:
    answer = await counter.http.request(method, f"{counter.url}/{path}", json=body)
    assert answer.status_code == status, answer.text
    assert "error" in answer.json()
    missing = await counter.http.get("/api/datasets/aaaaaaaaaa/exports")
    assert missing.status_code == 404


async def test_one_that_is_not_done_cannot_be_taken(counter: Counter) -> None:
    job, lock = counter.jobs.create(spec(counter))
    with lock:
        answer = await counter.http.get(f"{counter.url}/exports/{job.export_id}/file")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_ready")
        assert job.record().state == "queued"


def spec(counter: Counter, **more: Any) -> dict[str, Any]:
    base = {"catalog": counter.shop.settings.catalog.uri, "dataset_id": counter.shop.dataset}
    return {**base, "form": "csv", "one_file": True, **more}


async def test_one_whose_server_ended_says_so_and_is_not_stuck(counter: Counter) -> None:
    job, lock = counter.jobs.create(spec(counter))
    job.note("running", done=3, total=9)
    assert job.record().state == "running"
    lock.close()
    now = await counter.ended(job.export_id)
    assert (now["state"], now["error"], now["done"]) == ("failed", job_store.INTERRUPTED, 3)
