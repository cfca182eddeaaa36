"""Searching by the engine on a real catalog, and what it does when models change."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from real_engine import COUNT, Service

from rayograph.encoders.names import MINI
from rayograph.errors import (
    ImageFault,
    ImageNotFound,
    InvalidFilter,
    InvalidRequest,
    ModelUnavailable,
    NotReady,
    SourceNotFound,
    WeightsChanged,
)
from rayograph.schema import Box, NewDataset, SearchRequest
from rayograph.sources import resolve
from rayograph_serve.work import Vector
from tests.working import Warm, run_of


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
