"""Search: by meaning, by words and by both, page by page, and what counts as a match."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError
from real_engine import COUNT, Service

from rayograph.catalog import DatasetReader
from rayograph.catalog.nearest import Nearest, find_nearest
from rayograph.errors import InvalidRequest, SourceForbidden
from rayograph.schema import Hit, SearchRequest, SearchResponse
from rayograph_serve.ranking import POOL


async def search(service: Service, dataset_id: str, **query: Any) -> SearchResponse:
    return await service.engine.search(dataset_id, SearchRequest(**query))


def scores(hits: list[Hit]) -> list[float]:
    return [hit.score for hit in hits]


async def test_a_name_in_the_query_comes_first(service: Service) -> None:
    dataset_id = await service.ready()
    found = await search(service, dataset_id, text="the disc 0007", k=COUNT)
    first, *others = found.items
    assert (first.image.file_name, first.word_rank, first.likely) == ("disc 0007.jpg", 1, True)
    assert first.similarity is not None
    assert len(others) == COUNT - 1
    assert {hit.word_rank for hit in others} == {None}
    assert scores(found.items) == sorted(scores(found.items), reverse=True)
    assert found.next_offset is None


async def test_without_the_words_it_is_meaning_alone(service: Service) -> None:
    dataset_id = await service.ready()
    both = await search(service, dataset_id, text="a red horse", k=COUNT)
    meaning = await search(service, dataset_id, text="a red horse", by="meaning", k=COUNT)
    assert both.items == meaning.items
    assert scores(both.items) == [hit.similarity for hit in both.items]
    worded = await search(service, dataset_id, text="disc 0007", by="meaning", k=COUNT)
    assert {hit.word_rank for hit in worded.items} == {None}


async def test_words_alone_need_no_vector(service: Service) -> None:
    dataset_id = await service.ready()
    service.catalog.update(dataset_id, model=None, model_key=None)
    found = await search(service, dataset_id, text="discs", by="words", k=3)
    assert [hit.word_rank for hit in found.items] == [1, 1, 1]
    assert {(hit.similarity, hit.likely) for hit in found.items} == {(None, True)}
    assert (found.coverage.searched, found.coverage.total) == (COUNT, COUNT)
    assert found.next_offset == 3
    few = await search(service, dataset_id, text="disc", by="words", where='name:"*000?.jpg"')
    assert (len(few.items), few.coverage.total, few.next_offset) == (10, 10, None)
    assert (await search(service, dataset_id, text="nobody", by="words")).items == []


@pytest.mark.parametrize("text", ["disc", "disc 0003", "nothing like it"])
async def test_pages_are_the_whole_in_its_order(service: Service, text: str) -> None:
    dataset_id = await service.ready()
    whole = await search(service, dataset_id, text=text, k=COUNT)
    hits: list[Hit] = []
    offset: int | None = 0
    while offset is not None:
        page = await search(service, dataset_id, text=text, k=5, offset=offset)
        hits += page.items
        offset = page.next_offset
    assert hits == whole.items


async def test_records_are_read_of_a_page_alone(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_id = await service.ready()
    looked: list[tuple[int, int]] = []
    nearest, records = find_nearest, DatasetReader.records_at

    def counted(*args: Any, k: int, **more: Any) -> Nearest:
        looked.append((k, 0))
        return nearest(*args, k=k, **more)

    def read(self: DatasetReader, snapshot: Any, addresses: Sequence[int]) -> Any:
        looked[-1] = looked[-1][0], len(addresses)
        return records(self, snapshot, addresses)

    monkeypatch.setattr("rayograph_serve.searching.find_nearest", counted)
    monkeypatch.setattr(DatasetReader, "records_at", read)
    await search(service, dataset_id, text="nothing like it", k=3)
    await search(service, dataset_id, text="disc 0007", k=3)
    # Further neighbours only count beside words.
    assert looked == [(4, 3), (POOL, 3)]


async def test_filters_hold_for_words_too(service: Service) -> None:
    dataset_id = await service.ready()
    found = await search(service, dataset_id, text="disc 0007", where='name:"*0003*"')
    assert [hit.image.file_name for hit in found.items] == ["disc 0003.jpg"]
    assert found.items[0].word_rank is None


async def test_a_number_cuts_off_by_similarity(service: Service) -> None:
    dataset_id = await service.ready()
    whole = await search(service, dataset_id, text="disc", k=COUNT)
    middle = sorted(hit.similarity or 0 for hit in whole.items)[COUNT // 2]
    found = await search(service, dataset_id, text="disc", k=COUNT, cutoff=middle)
    assert 0 < len(found.items) < COUNT
    assert min(hit.similarity or 0 for hit in found.items) >= middle
    # Too few vectors to know what is unusual here: nothing is left out.
    auto = await search(service, dataset_id, text="red", k=COUNT, cutoff="auto")
    assert (len(auto.items), auto.cutoff, auto.items[0].likely) == (COUNT, None, None)


async def test_examples_beside_a_text_steer_by_meaning(service: Service) -> None:
    dataset_id = await service.ready()
    first = (await service.ids(dataset_id))[0]
    found = await search(service, dataset_id, text="disc 0007", less_like=[first], k=COUNT)
    assert {hit.word_rank for hit in found.items} == {None}


async def test_examples_have_weights(service: Service) -> None:
    dataset_id = await service.ready()
    first, other = (await service.ids(dataset_id))[:2]

    async def score(**more: Any) -> float:
        found = await search(service, dataset_id, k=COUNT, **more)
        return next(hit.score for hit in found.items if hit.image.id == other)

    def example(weight: float) -> dict[str, Any]:
        return {"image_id": other, "weight": weight}

    plain = await score(more_like=[first])
    little = await score(more_like=[first, example(0.2)])
    much = await score(more_like=[first, example(2)])
    assert plain < little < much
    assert await score(more_like=[first], less_like=[example(1)]) < plain
    with pytest.raises(InvalidRequest, match="cancel"):
        await score(more_like=[first], less_like=[{"image_id": first, "weight": 1}])


async def test_pictures_by_address_keep_to_the_rules_of_sources(service: Service) -> None:
    dataset_id = await service.ready()
    with pytest.raises(SourceForbidden):
        await search(service, dataset_id, image_url="http://127.0.0.1:9/a.jpg")


@pytest.mark.parametrize(
    "query",
    [
        {"image_url": "file:///etc/passwd"},
        {"text": "a", "image_url": "http://example.com/a.jpg"},
        {"image_id": "x", "by": "words"},
        {"text": "a", "cutoff": 1.5},
        {"text": "a", "cutoff": "some"},
        {"text": "a", "offset": -1},
        {"more_like": [{"image_id": "x", "weight": 0}]},
        {"less_like": ["x"]},
    ],
)
def test_queries_that_make_no_sense_are_refused(query: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SearchRequest(**query)
