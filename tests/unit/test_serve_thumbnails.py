"""Thumbnails: made once, newest first, cached, conditional, and broken files as answers."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from serving import Pictures, Socket, serving

from rayograph import ids
from rayograph.errors import ImageFault, ImageNotFound
from rayograph.settings import Settings
from rayograph.sources import file_uri
from rayograph_serve.engine import Located
from rayograph_serve.thumbnail_queue import ThumbnailQueue
from rayograph_serve.thumbnails import THUMBNAIL_TYPE, ThumbnailStore
from tests.fake_engine import draw_pictures

DATASET = "0123456789"


def settings_at(folder: Path, **thumbnails: object) -> Settings:
    sections = {"catalog": {"uri": str(folder)}, "thumbnails": thumbnails}
    return Settings.model_validate(sections)


def image_at(path: Path) -> tuple[str, Located]:
    uri = file_uri(str(path))
    return ids.image_id(DATASET, uri), Located(uri, 1, 2.0)


class Gated:
    """A renderer that waits for leave, and tells when it was asked."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[str] = asyncio.Queue()
        self.leave = threading.Semaphore(0)
        self.order: list[str] = []
        self._loop = asyncio.get_running_loop()

    def __call__(self, uri: str, width: int) -> bytes:
        self.order.append(uri)
        self._loop.call_soon_threadsafe(self.asked.put_nowait, uri)
        assert self.leave.acquire(timeout=5)
        return uri.encode()


async def test_a_thumbnail_is_made_once_and_answers_conditions(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        path = f"/api/images/{(await served.ids())[0]}/thumbnail"
        first = await served.http.get(path, params={"size": 100})
        assert (first.status_code, first.headers["content-type"]) == (200, THUMBNAIL_TYPE)
        assert first.headers["cache-control"] == "private, max-age=86400, must-revalidate"
        etag = first.headers["etag"]
        same = await served.http.get(path, params={"size": 128})
        assert same.content == first.content
        assert len(served.pictures.made) == 1
        for condition in (etag, f'"x", W/{etag}', "*"):
            for query in ("size=100", "size=99"):
                again = await served.http.get(
                    f"{path}?{query}", headers={"If-None-Match": condition}
                )
                assert (again.status_code, again.content) == (304, b"")
                assert again.headers["etag"] == etag
                assert "content-length" not in again.headers
        other = await served.http.get(path, params={"size": 100}, headers={"If-None-Match": '"x"'})
        assert other.status_code == 200
        forever = await served.http.get(path, params={"size": 100, "v": "2"})
        assert forever.headers["cache-control"] == "private, max-age=31536000, immutable"
        larger = await served.http.get(path, params={"size": 5000})
        assert larger.headers["etag"] != etag
        assert [width for _, width in served.pictures.made] == [128, 512]


async def test_bad_sizes_are_refused(tmp_path: Path) -> None:
    async with serving(tmp_path, count=1) as served:
        path = f"/api/images/{(await served.ids())[0]}/thumbnail"
        for query in ("size=0", "size=-5", "size=big", "size=999999", "v=" + "x" * 65, "w=3"):
            assert (await served.http.get(f"{path}?{query}")).status_code == 422, query


async def test_a_repeated_path_does_not_ask_the_engine_until_its_dataset_goes(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, count=1) as served:
        path = f"/api/images/{(await served.ids())[0]}/thumbnail?size=64"
        for _ in range(3):
            assert (await served.http.get(path)).status_code == 200
        assert served.engine.located == 1
        kept = tmp_path / "catalog" / "thumbnails" / served.dataset
        assert kept.is_dir()
        await served.http.delete(f"/api/datasets/{served.dataset}")
        assert (await served.http.get(path)).status_code == 404
        assert not kept.exists()


async def test_a_broken_picture_is_an_answer_and_is_not_tried_again(tmp_path: Path) -> None:
    async with serving(tmp_path, count=1) as served:
        (served.folder / "disc 0000.jpg").write_bytes(b"not a picture")
        path = f"/api/images/{(await served.ids())[0]}/thumbnail"
        for _ in range(2):
            answer = await served.http.get(path)
            assert answer.status_code == 422
            assert answer.json()["error"]["code"] == "image_fault"
        assert len(served.pictures.made) == 1


def test_a_changed_picture_is_another_thumbnail(tmp_path: Path) -> None:
    store = ThumbnailStore(settings_at(tmp_path), render=Pictures())
    image, located = image_at(tmp_path / "a.jpg")
    marks = {
        store.mark(image, located, 128),
        store.mark(image, Located(located.uri, 2, 2.0), 128),
        store.mark(image, Located(located.uri, 1, 2.5), 128),
        store.mark(image, located, 129),
        store.mark(image[:-1] + "x", located, 128),
    }
    assert len(marks) == 5
    assert store.mark(image, located, 1) == store.mark(image, located, 128)


def test_the_disk_outlives_the_store_and_knows_a_changed_picture(tmp_path: Path) -> None:
    (path,) = draw_pictures(tmp_path / "in", 1)
    image, located = image_at(path)
    settings = settings_at(tmp_path / "catalog")
    body = ThumbnailStore(settings, render=Pictures()).get(image, located, 64)
    later = ThumbnailStore(settings, render=Pictures())
    assert later.get(image, located, 64) == body
    assert (later.counts["disk"], later.counts["made"]) == (1, 0)
    changed = Located(located.uri, 99, 2.0)
    later.get(image, changed, 64)
    assert later.counts["made"] == 1
    files = [p for p in (tmp_path / "catalog").rglob("*") if p.is_file()]
    assert len(files) == 1
    files[0].write_bytes(b"half")
    assert ThumbnailStore(settings, render=Pictures()).get(image, located, 64) == body


def test_a_disk_that_cannot_be_written_costs_only_the_cache(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (path,) = draw_pictures(tmp_path / "in", 1)
    (tmp_path / "catalog").write_text("a file where the folder should be")
    image, located = image_at(path)
    store = ThumbnailStore(settings_at(tmp_path / "catalog", memory_mb=0), render=Pictures())
    assert store.get(image, located, 64)
    assert store.get(image, located, 64)
    assert store.counts["made"] == 2
    assert caplog.text.count("not kept on disk") == 1


def test_memory_keeps_the_latest_within_its_limit(tmp_path: Path) -> None:
    store = ThumbnailStore(
        settings_at(tmp_path, memory_mb=1), render=lambda uri, width: bytes(400_000)
    )
    marks = []
    for name in ("a", "b", "c"):
        image, located = image_at(tmp_path / name)
        store.get(image, located, 64)
        marks.append(store.mark(image, located, 64))
    assert [store.remembered(mark) is not None for mark in marks] == [False, True, True]


def test_only_image_ids_become_file_names(tmp_path: Path) -> None:
    store = ThumbnailStore(settings_at(tmp_path), render=Pictures())
    for image in (
        "../../etc/passwd",
        "",
        "0123456789-" + "g" * 20,
        "0123456789-" + "0" * 20 + "\n",
    ):
        with pytest.raises(ImageNotFound):
            store.get(image, Located("file:///x", 1, 1.0), 64)
    (tmp_path / "thumbnails").mkdir()
    store.forget("..")
    assert tmp_path.is_dir()


def test_a_catalog_in_a_bucket_needs_a_cache_folder(tmp_path: Path) -> None:
    (path,) = draw_pictures(tmp_path / "in", 1)
    image, located = image_at(path)
    remote = {"catalog": {"uri": "s3://bucket/x", "cache": str(tmp_path / "cache")}}
    ThumbnailStore(Settings.model_validate(remote), render=Pictures()).get(image, located, 64)
    assert list((tmp_path / "cache" / "thumbnails").rglob("*-128"))
    bare = ThumbnailStore(
        Settings.model_validate({"catalog": {"uri": "s3://bucket/x"}}), render=Pictures()
    )
    bare.get(image, located, 64)
    assert bare.stored(image, located, 64) is None


def test_threads_that_want_the_same_thumbnail_share_one(tmp_path: Path) -> None:
    started, leave, made = threading.Event(), threading.Event(), []

    def render(uri: str, width: int) -> bytes:
        made.append(uri)
        started.set()
        assert leave.wait(5)
        return b"picture"

    store = ThumbnailStore(settings_at(tmp_path), render=render)
    image, located = image_at(tmp_path / "a.jpg")
    results: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: results.append(store.get(image, located, 64)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    assert started.wait(5)
    leave.set()
    for thread in threads:
        thread.join()
    assert results == [b"picture"] * 3
    assert len(made) == 1


async def test_the_newest_request_goes_first_and_abandoned_ones_not_at_all(tmp_path: Path) -> None:
    render = Gated()
    store = ThumbnailStore(settings_at(tmp_path), render=render)
    queue = ThumbnailQueue(store, workers=1)
    names = ["first", "older", "gone", "newer", "newest"]
    images = {name: image_at(tmp_path / name) for name in names}
    tasks = {}
    for name in names:
        image, located = images[name]
        tasks[name] = asyncio.create_task(queue._join(name, image, located, 64))
        await asyncio.sleep(0)
    twin = asyncio.create_task(queue._join("older", *images["older"], 64))
    await asyncio.sleep(0)
    tasks["gone"].cancel()
    for _ in names:
        render.leave.release()
    bodies = [await tasks[name] for name in names if name != "gone"]
    assert await twin == bodies[1]
    asked = [uri.rsplit("/", 1)[1] for uri in render.order]
    # Asked for again, "older" is what somebody looks at now.
    assert asked == ["first", "older", "newest", "newer"]
    with pytest.raises(asyncio.CancelledError):
        await tasks["gone"]
    assert queue._jobs == {}
    queue.close()


async def test_a_client_that_leaves_before_its_turn_costs_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path, count=2) as served:
        render = Gated()
        served.app.state.thumbnails._workers = 1
        served.app.state.thumbnails.store._render = render
        busy, waiting = [f"/api/images/{image}/thumbnail" for image in await served.ids()]
        first = Socket(served.app, "http", busy)
        await render.asked.get()
        second = Socket(served.app, "http", waiting)
        while not served.app.state.thumbnails._waiting:  # noqa: ASYNC110 (a few turns of the loop)
            await asyncio.sleep(0)
        second.say("http.disconnect")
        await second.over()
        render.leave.release()
        assert (await first.hear())["status"] == 200
        await first.hear()
        await first.over()
        assert len(render.order) == 1


async def test_a_fault_reaches_every_waiter(tmp_path: Path) -> None:
    def render(uri: str, width: int) -> bytes:
        raise ImageFault("cut short", fault="truncated")

    queue = ThumbnailQueue(ThumbnailStore(settings_at(tmp_path), render=render), workers=1)
    image, located = image_at(tmp_path / "a.jpg")
    asks = [queue.get(image, located, 64) for _ in range(3)]
    results = await asyncio.gather(*asks, return_exceptions=True)
    assert [getattr(result, "fault", None) for result in results] == ["truncated"] * 3
    queue.close()


def test_a_guarded_child_draws_and_survives_what_it_is_given(tmp_path: Path) -> None:
    (path,) = draw_pictures(tmp_path / "in", 1, side=600)
    store = ThumbnailStore(settings_at(tmp_path / "catalog"))
    try:
        image, located = image_at(path)
        body = store.get(image, located, 128)
        assert 0 < len(body) < path.stat().st_size
        (path.parent / "bad.jpg").write_bytes(b"<html>")
        with pytest.raises(ImageFault) as caught:
            store.get(*image_at(path.parent / "bad.jpg"), 128)
        assert caught.value.fault == "not_an_image"
        with pytest.raises(ImageFault) as caught:
            store.get(*image_at(path.parent / "gone.jpg"), 128)
        assert caught.value.fault == "missing"
    finally:
        store.close()
