"""The engine on a real catalog: what the API answers, with the actors played in this process."""

from __future__ import annotations

import asyncio
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from real_engine import COUNT, Service

from rayograph.catalog import Catalog
from rayograph.errors import (
    DatasetNotFound,
    ImageNotFound,
    InvalidFilter,
    InvalidRequest,
    SourceEmpty,
    SourceNotFound,
)
from rayograph.schema import BatchEdit, ImageEdit, NewDataset, SearchRequest
from rayograph_pipelines.progress import ProgressBoard
from rayograph_serve import catalog_engine, editing
from tests.working import WAIT_S

# -- datasets ---------------------------------------------------------------------------------


async def test_a_new_dataset_is_there_with_its_first_rows(service: Service) -> None:
    dataset_id = await service.add()
    dataset = await service.engine.dataset(dataset_id)
    assert (dataset.status, dataset.total, dataset.name) == ("processing", COUNT, "pictures")
    assert (await service.engine.status(dataset_id)).progress == "listing"
    assert [d.dataset_id for d in (await service.engine.datasets()).items] == [dataset_id]
    assert service.started() == 1


async def test_the_same_source_twice_is_one_dataset(service: Service) -> None:
    accepted = await asyncio.gather(*(service.add() for _ in range(6)))
    assert len(set(accepted)) == 1
    assert len((await service.engine.datasets()).items) == 1
    assert len(await service.ids(accepted[0])) == COUNT


async def test_adding_again_goes_on_with_what_is_unfinished_only(service: Service) -> None:
    dataset_id = await service.add()
    await service.add()
    assert service.started() == 2
    await service.engine.command(dataset_id, "pause")
    await service.add()
    assert service.started() == 2
    service.catalog.update(dataset_id, paused=False)
    await service.run(dataset_id)
    await service.add()
    assert service.started() == 2


async def test_a_source_that_is_none_is_refused(service: Service, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path, error in (("nowhere", SourceNotFound), ("empty", SourceEmpty)):
        with pytest.raises(error):
            await service.engine.add(NewDataset(path=str(tmp_path / path)))
    with pytest.raises(SourceNotFound):
        await service.engine.add(NewDataset(path=str(service.folder), annotations="a.json"))


async def test_unknown_datasets_are_not_found(service: Service) -> None:
    for call in (service.engine.dataset, service.engine.progress, service.engine.delete):
        with pytest.raises(DatasetNotFound):
            await call("aaaaaaaaaa")


async def test_deleted_is_gone_and_its_files_are_not(service: Service) -> None:
    dataset_id = await service.ready()
    image_id = (await service.ids(dataset_id))[0]
    assert (await service.engine.locate(image_id)).uri.startswith("file://")
    await service.engine.delete(dataset_id)
    assert (await service.engine.datasets()).items == []
    for call in (service.engine.locate, service.engine.image):
        with pytest.raises(DatasetNotFound):
            await call(image_id)
    assert len(list(service.folder.glob("*.jpg"))) == COUNT


async def test_deleted_and_added_again_is_read_anew(service: Service) -> None:
    dataset_id = await service.ready()
    before = await service.engine.progress(dataset_id)
    assert before.ready == COUNT
    # Elsewhere, as the foreman does it: this process only sees the table change.
    Catalog(service.settings.catalog.uri).delete(dataset_id)
    await service.work.board.forget(dataset_id)
    for path in list(service.folder.glob("*.jpg"))[3:]:
        path.unlink()
    assert await service.ready() == dataset_id
    assert (await service.engine.progress(dataset_id)).ready == 3
    assert len(await service.ids(dataset_id)) == 3


# -- progress ---------------------------------------------------------------------------------


async def test_watching_ends_after_complete(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_engine, "_WATCH_S", 0.0)
    dataset_id = await service.add()
    updates = service.engine.watch(dataset_id)
    async with asyncio.timeout(WAIT_S):
        first = await anext(updates)
        assert first.status == "in_progress"
        working = asyncio.create_task(service.run(dataset_id))
        seen = [first] + [update async for update in updates]
    await working
    assert seen[-1].status == "complete" and seen[-1].ready == COUNT
    assert all(sum(p.counts) == p.total for p in seen)
    assert all(a != b for a, b in pairwise(seen))


async def test_a_board_started_anew_is_not_asked_without_end(service: Service) -> None:
    dataset_id = await service.add()
    updates = service.engine.watch(dataset_id)
    async with asyncio.timeout(WAIT_S):
        await anext(updates)
        service.work.board, service.work.shown = ProgressBoard(), asyncio.Event()
        waiting = asyncio.create_task(anext(updates))
        await service.work.shown.wait()
        known = sum(call[0] == "wait" for call in service.work.calls)
        await service.run(dataset_id)
        assert (await waiting).total == COUNT
    assert sum(call[0] == "wait" for call in service.work.calls) <= known + 5
    await updates.aclose()  # type: ignore[attr-defined]


async def test_watching_a_deleted_dataset_ends_with_that(service: Service) -> None:
    dataset_id = await service.add()
    updates = service.engine.watch(dataset_id)
    await anext(updates)
    waiting = asyncio.create_task(anext(updates))
    await asyncio.sleep(0)
    await service.engine.delete(dataset_id)
    async with asyncio.timeout(WAIT_S):
        with pytest.raises(DatasetNotFound):
            await waiting


async def test_a_command_answers_with_the_new_progress(service: Service) -> None:
    dataset_id = await service.add()
    assert (await service.engine.command(dataset_id, "pause")).paused
    assert ("pause", dataset_id) in service.work.calls


async def test_progress_from_the_table_never_hides_a_workers(service: Service) -> None:
    dataset_id = await service.ready()
    await service.work.show(
        await service.engine._from_table(service.catalog.dataset(dataset_id), active=True)
    )
    assert (await service.engine.progress(dataset_id)).status == "complete"


# -- images -----------------------------------------------------------------------------------


async def test_cursors_walk_over_every_image_once(service: Service) -> None:
    dataset_id = await service.ready()
    seen, cursor = [], None
    while True:
        page = await service.engine.images(
            dataset_id, limit=5, cursor=cursor, offset=None, sort="-file_name"
        )
        seen += [record.file_name for record in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(seen) == COUNT
    assert seen == sorted(seen, reverse=True)


async def test_a_filter_picks_images_failures_and_hits(service: Service) -> None:
    shutil.copy(next(service.folder.glob("*.jpg")), service.folder / "bad.jpg")
    dataset_id = await service.ready()
    engine = service.engine
    names: list[str] = []
    cursor = None
    for _ in range(3):
        page = await engine.images(
            dataset_id, limit=2, cursor=cursor, offset=None, sort="-file_name", where="name:*000?*"
        )
        assert page.total == 10
        names += [record.file_name for record in page.items]
        cursor = page.next_cursor
    assert names == [f"disc {number:04d}.jpg" for number in range(9, 3, -1)]

    async def failures(where: str) -> tuple[int, int]:
        page = await engine.failures(dataset_id, limit=9, cursor=None, code=None, where=where)
        return page.total, sum(reason.count for reason in page.reasons)

    assert await failures("failed:truncated") == await failures("name:bad") == (1, 1)
    assert await failures("not failed:truncated") == (0, 0)

    found = await engine.search(dataset_id, SearchRequest(text="disc", where="name:*1?.jpg"))
    assert {hit.image.file_name for hit in found.items} == {"disc 0010.jpg", "disc 0011.jpg"}
    assert (found.coverage.searched, found.coverage.total) == (2, 2)
    none = await engine.search(dataset_id, SearchRequest(text="disc", where="name:nobody"))
    assert (none.items, none.coverage.searched, none.coverage.total) == ([], 0, 0)


async def test_edits_arrive_in_records_filters_and_fields(service: Service) -> None:
    dataset_id = await service.ready()
    engine = service.engine
    first, second, *_ = await service.ids(dataset_id)
    record = await engine.edit(first, ImageEdit(tags_add=["sea", "sky"], rating=5))
    assert (record.tags, record.rating, record.favorite) == (["sea", "sky"], 5, False)
    record = await engine.edit(first, ImageEdit(tags_remove=["sky"], favorite=True))
    assert (record.tags, record.rating, record.favorite) == (["sea"], 5, True)
    stranger = "aaaaaaaaaa-" + "0" * 20
    result = await engine.edit_many(
        dataset_id, BatchEdit(ids=[second, first, stranger], rating=None, tags_add=["both"])
    )
    assert (result.matched, [r.id for r in result.items]) == (2, [second, first])
    assert [r.tags for r in result.items] == [["both"], ["sea", "both"]]
    assert [r.rating for r in result.items] == [None, None]
    result = await engine.edit_many(dataset_id, BatchEdit(where="not tag:both", favorite=True))
    assert (result.matched, result.items) == (COUNT - 2, [])
    page = await engine.images(
        dataset_id, limit=99, cursor=None, offset=None, sort=None, where="favorite"
    )
    assert page.total == COUNT - 1
    (tags,) = (f for f in (await engine.fields(dataset_id)).items if f.name == "tags")
    assert tags.values == ["both", "sea"]
    with pytest.raises(ImageNotFound):
        await engine.edit(f"{dataset_id}-" + "0" * 20, ImageEdit(rating=1))
    with pytest.raises(InvalidFilter):
        await engine.edit_many(dataset_id, BatchEdit(where="tag>x", rating=1))


async def test_edits_clean_up_behind_themselves(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_id = await service.ready()
    first = (await service.ids(dataset_id))[0]
    monkeypatch.setattr(editing, "_CLEAN_EVERY", 5)
    service.engine._editing._keep_s = 0
    for rating in (1, 2, 3, 4, 5, 1):
        await service.engine.edit(first, ImageEdit(rating=rating))
    versions = service.catalog.reader(dataset_id).snapshot().versions()
    assert len(versions) == 2
    assert (await service.engine.image(first)).rating == 1


async def test_fields_come_with_what_they_hold_here(service: Service) -> None:
    dataset_id = await service.ready()
    fields = {field.name: field for field in (await service.engine.fields(dataset_id)).items}
    assert (fields["folder"].values, fields["folder"].kind) == ([], "folder")
    assert fields["status"].values == ["embedding", "failed", "indexed", "pending", "ready"]
    assert (fields["taken_at"].aliases, fields["taken_at"].values) == (["taken", "date"], [])


@pytest.mark.parametrize("cursor", ["nonsense", "é", "b3g=", "bw==", "x" * 9])
async def test_a_cursor_of_somebody_else_is_refused(service: Service, cursor: str) -> None:
    dataset_id = await service.add()
    with pytest.raises(InvalidRequest):
        await service.engine.images(dataset_id, limit=5, cursor=cursor, offset=None, sort=None)


async def test_past_the_end_is_empty_and_odd_sorting_refused(service: Service) -> None:
    dataset_id = await service.add()
    page = await service.engine.images(dataset_id, limit=5, cursor=None, offset=10**20, sort=None)
    assert (page.items, page.next_cursor, page.total) == ([], None, COUNT)
    with pytest.raises(InvalidRequest):
        await service.engine.images(dataset_id, limit=5, cursor=None, offset=None, sort="id; drop")


async def test_an_image_before_and_after_the_work(service: Service) -> None:
    dataset_id = await service.add()
    image_id = (await service.ids(dataset_id))[0]
    record = await service.engine.image(image_id)
    assert (record.status, record.width, record.error, record.rating) == ("pending",) + (None,) * 3
    await service.run(dataset_id)
    record = await service.engine.image(image_id)
    assert (record.status, record.width, record.content_hash) == ("ready", 640, "h")


@pytest.mark.parametrize(
    "image_id", ["", "../../etc/passwd", "' or 1=1 --", "aaaaaaaaaa-" + "0" * 20]
)
async def test_ids_that_are_none_are_not_found(service: Service, image_id: str) -> None:
    await service.add()
    with pytest.raises((ImageNotFound, DatasetNotFound)):
        await service.engine.image(image_id)


async def test_failures_are_listed_with_their_reasons(service: Service) -> None:
    for name in ("bad 1.jpg", "bad 2.jpg"):
        shutil.copy(next(service.folder.glob("*.jpg")), service.folder / name)
    dataset_id = await service.ready()
    page = await service.engine.failures(dataset_id, limit=1, cursor=None, code=None)
    assert (page.total, len(page.items)) == (2, 1)
    assert [(r.error_code, r.count) for r in page.reasons] == [("truncated", 2)]
    rest = await service.engine.failures(dataset_id, limit=9, cursor=page.next_cursor, code=None)
    names = {record.file_name for record in (*page.items, *rest.items)}
    assert names == {"bad 1.jpg", "bad 2.jpg"}
    assert rest.items[0].error == "it ends early" and rest.next_cursor is None
    none = await service.engine.failures(dataset_id, limit=9, cursor=None, code="empty")
    assert (none.items, none.total) == ([], 0)


async def test_attention_is_passed_on_for_this_dataset_only(service: Service) -> None:
    dataset_id = await service.add()
    mine = (await service.ids(dataset_id))[:2]
    await service.engine.attend(dataset_id, [*mine, "aaaaaaaaaa-" + "0" * 20, "junk"])
    assert service.work.calls[-1] == ("attend", dataset_id, mine)
