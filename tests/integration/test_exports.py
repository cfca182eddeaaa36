"""Exports over HTTP, made by real child processes over a real catalog."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import signal
import tarfile
import time
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from rayograph import AsyncClient, Client
from rayograph.cli import main
from rayograph.errors import InvalidFilter
from rayograph_serve.exporting import exports_folder
from tests.exporting import NAMES, Counter, counting
from tests.unit.fake_api import serving


@pytest.fixture
async def counter(tmp_path: Path) -> AsyncIterator[Counter]:
    async with counting(tmp_path) as made:
        yield made


async def test_one_is_made_in_the_background_and_taken(counter: Counter) -> None:
    started = await counter.start(format="parquet", where="tag:sea", include=["vectors"])
    assert (started["state"], started["done"]) in (("queued", 0), ("running", 0))
    done = await counter.ended(started["export_id"])
    assert (done["state"], done["done"], done["total"], done["failed"]) == ("done", 2, 2, 0)
    data = await counter.taken(started["export_id"])
    assert len(data) == done["bytes"]
    table = pq.read_table(io.BytesIO(data))
    assert table.num_rows == 2 and "vector" in table.column_names
    listed = (await counter.http.get(f"{counter.url}/exports")).json()
    assert [item["export_id"] for item in listed["items"]] == [started["export_id"]]
    assert {"csv", "coco"} < {form["name"] for form in listed["formats"]}
    gone = await counter.http.delete(f"{counter.url}/exports/{started['export_id']}")
    assert gone.status_code == 204
    assert (await counter.http.get(f"{counter.url}/exports")).json()["items"] == []


async def test_a_folder_comes_as_an_archive(counter: Counter) -> None:
    started = await counter.start(format="folder")
    done = await counter.ended(started["export_id"])
    assert (done["state"], done["failed"], done["one_file"]) == ("done", 1, False)
    packed = zipfile.ZipFile(io.BytesIO(await counter.taken(started["export_id"])))
    images = {name for name in packed.namelist() if name.endswith(("jpg", "png"))}
    assert len(images) == len(NAMES) - 1
    data = await counter.taken(started["export_id"], archive="tar")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert set(tar.getnames()) == set(packed.namelist())
    links = await counter.taken(started["export_id"], archive="links")
    with tarfile.open(fileobj=io.BytesIO(links)) as listed:
        lines = listed.extractfile(".links.jsonl").read().splitlines()  # type: ignore[union-attr]
    assert {json.loads(line)["name"] for line in lines} == images


async def test_an_original_that_goes_meanwhile_is_told(counter: Counter) -> None:
    started = await counter.start(format="folder")
    await counter.ended(started["export_id"])
    (counter.shop.folder / "con.jpg").unlink()
    packed = zipfile.ZipFile(io.BytesIO(await counter.taken(started["export_id"])))
    assert not [name for name in packed.namelist() if name.endswith("con.jpg")]
    assert json.loads(packed.read("export.json"))["failed"] == 2
    rows = list(csv.DictReader(io.StringIO(packed.read("failures.csv").decode())))
    assert [row["error_code"] for row in rows] == ["truncated", "missing"]


async def test_tables_are_streamed(counter: Counter) -> None:
    answer = await counter.http.get(f"{counter.url}/export", params={"where": "tag:sea"})
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {row["file_name"] for row in rows} == {"one.png", "con.jpg"}
    lines = await counter.http.get(f"{counter.url}/export", params={"format": "jsonl"})
    assert len(lines.text.splitlines()) == len(NAMES)
    answer = await counter.http.get(f"{counter.url}/export", params={"format": "parquet"})
    assert pq.read_table(io.BytesIO(answer.content)).num_rows == len(NAMES)
    none = await counter.http.get(f"{counter.url}/export", params={"where": "width<3"})
    assert none.text.splitlines()[0].startswith('"id"') and len(none.text.splitlines()) == 1


async def test_one_whose_process_is_killed_fails(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = counter.exports._child

    def killed(*arguments: str, stdout: int) -> Any:
        child = begin(*arguments, stdout=stdout)
        os.kill(child.pid, signal.SIGKILL)
        return child

    monkeypatch.setattr(counter.exports, "_child", killed)
    started = await counter.start(format="csv")
    now = await counter.ended(started["export_id"])
    assert now["state"] == "failed" and "ended early" in now["error"]
    assert str(counter.shop.folder.parent) not in json.dumps(now)


async def test_a_cancelled_one_ends_by_itself(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = counter.exports._child
    begun: list[Any] = []

    def first_removed(*arguments: str, stdout: int) -> Any:
        counter.jobs.get(counter.shop.dataset, Path(arguments[1]).name).remove()
        begun.append(begin(*arguments, stdout=stdout))
        return begun[-1]

    monkeypatch.setattr(counter.exports, "_child", first_removed)
    started = await counter.start(format="folder")
    await asyncio.to_thread(counter.exports._turns.shutdown)
    assert begun[0].returncode != 0
    answer = await counter.http.get(f"{counter.url}/exports/{started['export_id']}")
    assert answer.status_code == 404
    assert not list(exports_folder(counter.shop.settings).glob("*/*"))


async def test_old_ones_go_and_so_do_the_oldest_when_disk_is_short(counter: Counter) -> None:
    keys = []
    for form in ("csv", "jsonl", "csv"):
        started = await counter.start(format=form)
        await counter.ended(started["export_id"])
        keys.append(started["export_id"])
    jobs, at = counter.jobs, time.time()
    for place, key in enumerate(keys):
        state = jobs.get(counter.shop.dataset, key).folder / "state.json"
        os.utime(state, (at - 100 + place, at - 100 + place))
    size = jobs.get(counter.shop.dataset, keys[2]).size_bytes()
    assert size > 0
    jobs.tidy(keep_s=98.5, max_bytes=10**9)
    assert {job.export_id for job in jobs.of(counter.shop.dataset)} <= set(keys[1:])
    jobs.tidy(keep_s=1000, max_bytes=size)
    assert [job.export_id for job in jobs.of(counter.shop.dataset)] == keys[2:]


async def test_the_exports_of_a_removed_dataset_go_with_it(counter: Counter) -> None:
    started = await counter.start(format="csv")
    await counter.ended(started["export_id"])
    await asyncio.to_thread(counter.exports.forget, counter.shop.dataset)
    assert not list(exports_folder(counter.shop.settings).iterdir())


@pytest.fixture
async def served(counter: Counter) -> AsyncIterator[str]:
    with serving(counter.app) as url:
        yield url


async def test_both_clients_put_it_where_the_user_wants(
    counter: Counter, served: str, tmp_path: Path
) -> None:
    def blocking() -> None:
        with Client(served) as client:
            ds = client.dataset("pictures")
            coco = ds.export("coco", tmp_path / "x.json", where="tag:sea")
            assert len(json.loads(coco.read_text())["images"]) == 2
            folder = ds.export("folder", tmp_path / "links", link="symlink")
            assert len([p for p in folder.rglob("*") if p.is_symlink()]) == len(NAMES) - 1
            assert ds.exports() == []
            begun = ds.start_export("yolo")
            assert ds.exports()[0].export_id == begun.export_id
            yolo = ds.take_export(begun.export_id, tmp_path / "yolo")
            assert len(list((yolo / "labels").rglob("*.txt"))) == len(NAMES) - 1
            ds.remove_export(begun.export_id)
            lines = b"".join(ds.stream_table("jsonl", where="tag:sea")).splitlines()
            assert len(lines) == 2
            with pytest.raises(InvalidFilter):
                next(ds.stream_table(where="width>"))

    await asyncio.to_thread(blocking)
    async with AsyncClient(served) as client:
        ds = await client.dataset("pictures")
        seen: list[str] = []
        folder = await ds.export(
            "huggingface", tmp_path / "hf", on_progress=lambda now: seen.append(now.state)
        )
        assert (folder / "data/metadata.jsonl").is_file() and "done" in seen
        streamed = [chunk async for chunk in ds.stream_table("parquet")]
        assert pq.read_table(io.BytesIO(b"".join(streamed))).num_rows == len(NAMES)


async def test_the_command_says_what_it_left_out(
    counter: Counter, served: str, tmp_path: Path
) -> None:
    row = next(counter.shop.rows(where="tag:sea").records())
    (tmp_path / "ids").write_text(f"{row['id']}\n\n")

    def commands() -> None:
        run = CliRunner().invoke
        base = ["--server", served, "export", "pictures", "--format"]
        args = ["folder", "--to", str(tmp_path / "all")]
        result = run(main, [*base, *args])
        assert (result.exit_code, result.stdout.strip()) == (1, str(tmp_path / "all"))
        assert "1 left out: failures.csv says why" in result.stderr
        again = run(main, [*base, *args])
        assert again.exit_code == 2 and "is not empty" in again.stderr
        args = ["csv", "--ids-from", str(tmp_path / "ids"), "-o", str(tmp_path / "one.csv")]
        assert run(main, [*base, *args, "--include", "vectors"]).exit_code == 0
        with (tmp_path / "one.csv").open(newline="") as file:
            (only,) = csv.DictReader(file)
        assert only["id"] == row["id"] and len(json.loads(only["vector"])) == 8
        wrong = run(main, [*base, "csv", "--where", "width>", "-o", str(tmp_path / "w.csv")])
        assert wrong.exit_code == 2 and "^" in wrong.stderr

    await asyncio.to_thread(commands)
