"""What the clients and the command line ask about a whole dataset, against a small real API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from fake_api import FakeApi, serving

from rayograph import errors
from rayograph.analysis.answers import Computing
from rayograph.cli import main
from rayograph.client import AsyncClient, Client, Dataset


@pytest.fixture(scope="module")
def _served() -> Iterator[tuple[str, FakeApi]]:
    api = FakeApi()
    with serving(api.app) as url:
        yield url, api


@pytest.fixture
def api(_served: tuple[str, FakeApi], monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    monkeypatch.setenv("RAYOGRAPH_SERVER__PORT", _served[0].rsplit(":", 1)[1])
    _served[1].reset()
    return _served[1]


@pytest.fixture
def dataset(_served: tuple[str, FakeApi], api: FakeApi) -> Iterator[Dataset]:
    with Client(_served[0]) as client:
        yield client.dataset("done")


def run(*args: str) -> Result:
    return CliRunner().invoke(main, list(args))


def test_an_answer_is_waited_for_and_its_progress_told(dataset: Dataset, api: FakeApi) -> None:
    api.looks = 2
    heard: list[Computing] = []
    page = dataset.duplicates("near", 4, limit=3, on_progress=heard.append)
    assert [one.done for one in heard] == [1, 1]
    assert page.items[0].best == page.items[0].images[0].image.id
    assert api.seen[-1][1].endswith("/duplicates?kind=near&threshold=4&show=open&limit=3")


def test_who_will_not_wait_is_told_how_far_it_is(dataset: Dataset, api: FakeApi) -> None:
    api.looks = 1
    with pytest.raises(errors.NotReady, match="comparing, 25 %"):
        dataset.clusters(wait=False)
    api.looks = 99
    with pytest.raises(TimeoutError):
        dataset.outliers(timeout=0)


def test_a_sample_comes_whole_and_the_map_as_a_table(dataset: Dataset, api: FakeApi) -> None:
    sample = dataset.sample(7, method="balanced", by="format", where="width>1")
    assert len(sample.items) == 2
    asked = [query for _, query, _ in api.seen if "/sample" in query]
    assert "n=7&method=balanced&seed=0&by=format&where=width" in asked[0]
    assert asked[1].endswith("cursor=x")
    assert isinstance(dataset.map(), pa.Table)
    assert dataset.map()["cluster"].to_pylist() == [0, 1]
    dataset.map(colour="format")
    assert api.seen[-1][1].endswith("/map?seed=0&colour=format")
    assert dataset.cluster("0-0").cluster.name == "cat"
    assert dataset.clusters().levels[0].clusters[0].size == 2


def test_decisions_are_sent_and_listed(dataset: Dataset, api: FakeApi) -> None:
    assert dataset.decide(["a", "b"], "a", "hide") == 1
    body = {"image_ids": ["a", "b"], "best_id": "a", "decision": "hide"}
    assert api.seen[-1][2] == body
    assert dataset.decide("b", "a", None) == 1
    assert dataset.decisions().total == 0


def test_a_newer_result_is_waited_for(dataset: Dataset, api: FakeApi) -> None:
    assert dataset.refresh("outliers", neighbours=3).stage == "waiting"
    assert api.seen[-1][2] == {"parameters": {"neighbours": 3}, "refresh": True}
    api.looks = 1
    dataset.wait_for_analyses("outliers")
    assert len([1 for _, path, _ in api.seen if path.endswith("/analyses")]) == 2
    api.becomes = "failed"
    with pytest.raises(errors.AnalysisFailed):
        dataset.wait_for_analyses("outliers")
    dataset.cancel_analysis("outliers")
    assert api.seen[-1][0] == "DELETE"


async def test_the_async_client_does_the_same(api: FakeApi, _served: tuple[str, FakeApi]) -> None:
    async with AsyncClient(_served[0]) as client:
        dataset = await client.dataset("done")
        api.looks = 1
        assert (await dataset.duplicates()).total == 1
        assert len((await dataset.sample(3)).items) == 2
        assert (await dataset.outliers()).stale
        assert (await dataset.map()).num_rows == 2
        assert (await dataset.clusters()).levels[0].level == 0
        assert (await dataset.cluster("0-0")).total == 2
        assert await dataset.decide("a", "b", "keep") == 1
        assert (await dataset.decisions()).items == []
        assert (await dataset.refresh("map")).stage == "waiting"
        await dataset.wait_for_analyses("map")
        await dataset.cancel_analysis("map")
        assert (await dataset.analyses())[0].state == "done"


def test_commands_print_tables_and_say_where_they_come_from(api: FakeApi) -> None:
    api.looks = 1
    found = run("duplicates", "done", "--kind", "near")
    assert (found.exit_code, "*" in found.stdout, "most pixels" in found.stdout) == (0, True, True)
    assert "comparing, 25 %" in found.stderr
    assert "looked at 2 of 3 images; the images have changed since: --refresh" in found.stderr
    for command in ("outliers", "sample"):
        assert "0.500" in run(command, "done").stdout
    assert "cat" in run("clusters", "done", "--level", "0").stdout
    assert "cat" not in run("clusters", "done", "--level", "1").stdout


@pytest.mark.parametrize("command", ["duplicates", "outliers", "sample", "clusters"])
def test_commands_speak_json(api: FakeApi, command: str) -> None:
    assert json.loads(run(command, "done", "--json").stdout)["status"] == "ready"


def test_commands_refresh_and_cancel(api: FakeApi) -> None:
    assert run("duplicates", "done", "--refresh", "--kind", "near").exit_code == 0
    posts = [body for method, _, body in api.seen if method == "POST"]
    assert posts == [{"parameters": {"kind": "near"}, "refresh": True}]
    for command in ("duplicates", "outliers", "sample", "clusters", "map"):
        assert run(command, "done", "--cancel").output.strip() == f"{command}: cancelled"
        assert api.seen[-1][0] == "DELETE"


@pytest.mark.parametrize("suffix", [".arrow", ".parquet", ".csv"])
def test_the_map_is_written(api: FakeApi, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"map{suffix}"
    assert run("map", "done", "-o", str(path), "--colour", "format").exit_code == 0
    assert path.stat().st_size > 20
    assert run("map", "done", "-o", str(tmp_path / "map.txt")).exit_code == 2
