"""Giants as datasets, without Ray: opened, downloaded, tiled, made rows of, and gone on with."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from rayograph import giants
from rayograph.catalog import Catalog, DatasetRow
from rayograph.datasets import open_dataset
from rayograph.errors import ConfigurationError, SourceForbidden
from rayograph.progress import at_rest, status
from rayograph.schema import NewDataset, Progress
from rayograph.settings import Settings
from rayograph.tiles.store import remove_deleted, used_bytes
from rayograph_pipelines import giant
from rayograph_pipelines.turns import Turns
from tests.giants import TILE, write
from tests.web_server import Answer, WebServer
from tests.working import Reports, Warm, in_thread, joined, run_of, settings_for


def settings(home: Path, **tiles: Any) -> Settings:
    given = {"min_pixels": 100_000, "size": TILE, "quality": 90, "max_regions": 200}
    return settings_for(
        home,
        sources={"allowed_hosts": ["127.0.0.1"]},
        download={"tries": 2, "backoff_s": 0.0},
        tiles=given | tiles,
    )


def opened(options: Settings, source: str, **more: Any) -> DatasetRow:
    new = NewDataset(**{"path" if source.startswith("/") else "url": source}, **more)
    return open_dataset(Catalog(options.catalog.uri), new, options)[0]


def rows_of(options: Settings, row: DatasetRow) -> list[dict[str, Any]]:
    return Catalog(options.catalog.uri).reader(row.dataset_id).page(offset=0, limit=1000)[0]


def resting(options: Settings, row: DatasetRow) -> Progress:
    """Its progress while nobody works on it."""
    counts = Catalog(options.catalog.uri).reader(row.dataset_id).counts()
    return at_rest(row, counts, options)


def now(options: Settings, row: DatasetRow) -> DatasetRow:
    return Catalog(options.catalog.uri).dataset(row.dataset_id)


# -- opening --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif", "big.tif", "motorola.tif"])
def test_a_large_file_is_a_giant_and_a_small_one_is_not(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name, 500, 300, **({"bigtiff": True} if name == "big.tif" else {}))
    if name == "motorola.tif":
        data = bytearray(b"MM\0*\0\0\0\x08\0\x02")
        for tag, value in ((256, 500), (257, 300)):
            data += tag.to_bytes(2, "big") + b"\0\x04\0\0\0\x01" + value.to_bytes(4, "big")
        path.write_bytes(bytes(data) + bytes(4096))
    row = opened(settings(tmp_path), str(path))
    assert row.source.kind == "giant"
    assert rows_of(settings(tmp_path), row) == []
    small = opened(settings(tmp_path / "b", min_pixels=150_001), str(path))
    assert small.source.kind == "file"


def test_nothing_is_asked_of_the_network_and_forbidden_addresses_are_refused(
    tmp_path: Path,
) -> None:
    options = settings(tmp_path)
    row = opened(options, "https://nowhere.invalid/space%20image.jpg?size=large")
    assert (row.name, row.source.kind) == ("space image.jpg", "url")
    assert giants.original_of(row, options).name == "space_image.jpg"
    for address in ("http://10.0.0.1/a.jpg", "http://[::1]/a.jpg", "http://2130706434/a.jpg"):
        with pytest.raises(SourceForbidden):
            opened(options, address)


def test_a_catalog_in_a_bucket_needs_a_folder_for_tiles(tmp_path: Path) -> None:
    options = settings(tmp_path).model_copy(
        update={"catalog": Settings().catalog.model_copy(update={"uri": "s3://bucket/x"})}
    )
    source = opened(settings(tmp_path), "https://nowhere.invalid/a.jpg").source
    with pytest.raises(ConfigurationError, match="folder for tiles"):
        giants.as_giant(source, options)


# -- the run --------------------------------------------------------------------------------------


def test_an_address_becomes_tiles_and_rows(tmp_path: Path) -> None:
    options = settings(tmp_path)
    data = write(tmp_path / "p.jpg", 1000, 600).read_bytes()
    with WebServer() as web:
        row = opened(options, web.serve("/p.jpg", Answer(data)), name="Space")
        before = status(
            row, at_rest(row, Catalog(options.catalog.uri).reader(row.dataset_id).counts(), options)
        )
        assert (before.status, before.progress) == ("queued", "downloading")
        reports, warm = Reports(), Warm()
        progress = run_of(options, row, warm, report=reports).work()
    assert progress.status == "complete"
    store = giants.store_of(row, options)
    pyramid = store.pyramid()
    assert pyramid is not None and pyramid.is_done
    assert giants.original_of(row, options).read_bytes() == data

    rows = rows_of(options, row)
    whole, regions = rows[0], rows[1:]
    assert (whole["file_name"], whole["region"]) == ("p.jpg", None)
    assert (whole["width"], whole["height"], whole["format"]) == (1000, 600, "JPEG")
    shape = pyramid.shape
    levels = shape.region_levels(200)
    assert len(levels) == 3
    expected = sum(len(list(shape.regions(z, y))) for z in levels for y in range(shape.grid(z)[1]))
    assert len(regions) == expected > 50
    assert progress.ready == progress.total == expected + 1
    boxes = {tuple(row["region"]) for row in regions}
    assert len(boxes) == expected
    assert all(x + w <= 1000 and y + h <= 600 for x, y, w, h in boxes)
    # The whole picture was looked at by its smallest tile, never opened itself.
    assert "p.jpg" not in {name for stage, names in warm.seen for name in names}
    assert [name for stage, names in warm.seen if stage == "embedding" for name in names].count(
        "0_0.jpg"
    ) == len(levels) + 1

    seen = [(p.stages["download"], p.stages["tiling"]) for p in reports.all]
    assert seen[-1][0].done == seen[-1][0].total == len(data)
    assert seen[-1][1].done == seen[-1][1].total == shape.total
    assert {s.state for s, _ in seen} >= {"running", "done"}
    for earlier, later in pairwise(seen):
        assert later[1].done >= earlier[1].done
    after = giants.tile_info(now(options, row), options)
    assert after is not None
    assert (after.status, after.max_zoom, after.done_tiles) == ("ready", 10, shape.total)
    assert status(now(options, row), progress).status == "ready"


def test_a_local_giant_is_tiled_where_it_lies(tmp_path: Path) -> None:
    options = settings(tmp_path, max_regions=0)
    path = write(tmp_path / "p.tif", 700, 500, tile=True, pyramid=True)
    row = opened(options, str(path))
    progress = run_of(options, row).work()
    assert (progress.status, progress.total, progress.ready) == ("complete", 1, 1)
    assert "download" not in progress.stages
    assert rows_of(options, row)[0]["uri"] == f"file://{path}"
    assert not giants.store_of(row, options).original.exists()


def test_a_run_told_to_stop_is_gone_on_with_and_no_row_is_there_twice(tmp_path: Path) -> None:
    options = settings(tmp_path)
    row = opened(options, str(write(tmp_path / "p.png", 300, 1100)))

    def seen(progress: Progress) -> None:
        if progress.stages["tiling"].done:
            run.stop()

    run = run_of(options, row, report=seen)
    run.work()
    store = giants.store_of(row, options)
    half = store.pyramid()
    assert half is not None and half.done_tiles and not half.is_done
    assert now(options, row).error is None
    rest = resting(options, now(options, row))
    assert rest.stages["tiling"].done == half.done_tiles
    assert status(now(options, row), rest).progress == "generating_tiles"

    progress = run_of(options, row).work()
    assert progress.status == "complete"
    keys = [r["id"] for r in rows_of(options, row)]
    assert len(keys) == len(set(keys)) == progress.total > 10


def test_a_download_that_was_stopped_goes_on(tmp_path: Path) -> None:
    options = settings(tmp_path, max_regions=0)
    data = write(tmp_path / "p.png", 600, 400).read_bytes()
    until = threading.Event()
    with WebServer() as web:
        row = opened(options, web.serve("/p.png", Answer(data, until=until), Answer(data)))

        def seen(progress: Progress) -> None:
            if progress.stages["download"].state == "running":
                run.stop()

        run = run_of(options, row, report=seen)
        run.work()
        until.set()
        left = resting(options, now(options, row))
        assert (left.error, left.stages["download"].state) == (None, "waiting")
        assert run_of(options, row).work().status == "complete"


# -- failures -------------------------------------------------------------------------------------


def failed(options: Settings, row: DatasetRow) -> str:
    progress = run_of(options, row).work()
    row = now(options, row)
    found = status(row, progress)
    assert (found.status, progress.status) == ("failed", "complete")
    assert sum(progress.counts) == progress.total
    return str(row.error)


def test_a_page_instead_of_a_picture_is_a_clear_failure(tmp_path: Path) -> None:
    options = settings(tmp_path)
    with WebServer() as web:
        page = Answer(b"<html>no</html>", content_type="text/html")
        data = write(tmp_path / "p.jpg", 600, 400).read_bytes()
        row = opened(options, web.serve("/p.jpg", page, Answer(data)))
        assert failed(options, row)
        assert not any(p.is_file() for p in giants.store_of(row, options).folder.rglob("*"))
        # The server is mended, and it is tried again.
        assert run_of(options, row).work().error is None


def test_a_broken_picture_is_fetched_anew_when_it_is_tried_again(tmp_path: Path) -> None:
    options = settings(tmp_path)
    data = write(tmp_path / "p.jpg", 600, 400).read_bytes()
    with WebServer() as web:
        row = opened(options, web.serve("/p.jpg", Answer(data[:-3000]), Answer(data)))
        assert "ends before the picture does" in failed(options, row)
        assert not list(giants.store_of(row, options).original.iterdir())
        progress = run_of(options, row).work()
        assert (progress.error, progress.status) == (None, "complete")


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    options = settings(tmp_path, max_pixels=200_000)
    row = opened(options, str(write(tmp_path / "p.png", 1000, 600)))
    assert "more than the limit" in failed(options, row)


def test_a_file_that_ends_the_worker_fails_its_dataset_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giant, "WORK", "tests.giants:dies")
    options = settings(tmp_path)
    row = opened(options, str(write(tmp_path / "p.png", 600, 400)))
    assert failed(options, row) == (
        "the picture cannot be tiled: reading it ended the worker (SIGKILL)"
    )


def test_the_disk_is_bounded(tmp_path: Path) -> None:
    options = settings(tmp_path, max_disk_gb=1e-5)
    data = write(tmp_path / "p.png", 600, 400).read_bytes()
    with WebServer() as web:
        row = opened(options, web.serve("/p.png", Answer(data)))
        assert "more disk than the limit" in failed(options, row)
    assert used_bytes(giants.store_of(row, options).folder.parent) < 10_000
    local = opened(options, str(write(tmp_path / "q.png", 700, 400)))
    assert "more disk than the limit" in failed(options, local)


def test_a_deleted_giant_is_out_of_sight_at_once_and_then_off_the_disk(tmp_path: Path) -> None:
    options = settings(tmp_path)
    row = opened(options, str(write(tmp_path / "p.png", 600, 400)))
    run_of(options, row).work()
    store = giants.store_of(row, options)
    used = giants.disk_bytes(row, options)
    assert used is not None and used == used_bytes(store.folder.parent) > 10_000
    store.delete()
    assert (giants.tile_info(row, options), store.size_bytes()) == (None, 0)
    remove_deleted(store.folder.parent)
    assert list(store.folder.parent.iterdir()) == []
    store.delete()


def test_giants_take_turns(tmp_path: Path) -> None:
    options = settings(tmp_path)
    row = opened(options, str(write(tmp_path / "p.png", 600, 400)))
    turns, never = Turns(), threading.Event()
    reports = Reports()
    run = run_of(options, row, report=reports, tile_turns=turns)
    with turns.turn(never):
        thread = in_thread(run.work)
    joined(thread)
    assert reports.all[0].stages["tiling"].state == "waiting"

    other = opened(options, str(write(tmp_path / "q.png", 600, 400)))
    with turns.turn(never) as free_again:
        assert free_again
        waiting = run_of(options, other, tile_turns=turns)
        thread = in_thread(waiting.work)
        waiting.stop()
        joined(thread)
    assert giants.store_of(other, options).pyramid() is None
