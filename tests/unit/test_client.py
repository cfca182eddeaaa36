"""The client, blocking and async, against a small real API on a free port."""

from __future__ import annotations

import base64
import inspect
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fake_api import DONE, FRESH, FakeApi, progress, record, serving
from PIL import Image

from rayograph import errors
from rayograph.client import AsyncClient, AsyncDataset, Client, Dataset, calls, frames
from rayograph.client.discovery import Discovery
from rayograph.client.discovery_async import AsyncDiscovery
from rayograph.client.exports import AsyncExportMethods, ExportMethods
from rayograph.client.follow import Follow
from rayograph.client.snapshots import AsyncSnapshotMethods, SnapshotMethods
from rayograph.client.transport import http_options, pause_after
from rayograph.schema import Accepted, ImageRecord, Progress, Region
from rayograph.sources import where_is


@pytest.fixture(scope="module")
def _served() -> Iterator[tuple[str, FakeApi]]:
    api = FakeApi()
    with serving(api.app) as url:
        yield url, api


@pytest.fixture
def api(_served: tuple[str, FakeApi]) -> FakeApi:
    _served[1].reset()
    return _served[1]


@pytest.fixture
def client(_served: tuple[str, FakeApi], api: FakeApi) -> Iterator[Client]:
    with Client(_served[0]) as opened:
        yield opened


def test_add_sends_an_absolute_path_and_returns_a_handle(
    client: Client, api: FakeApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    dataset = client.add("~/some pictures", name="mine", recursive=False)
    assert (dataset.id, dataset.name) == (FRESH, "mine")
    body = {"path": f"{tmp_path}/some pictures", "name": "mine", "recursive": False}
    assert api.seen[0] == ("POST", "/api/datasets", body)


@pytest.mark.parametrize(
    ("source", "sent"),
    [
        ("s3://bucket/x", {"url": "s3://bucket/x"}),
        ("https://example.org/a.jpg", {"url": "https://example.org/a.jpg"}),
        ("demo", {"path": "demo"}),
        (Path("/pictures/*.jpg"), {"path": "/pictures/*.jpg"}),
        (os.fsdecode(b"/odd\xff"), {"url": "file:///odd%FF"}),
    ],
)
def test_sources_go_as_path_or_url(source: str, sent: dict[str, str]) -> None:
    assert where_is(source) == sent


def test_an_empty_source_is_refused_before_it_is_sent(client: Client) -> None:
    with pytest.raises(errors.SourceNotFound):
        client.add("")


def test_a_dataset_is_found_by_id_or_name(client: Client) -> None:
    assert client.dataset(DONE).name == "done"
    assert client.dataset("done").id == DONE
    assert [dataset.id for dataset in client.datasets()] == [FRESH, DONE]
    with pytest.raises(errors.DatasetNotFound) as caught:
        client.dataset("nothing")
    assert caught.value.hint == "known: fresh, done"


def test_a_name_that_two_datasets_share_is_refused(client: Client, api: FakeApi) -> None:
    api.datasets[FRESH]["name"] = "done"
    with pytest.raises(errors.InvalidRequest, match="2 datasets"):
        client.dataset("done")


def test_wait_follows_the_stream_and_reports_each_change(client: Client, api: FakeApi) -> None:
    dataset = client.dataset("fresh")
    api.steps = [0, 1, 1, 2, 3]
    heard: list[int] = []
    last = dataset.wait(timeout=20, on_progress=lambda now: heard.append(now.ready))
    assert heard == [0, 1, 2, 3]
    assert last.status == "complete"
    assert dataset.is_ready()


def test_wait_goes_on_after_a_stream_that_broke_off(
    client: Client, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rayograph.client.sync.POLL_S", 0)
    dataset = client.dataset("fresh")
    api.streams, api.steps = False, [1, 2, 3]
    assert [now.ready for now in dataset.progress_stream(timeout=20)] == [1, 2, 3]


def test_wait_gives_up_in_time(client: Client, api: FakeApi) -> None:
    dataset = client.dataset("fresh")
    api.steps = [1] * 5
    with pytest.raises(TimeoutError, match="1 of 3 ready"):
        dataset.wait(timeout=0)


def test_waiting_for_what_is_gone_is_an_error(client: Client, api: FakeApi) -> None:
    dataset = client.dataset("fresh")
    dataset.delete()
    with pytest.raises(errors.DatasetNotFound, match=FRESH):
        dataset.wait(timeout=20)


def test_a_server_that_was_there_may_be_away_for_a_while() -> None:
    away = errors.Unavailable("away")
    follow = Follow(None, patience_s=60)
    with pytest.raises(errors.Unavailable):
        follow.forgive(away)
    assert follow.news(Progress.model_validate(progress(FRESH, 1)))
    follow.forgive(away)
    with pytest.raises(errors.AccessDenied):
        follow.forgive(errors.AccessDenied("no"))


def test_search_sends_the_query_it_was_given(client: Client, api: FakeApi, tmp_path: Path) -> None:
    dataset = client.dataset("fresh")
    answer = dataset.search("red car", k=5, where="width>=10")
    assert api.seen[-1][2] == {"text": "red car", "k": 5, "where": "width>=10"}
    assert (answer.items[0].score, answer.coverage.searched) == (0.5, 2)
    file = tmp_path / "a.bin"
    file.write_bytes(b"picture")
    for picture in (file, str(file), b"picture"):
        dataset.search(image=picture)
        assert base64.b64decode(api.seen[-1][2]["image_base64"]) == b"picture"
    dataset.search(image=Image.new("RGBA", (2, 2)))
    assert base64.b64decode(api.seen[-1][2]["image_base64"]).startswith(b"\x89PNG")
    dataset.search("red", by="words", offset=20, cutoff="auto")
    more = {"by": "words", "offset": 20, "cutoff": "auto"}
    assert api.seen[-1][2] == {"text": "red", "k": 20, **more}
    examples = [{"image_id": "x", "weight": 2.0}, "y"]
    dataset.search(more_like=examples, image_url="https://example.com/a.jpg")
    assert api.seen[-1][2]["more_like"] == examples
    dataset.search(box={"image_id": "x", "x": 0, "y": 0, "width": 0.5, "height": 1})
    assert api.seen[-1][2]["box"]["width"] == 0.5


def test_filters_are_sent_with_what_they_filter(client: Client, api: FakeApi) -> None:
    dataset = client.dataset("done")
    assert len(list(dataset.images(where="width>=10", limit=2))) == 2
    assert api.seen[-1][1].endswith("/images?limit=2&where=width%3E%3D10")
    assert dataset.failures(where="failed:*").total == 1
    assert "where=failed%3A%2A" in api.seen[-1][1]
    assert [field.name for field in dataset.fields()] == ["width"]


def test_annotations_and_how_they_fit(client: Client, api: FakeApi) -> None:
    dataset = client.dataset("done")
    report = dataset.annotation_report()
    assert (report.images_matched, report.missing, report.problems[0].line) == (3, ["gone.jpg"], 7)
    found = dataset.annotations(["a-1", "a-2"])
    assert found["a-1"][0].box == (1, 2, 3, 4)
    assert api.seen[-1][2] == {"image_ids": ["a-1", "a-2"]}
    assert list(dataset.annotations("a-3")) == ["a-3"]


def test_a_senseless_search_never_leaves(client: Client, tmp_path: Path) -> None:
    dataset = client.dataset("fresh")
    with pytest.raises(errors.InvalidRequest, match="give one of"):
        dataset.search("a", image_id="b")
    with pytest.raises(errors.InvalidRequest, match="k: "):
        dataset.search("a", k=0)
    with pytest.raises(errors.SourceNotFound):
        dataset.search(image=tmp_path / "missing.jpg")
    with pytest.raises(errors.InvalidRequest, match="int"):
        dataset.search(image=3)  # type: ignore[arg-type]


def test_images_follow_the_cursor_and_stop_at_the_limit(client: Client, api: FakeApi) -> None:
    dataset = client.dataset("fresh")
    api.count = 5
    assert [item.file_name[0] for item in dataset.images()] == ["0", "1", "2", "3", "4"]
    before = len(api.seen)
    assert len(list(dataset.images(limit=2, sort="-size"))) == 2
    sent = [f"/api/datasets/{FRESH}/images?limit=2&sort=-size"]
    assert [path for _, path, _ in api.seen[before:]] == sent
    assert list(dataset.images(limit=0)) == []


def test_commands_and_edits_call_the_contract_s_routes(client: Client, api: FakeApi) -> None:
    dataset = client.dataset("fresh")
    api.seen.clear()
    for command in ("rescan", "purge", "pause", "resume", "retry", "cancel"):
        assert getattr(dataset, command)().total == 3
    dataset.tag(["a", "b"], "keep", "best")
    dataset.untag("a", "keep")
    dataset.rate(["a"], 4)
    dataset.favorite(["a"])
    dataset.use_model("rayograph-mini")
    assert dataset.info.next_model == "rayograph-mini"
    dataset.delete()
    base, batch = f"/api/datasets/{FRESH}", f"/api/datasets/{FRESH}/images/batch"
    names = ("rescan", "purge", "pause", "resume", "retry", "cancel")
    assert api.seen[:6] == [("POST", f"{base}/{name}", None) for name in names]
    assert api.seen[6:] == [
        ("POST", batch, {"ids": ["a", "b"], "tags_add": ["keep", "best"]}),
        ("POST", batch, {"ids": ["a"], "tags_remove": ["keep"]}),
        ("POST", batch, {"ids": ["a"], "rating": 4}),
        ("POST", batch, {"ids": ["a"], "favorite": True}),
        ("PATCH", base, {"model": "rayograph-mini"}),
        ("DELETE", base, None),
    ]


def test_one_stage_and_how_urgent_it_all_is(client: Client, api: FakeApi) -> None:
    dataset = client.dataset("fresh")
    api.seen.clear()
    dataset.pause("embedding")
    dataset.resume("embedding")
    dataset.cancel("embedding")
    dataset.retry(stage="metadata")
    dataset.prioritise("high")
    assert dataset.info.priority == "high"
    base = f"/api/datasets/{FRESH}"
    assert api.seen == [
        ("POST", f"{base}/pause", {"stage": "embedding"}),
        ("POST", f"{base}/resume", {"stage": "embedding"}),
        ("POST", f"{base}/cancel", {"stage": "embedding"}),
        ("POST", f"{base}/retry", {"stage": "metadata"}),
        ("PATCH", base, {"priority": "high"}),
    ]


def test_records_become_tables_and_pictures(client: Client) -> None:
    dataset = client.dataset("fresh")
    table = dataset.to_arrow()
    assert table.num_rows == 3
    assert table["width"].null_count == 3
    assert list(dataset.to_pandas()["file_name"]) == ["0 a.jpg", "1 a.jpg", "2 a.jpg"]
    pictures = dataset.to_torch(lambda picture: picture.getpixel((0, 0)))
    assert len(pictures) == 3
    assert pictures[1] == ((1, 2, 3), pictures.records[1].id)
    assert client.image(f"{FRESH}-1").dataset_id == FRESH
    assert client.thumbnail("x", 64) == client.file("x")


def test_arrow_columns_are_the_record_s_fields() -> None:
    assert frames.RECORDS.names == list(ImageRecord.model_fields)
    region = frames.RECORDS.field("region").type
    assert [region.field(n).name for n in range(region.num_fields)] == list(Region.model_fields)


def test_what_has_no_route_is_the_server_s_answer(client: Client) -> None:
    with pytest.raises(errors.NotFound):
        client.dataset("fresh").remove_export("0123456789abcdef")


def test_a_refusal_with_retry_after_is_asked_again(client: Client, api: FakeApi) -> None:
    api.refusals = 3
    assert client.health().version == "0.1.0"
    api.refusals = 99
    with pytest.raises(errors.Unavailable, match="starting"):
        client.models()


def test_what_is_asked_again_and_what_is_not() -> None:
    call = calls.health()
    plain = httpx.Response(404, text="Path '/api/healthz' not found.")
    assert pause_after(call, plain, 0) is not None
    assert pause_after(call, plain, 99) is None
    assert pause_after(calls.delete("x"), plain, 0) is None
    assert pause_after(call, httpx.Response(404, json={"error": {}}), 0) is None
    assert pause_after(call, httpx.Response(503), 0) is None
    assert pause_after(call, httpx.Response(503, headers={"Retry-After": "3600"}), 0) == 5.0


def test_errors_arrive_typed_with_their_hint(client: Client, api: FakeApi) -> None:
    dataset = client.dataset("fresh")
    with pytest.raises(errors.InvalidRequest) as caught:
        list(dataset.images(where="format=png and widht>1"))
    assert isinstance(caught.value, errors.InvalidFilter)
    assert (caught.value.hint, caught.value.position) == ("did you mean width?", 15)
    api.token = "secret"
    with pytest.raises(errors.AccessDenied):
        client.datasets()
    with Client(client.url, token="secret") as allowed:
        assert len(allowed.datasets()) == 2


def test_nobody_there_says_how_to_start_one() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with Client(url) as client, pytest.raises(errors.Unavailable) as caught:
            client.health()
    assert "rayograph up" in (caught.value.hint or "")
    with pytest.raises(errors.Unavailable, match="address"):
        Client("localhost:8000")


def test_another_program_s_answer_is_a_server_error() -> None:
    with pytest.raises(errors.ServerError, match="did not answer as rayograph does"):
        calls.read(Accepted)(
            httpx.Response(200, text="<html>", request=httpx.Request("GET", "http://x"))
        )


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine() -> None:
    assert http_options("http://127.0.0.1:8000", None, 1)["trust_env"] is False
    assert http_options("http://far.example", "t", 1)["trust_env"] is True


async def test_the_async_client_does_the_same(
    _served: tuple[str, FakeApi], api: FakeApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("rayograph.client.aio.POLL_S", 0)
    async with AsyncClient(_served[0]) as client:
        dataset = await client.add("/pictures", name="mine")
        assert dataset.name == (await client.dataset("mine")).name
        api.steps = [0, 2, 3]
        heard = [now.ready async for now in dataset.progress_stream(timeout=20)]
        assert heard == [0, 2, 3]
        api.streams, api.steps = False, [1, 3]
        assert (await dataset.wait(timeout=20)).ready == 3
        assert await dataset.is_ready()
        assert (await dataset.search("red")).items[0].score == 0.5
        assert len([item async for item in dataset.images(limit=3)]) == 3
        assert (await dataset.to_arrow()).num_rows == 3
        assert len(await dataset.to_torch()) == 3
        assert (await dataset.failures()).reasons[0].error_code == "truncated"
        assert (await dataset.failures(where="width>1")).total == 1
        assert (await dataset.fields())[0].aliases == ["w"]
        assert (await dataset.annotation_report()).format == "coco"
        assert list(await dataset.annotations(["a-1"])) == ["a-1"]
        assert (await dataset.status()).status == "ready"
        assert (await dataset.pause()).total == 3
        await dataset.tag(["a"], "keep")
        api.refusals = 2
        assert (await client.health()).status == "ok"
        api.steps = [1] * 5
        with pytest.raises(TimeoutError):
            await dataset.wait(timeout=0)
        with pytest.raises(errors.NotFound):
            await dataset.remove_export("0123456789abcdef")


@pytest.mark.parametrize(
    ("blocking", "other"),
    [
        (Client, AsyncClient),
        (Dataset, AsyncDataset),
        (Discovery, AsyncDiscovery),
        (ExportMethods, AsyncExportMethods),
        (SnapshotMethods, AsyncSnapshotMethods),
    ],
)
def test_both_clients_have_the_same_methods_and_arguments(blocking: type, other: type) -> None:
    def shape(kind: type) -> dict[str, list[str]]:
        return {
            name: [f"{p}" for p in inspect.signature(value).parameters.values()]
            for name, value in vars(kind).items()
            if inspect.isfunction(value) and not name.startswith("_")
        }

    assert shape(blocking) == shape(other)


def test_every_client_method_and_error_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "client.md").read_text()
    for kind in (Client, *Dataset.__mro__[:-1]):
        for name in vars(kind):
            assert name.startswith("_") or f"`{name}" in text or f".{name}" in text, name
    for name, value in vars(errors).items():
        if inspect.isclass(value) and issubclass(value, errors.RayographError):
            assert f"`{name}`" in text, name


def test_failed_images_are_left_out_of_torch(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [record(FRESH, 0, "failed"), record(FRESH, 1)]
    kept = [ImageRecord.model_validate(item) for item in items]
    monkeypatch.setattr(Dataset, "images", lambda self, where=None: iter(kept))
    assert len(client.dataset("fresh").to_torch()) == 1
