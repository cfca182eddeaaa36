"""Pictures in a bucket: opened, looked at again by their marks; one that does not answer."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pytest
from PIL import Image

from rayograph.catalog import Catalog, DatasetRow
from rayograph.datasets import open_dataset
from rayograph.errors import SourceEmpty, SourceNotFound
from rayograph.schema import NewDataset, Progress
from rayograph.settings import Settings
from rayograph_pipelines import retries
from rayograph_pipelines.stages.reading import header
from tests.buckets import BUCKET, Bucket
from tests.working import Reading, run_of, settings_for

SOURCE = f"s3://{BUCKET}/photos"
NOWHERE = "http://127.0.0.1:9"
COUNT = 12


def picture(number: int) -> bytes:
    body = io.BytesIO()
    Image.new("RGB", (40, 30), (number, 90, 120)).save(body, "BMP")
    return body.getvalue()


def forget_connections() -> None:
    """Another process would have none of the connections and listings of before."""
    fsspec.get_filesystem_class("s3").clear_instance_cache()


class Opened:
    """The bucket's pictures as a dataset that was worked on to its end."""

    def __init__(self, bucket: Bucket, home: Path) -> None:
        for number in range(COUNT):
            bucket.put(f"photos/{number // 6}/{number:02}.bmp", picture(number))
        self.settings: Settings = settings_for(home)
        self.catalog = Catalog(self.settings.catalog.uri)
        self.warm = Reading()
        forget_connections()
        row, _ = open_dataset(self.catalog, NewDataset(path=SOURCE), self.settings)
        self.key = row.dataset_id
        assert self.work().status == "complete"

    @property
    def row(self) -> DatasetRow:
        return self.catalog.dataset(self.key)

    def work(self) -> Progress:
        self.warm.seen.clear()
        forget_connections()
        return run_of(self.settings, self.row, self.warm).work()

    def rescan(self) -> Progress:
        self.catalog.update(self.key, listed=False, error=None)
        return self.work()

    def records(self) -> dict[str, dict[str, Any]]:
        rows = self.catalog.reader(self.key).page(offset=0, limit=1000)[0]
        return {row["file_name"]: row for row in rows}


@pytest.fixture
def opened(bucket: Bucket, tmp_path: Path) -> Opened:
    return Opened(bucket, tmp_path)


def test_a_bucket_is_opened_and_read(opened: Opened) -> None:
    found = opened.records()
    assert len(found) == COUNT
    assert found["07.bmp"]["uri"] == f"{SOURCE}/1/07.bmp"
    assert found["07.bmp"]["folder"] == "1"
    assert header(found["07.bmp"]["uri"], 10**9)[:3] == (40, 30, "BMP")
    marks = opened.catalog.rows(opened.key).known()["etag"].to_pylist()
    assert len(set(marks) - {None}) == COUNT


def test_a_mark_decides_whatever_size_and_time_say(opened: Opened, bucket: Bucket) -> None:
    before = opened.records()
    assert opened.rescan().status == "complete"
    assert opened.warm.seen == []
    # The same bytes at another time, and others of the same size.
    bucket.put("photos/0/03.bmp", picture(3))
    bucket.put("photos/0/04.bmp", picture(200))
    progress = opened.rescan()
    assert (progress.total, progress.ready) == (COUNT, COUNT)
    assert opened.warm.embedded == ["04.bmp"]
    now = opened.records()
    assert now["04.bmp"]["size"] == before["04.bmp"]["size"]
    assert now["04.bmp"]["content_hash"] != before["04.bmp"]["content_hash"]
    assert now["04.bmp"]["id"] == before["04.bmp"]["id"]
    opened.rescan()
    assert opened.warm.seen == []


def test_other_bytes_of_the_same_size_and_time_are_found(opened: Opened, bucket: Bucket) -> None:
    bucket.put("photos/1/08.bmp", picture(201))
    forget_connections()
    changed = fsspec.filesystem("s3").info(f"{BUCKET}/photos/1/08.bmp")["LastModified"]
    editor = opened.catalog.rows(opened.key)
    with opened.catalog.lock(opened.key):
        rows = editor.known("file_name = '08.bmp'")
        rows = rows.select(["uri", "file_name", "folder", "size", "_rowaddr"])
        editor.place(rows.append_column("mtime", pa.array([changed.timestamp()])))
    opened.rescan()
    assert opened.warm.embedded == ["08.bmp"]


def test_what_is_gone_is_missing_and_a_moved_object_is_known(
    opened: Opened, bucket: Bucket
) -> None:
    before = opened.records()
    bucket.delete("photos/0/01.bmp")
    bucket.delete("photos/0/02.bmp")
    bucket.put("photos/moved/02.bmp", picture(2))
    progress = opened.rescan()
    assert (progress.total, progress.missing) == (COUNT - 1, 1)
    assert opened.records()["02.bmp"]["id"] == before["02.bmp"]["id"]


def test_a_bucket_that_does_not_answer_changes_nothing_and_is_asked_again(
    opened: Opened, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOWHERE)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    progress = opened.rescan()
    assert progress.error is not None
    assert "nothing was changed" in progress.error
    assert progress.next_try is not None
    assert progress.next_try.at is not None
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.address)
    retries.prepare(opened.catalog, opened.key)
    progress = opened.work()
    assert (progress.error, progress.total, progress.missing) == (None, COUNT, 0)
    assert opened.row.retry is None


def test_what_cannot_be_opened_says_why(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(tmp_path)
    catalog = Catalog(settings.catalog.uri)
    forget_connections()
    bucket.put("notes/a.txt", b"x")
    with pytest.raises(SourceEmpty, match="no images"):
        open_dataset(catalog, NewDataset(path=f"s3://{BUCKET}/notes"), settings)
    with pytest.raises(SourceNotFound, match="there is no s3://no-such-bucket"):
        open_dataset(catalog, NewDataset(path="s3://no-such-bucket/x"), settings)
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOWHERE)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    forget_connections()
    with pytest.raises(SourceNotFound, match="does not answer") as caught:
        open_dataset(catalog, NewDataset(path=SOURCE), settings)
    assert "network" in (caught.value.hint or "")
