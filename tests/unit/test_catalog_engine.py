"""The engine on a real catalog: what the API answers, with the actors played in this process."""

from __future__ import annotations

import asyncio
import base64
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rayograph.catalog import Catalog
from rayograph.catalog.returning import go_back
from rayograph.encoders.fake import FakeEncoder
from rayograph.encoders.names import MINI
from rayograph.errors import (
    DatasetNotFound,
    ImageFault,
    ImageNotFound,
    InvalidFilter,
    InvalidRequest,
    ModelUnavailable,
    NotReady,
    SourceEmpty,
    SourceNotFound,
    WeightsChanged,
)
from rayograph.progress import build
from rayograph.schema import BatchEdit, Box, ImageEdit, NewDataset, Progress, SearchRequest
from rayograph.settings import Settings
from rayograph.sources import Source, resolve
from rayograph_pipelines.progress import ProgressBoard
from rayograph_serve import catalog_engine, editing
from rayograph_serve.catalog_engine import CatalogEngine
from rayograph_serve.work import Vector
from tests.fake_engine import draw_pictures
from tests.working import DIM, WAIT_S, Warm, hash_of, run_of, settings_for

COUNT = 12


class Work:
    """A real progress board, and a note of everything that was asked for."""

    def __init__(self, catalog: Catalog) -> None:
        self.board = ProgressBoard()
        self.shown = asyncio.Event()
        self.catalog = catalog
        self.calls: list[tuple[Any, ...]] = []
        self.keys: dict[str, str] = {}

    async def start(self, dataset_id: str) -> None:
        self.calls.append(("start", dataset_id))

    async def command(self, dataset_id: str, command: str, *more: str) -> None:
        self.calls.append((command, dataset_id, *more))
        if command == "pause":
            row = self.catalog.update(dataset_id, paused=True)
            counts = self.catalog.reader(dataset_id).counts()
            await self.tell(build(row, counts))

    async def retry(self, dataset_id: str, *chosen: Any) -> None:
        self.calls.append(("retry", dataset_id, *chosen))

    async def restore(self, dataset_id: str, name: str) -> None:
        with self.catalog.lock(dataset_id):
            go_back(self.catalog, dataset_id, name)

    async def forget(self, dataset_id: str) -> None:
        self.catalog.delete(dataset_id)
        await self.board.forget(dataset_id)

    async def attend(self, dataset_id: str, image_ids: list[str]) -> None:
        self.calls.append(("attend", dataset_id, image_ids))

    def check(self, model: str, key: str | None) -> None:
        if key not in (None, self.keys.get(model, "fake-1")):
            raise WeightsChanged(f"other weights of {model}")

    async def tell(self, progress: Progress) -> None:
        await self.board.update(progress.dataset_id, progress.model_dump())

    async def show(self, progress: Progress) -> None:
        self.shown.set()
        await self.board.offer(progress.dataset_id, progress.model_dump())

    async def newest(self, dataset_id: str) -> tuple[int, Progress] | None:
        return parsed(await self.board.newest(dataset_id))

    async def wait(
        self, dataset_id: str, version: int, timeout_s: float
    ) -> tuple[int, Progress] | None:
        self.calls.append(("wait", dataset_id))
        return parsed(await self.board.wait(dataset_id, version, timeout_s))

    async def change_model(self, dataset_id: str, model: str) -> None:
        self.calls.append(("change_model", dataset_id, model))
        self.catalog.update(dataset_id, next_model=model, next_model_key=None)

    async def relocate(self, dataset_id: str, source: Source) -> None:
        self.calls.append(("relocate", dataset_id, source))

    async def text(self, model: str, key: str | None, text: str) -> Vector:
        self.check(model, key)
        return np.array(hash_of(text), np.float16)

    async def picture(
        self,
        model: str,
        key: str | None,
        data: bytes,
        box: tuple[float, float, float, float] | None,
    ) -> Vector:
        self.check(model, key)
        self.calls.append(("picture", len(data), box))
        return np.array(hash_of(repr(data[:64])), np.float16)


def parsed(found: tuple[int, dict[str, Any]] | None) -> tuple[int, Progress] | None:
    return None if found is None else (found[0], Progress.model_validate(found[1]))


class Service:
    """An engine and a folder of pictures; ``run`` does the pipelines' part."""

    def __init__(self, home: Path) -> None:
        self.settings: Settings = settings_for(home)
        self.folder = home / "pictures"
        draw_pictures(self.folder, COUNT)
        self.catalog = Catalog(self.settings.catalog.uri)
        self.work = Work(self.catalog)
        self.engine = CatalogEngine(self.catalog, self.work, self.settings)

    async def add(self) -> str:
        accepted = await self.engine.add(NewDataset(path=str(self.folder)))
        return accepted.dataset_id

    async def run(self, dataset_id: str) -> None:
        progress: list[Progress] = []
        run = run_of(self.settings, self.catalog.dataset(dataset_id), report=progress.append)
        await asyncio.to_thread(run.work)
        for step in progress:
            await self.work.tell(step)

    async def ready(self) -> str:
        dataset_id = await self.add()
        await self.run(dataset_id)
        return dataset_id

    async def ids(self, dataset_id: str) -> list[str]:
        page = await self.engine.images(dataset_id, limit=99, cursor=None, offset=None, sort=None)
        return [record.id for record in page.items]

    def started(self) -> int:
        return sum(call[0] == "start" for call in self.work.calls)


@pytest.fixture
def service(tmp_path: Path) -> Service:
    assert FakeEncoder.dim != DIM  # vectors here are the tests' own
    return Service(tmp_path)


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


# -- search -----------------------------------------------------------------------------------


async def test_an_image_is_most_like_itself(service: Service) -> None:
    dataset_id = await service.ready()
    image_id = (await service.ids(dataset_id))[4]
    for request in (
        SearchRequest(image_id=image_id, k=3),
        SearchRequest(more_like=[image_id], k=3),
    ):
        found = await service.engine.search(dataset_id, request)
        assert found.items[0].image.id == image_id
        assert found.items[0].score == pytest.approx(1.0, abs=0.01)
        assert [h.score for h in found.items] == sorted(
            (h.score for h in found.items), reverse=True
        )
        assert len(found.items) == 3
        assert (found.coverage.searched, found.coverage.total) == (COUNT, COUNT)


async def test_less_like_pushes_away(service: Service) -> None:
    dataset_id = await service.ready()
    first, other = (await service.ids(dataset_id))[:2]

    async def score(**more: Any) -> float:
        request = SearchRequest(image_id=first, k=COUNT, **more)
        found = await service.engine.search(dataset_id, request)
        return next(hit.score for hit in found.items if hit.image.id == other)

    assert await score(less_like=[other]) < await score()


async def test_text_pictures_and_boxes_are_queries(service: Service) -> None:
    dataset_id = await service.ready()
    image_id = (await service.ids(dataset_id))[0]
    path = sorted(service.folder.glob("*.jpg"))[0]
    data = base64.b64encode(path.read_bytes()).decode()
    box = Box(image_id=image_id, x=0.1, y=0.2, width=0.5, height=0.5)
    for request in (
        SearchRequest(text="a red car", k=2),
        SearchRequest(image_base64=data, k=2),
        SearchRequest(image_base64=f"data:image/jpeg;base64,{data}", k=2),
        SearchRequest(box=box, k=2),
    ):
        assert len((await service.engine.search(dataset_id, request)).items) == 2
    pictures = [call[1:] for call in service.work.calls if call[0] == "picture"]
    size = path.stat().st_size
    assert pictures[:2] == [(size, None)] * 2
    assert pictures[2][1] == (0.1, 0.2, 0.5, 0.5)


async def test_a_cutoff_leaves_out_the_unlike(service: Service) -> None:
    dataset_id = await service.ready()
    image_id = (await service.ids(dataset_id))[0]
    found = await service.engine.search(
        dataset_id, SearchRequest(image_id=image_id, cutoff=0.95, k=COUNT)
    )
    assert [hit.image.id for hit in found.items] == [image_id]


async def test_search_before_there_are_vectors_says_why(service: Service) -> None:
    dataset_id = await service.add()
    with pytest.raises(NotReady):
        await service.engine.search(dataset_id, SearchRequest(text="red"))
    service.catalog.update(dataset_id, model=None)
    with pytest.raises(NotReady, match="chosen"):
        await service.engine.search(dataset_id, SearchRequest(text="red"))
    service.catalog.update(dataset_id, embed_note="no model is installed")
    with pytest.raises(ModelUnavailable, match="no model is installed"):
        await service.engine.search(dataset_id, SearchRequest(text="red"))


async def test_queries_that_make_no_sense_are_refused(service: Service) -> None:
    dataset_id = await service.ready()
    stranger = "aaaaaaaaaa-" + "0" * 20
    unknown = f"{dataset_id}-" + "0" * 20
    for request, error in (
        (SearchRequest(image_base64="%%%"), InvalidRequest),
        (SearchRequest(text="x", where="width>"), InvalidFilter),
        (SearchRequest(image_id=stranger), ImageNotFound),
        (SearchRequest(image_id=unknown), ImageNotFound),
        (SearchRequest(more_like=[unknown]), ImageNotFound),
    ):
        with pytest.raises(error):
            await service.engine.search(dataset_id, request)


async def test_a_box_in_a_file_that_is_gone_says_so(service: Service) -> None:
    dataset_id = await service.ready()
    image_id = (await service.ids(dataset_id))[0]
    for path in service.folder.glob("*.jpg"):
        path.unlink()
    box = Box(image_id=image_id, x=0, y=0, width=1, height=1)
    with pytest.raises(ImageFault, match="gone"):
        await service.engine.search(dataset_id, SearchRequest(box=box))


async def test_another_model_can_be_asked_for(service: Service) -> None:
    dataset_id = await service.ready()
    changed = await service.engine.change_model(dataset_id, MINI)
    assert (changed.model, changed.next_model) == ("fake", MINI)
    again = await service.engine.change_model(dataset_id, MINI)
    assert again.next_model == MINI
    assert [call for call in service.work.calls if call[0] == "change_model"] == [
        ("change_model", dataset_id, MINI)
    ]
    with pytest.raises(ModelUnavailable):
        await service.engine.change_model(dataset_id, "ViT-B-32//nowhere/weights.safetensors")
    with pytest.raises(InvalidRequest):
        await service.engine.change_model(dataset_id, "none")


async def test_a_source_can_lie_elsewhere(service: Service) -> None:
    dataset_id = await service.ready()
    elsewhere = service.folder.parent
    await service.engine.relocate(dataset_id, str(elsewhere))
    assert ("relocate", dataset_id, resolve(str(elsewhere))) in service.work.calls
    file = str(next(service.folder.glob("*.jpg")))
    for wrong, error in ((file, InvalidRequest), (str(elsewhere / "none"), SourceNotFound)):
        with pytest.raises(error):
            await service.engine.relocate(dataset_id, wrong)


async def test_opening_it_again_with_a_model_changes_it(service: Service) -> None:
    dataset_id = await service.ready()
    await service.engine.add(NewDataset(path=str(service.folder)))
    await service.engine.add(NewDataset(path=str(service.folder), model="fake"))
    assert not [call for call in service.work.calls if call[0] == "change_model"]
    await service.engine.add(NewDataset(path=str(service.folder), model=MINI))
    assert ("change_model", dataset_id, MINI) in service.work.calls


async def test_search_says_which_model_answered(service: Service) -> None:
    dataset_id = await service.ready()
    found = await service.engine.search(dataset_id, SearchRequest(text="red"))
    assert found.model == "fake"


async def test_vectors_of_other_weights_are_not_compared_but_made_anew(service: Service) -> None:
    dataset_id = await service.ready()
    service.work.keys["fake"] = "fake-2"
    starts = service.started()
    with pytest.raises(WeightsChanged):
        await service.engine.search(dataset_id, SearchRequest(text="red"))
    assert service.started() == starts + 1


async def test_a_model_that_cannot_be_had_just_now_starts_no_run(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that cannot load it would switch search off for good."""
    dataset_id = await service.ready()

    async def text(model: str, key: str | None, text: str) -> Vector:
        raise ModelUnavailable("its file cannot be read")

    monkeypatch.setattr(service.work, "text", text)
    starts = service.started()
    with pytest.raises(ModelUnavailable, match="cannot be read"):
        await service.engine.search(dataset_id, SearchRequest(text="red"))
    assert service.started() == starts


async def test_while_the_old_weights_are_lost_the_new_vectors_answer(service: Service) -> None:
    dataset_id = await service.ready()
    service.work.keys["fake"] = "fake-2"
    service.catalog.update(dataset_id, next_model="fake", next_model_key="fake-2")
    warm = Warm(lambda stage, rows: run.stop() if stage == "embedding" else None)
    warm.key = "fake-2"
    run = run_of(service.settings, service.catalog.dataset(dataset_id), warm)
    await asyncio.to_thread(run.work)
    found = await service.engine.search(dataset_id, SearchRequest(text="red"))
    assert found.model == "fake"
    assert 0 < found.coverage.searched < COUNT
    assert len(found.items) == found.coverage.searched


async def test_a_search_under_way_when_the_model_changes_goes_on_with_the_new(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_id = await service.ready()
    stale = service.catalog.dataset(dataset_id)
    service.catalog.update(dataset_id, next_model="other", next_model_key=None)
    warm = Warm()
    warm.keys["other"] = service.work.keys["other"] = "other-1"
    await asyncio.to_thread(run_of(service.settings, stale, warm).work)
    known = iter([stale])
    newest = service.catalog.dataset
    monkeypatch.setattr(service.catalog, "dataset", lambda key: next(known, None) or newest(key))
    found = await service.engine.search(dataset_id, SearchRequest(text="red"))
    assert found.model == "other"
