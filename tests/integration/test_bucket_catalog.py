"""A catalog in a bucket: the same run, the same table, through a real S3 protocol."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from rayograph.catalog import Catalog
from tests.working import Warm, names, opened, run_of, settings_for, touch

BUCKET = "pictures"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    httpx.put(f"{address}/{BUCKET}").raise_for_status()
    yield f"s3://{BUCKET}/catalog"
    server.stop()


def test_a_run_is_finished_by_the_next_one(bucket: str, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, catalog={"uri": bucket})
    row = opened(settings, touch(tmp_path / "pictures", *names(60)))
    first = run_of(settings, row)
    seen: list[str] = []

    def stop_early(stage: str, _: object) -> None:
        seen.append(stage)
        if stage == "embedding" and seen.count(stage) > 2:
            first.stop()

    first._warm.before = stop_early  # type: ignore[attr-defined]
    assert first.work().ready < 60
    progress = run_of(settings, row, Warm()).work()
    assert (progress.status, progress.ready, progress.error) == ("complete", 60, None)
    reader = Catalog(bucket).reader(row.dataset_id)
    assert len(reader.page(offset=0, limit=100)[0]) == 60
    found, _, searched, _ = reader.search(np.ones(8, np.float32), k=5)
    assert (len(found), searched) == (5, 60)
