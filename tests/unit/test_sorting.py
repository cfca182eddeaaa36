"""Orders by any field, and pages that neither repeat nor leave out what stays."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from rayograph.errors import InvalidRequest
from rayograph.schema import ImageEdit, ImageRecord
from rayograph.where import FIELDS
from rayograph.where.sorting import is_sortable, parse_sort
from rayograph_serve import cursors
from tests.library_data import Shelved, listing, shelve

SORTABLE = [field.name for field in FIELDS if is_sortable(field)]


@pytest.fixture
def shelved(tmp_path: Path) -> Shelved:
    return shelve(tmp_path)


def pages(shelved: Shelved, limit: int, between: Any = None, **query: Any) -> list[ImageRecord]:
    """All images by cursors; ``between`` is called after each page."""

    async def read() -> list[ImageRecord]:
        found: list[ImageRecord] = []
        cursor: str | None = None
        while True:
            page = await shelved.engine.images(
                shelved.dataset_id,
                **{"limit": limit, "offset": None, "sort": None, "cursor": cursor, **query},
            )
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                return found
            if between is not None:
                between()

    return asyncio.run(read())


@pytest.mark.parametrize("name", SORTABLE)
@pytest.mark.parametrize("sign", ["", "-"])
def test_every_field_with_an_order_sorts(shelved: Shelved, name: str, sign: str) -> None:
    field = next(field for field in FIELDS if field.name == name)
    listed = pages(shelved, 500)
    values = {record.id: field.of(record.model_dump()) for record in listed}
    known = [record for record in listed if values[record.id] is not None]
    unknown = [record for record in listed if values[record.id] is None]
    # Python's sort keeps equal ones in place, reversed or not.
    known.sort(key=lambda record: values[record.id], reverse=bool(sign))
    found = pages(shelved, 50, sort=f"{sign}{name}")
    assert [record.id for record in found] == [record.id for record in [*known, *unknown]]


def test_an_order_there_is_not_is_refused() -> None:
    assert parse_sort("-Stars").name == "-rating"
    assert parse_sort(None).name == "listed"
    for text, hint in (("widht", "did you mean width?"), ("tags", "there are listed")):
        with pytest.raises(InvalidRequest) as error:
            parse_sort(text)
        assert str(error.value.hint).startswith(hint)


@pytest.mark.parametrize(
    "sort", [None, "-listed", "size", "-mtime", "aspect", "rating", "-favorite"]
)
@pytest.mark.parametrize("where", [None, "size>100kb"])
def test_pages_follow_each_other_while_rows_are_added(
    shelved: Shelved, sort: str | None, where: str | None
) -> None:
    before = {record.id for record in pages(shelved, 500, where=where)}
    writer, added = shelved.catalog.writer(shelved.dataset_id), iter(range(1000, 2000, 7))

    def add() -> None:
        more = listing(shelved.dataset_id, "/elsewhere", 5, start=next(added))
        writer.append(more, fragment_rows=100)

    found = [r.id for r in pages(shelved, 9, add, sort=sort, where=where)]
    assert len(found) == len(set(found))
    assert before <= set(found)


def test_what_drops_out_of_a_filter_shifts_nothing(shelved: Shelved) -> None:
    everything = [record.id for record in pages(shelved, 500, where="rating is missing")]
    chance, rated = random.Random(1), set[str]()

    def rate() -> None:
        chosen = chance.sample(everything, 6)
        rated.update(chosen)
        for key in chosen:
            shelved.engine._editing.of_ids(
                shelved.catalog.dataset(shelved.dataset_id), ImageEdit(rating=3), [key]
            )

    for sort in (None, "-size"):
        rated.clear()
        left = {record.id for record in pages(shelved, 500, where="rating is missing")}
        found = [r.id for r in pages(shelved, 11, rate, where="rating is missing", sort=sort)]
        assert len(found) == len(set(found))
        assert left - rated <= set(found) <= left


def test_a_cursor_belongs_to_its_order(shelved: Shelved) -> None:
    async def ask(cursor: str, sort: str | None) -> Any:
        return await shelved.engine.images(
            shelved.dataset_id, limit=5, cursor=cursor, offset=None, sort=sort
        )

    first = asyncio.run(
        shelved.engine.images(shelved.dataset_id, limit=5, cursor=None, offset=None, sort="size")
    )
    assert first.next_cursor is not None
    with pytest.raises(InvalidRequest, match="sorted by size"):
        asyncio.run(ask(first.next_cursor, "-size"))
    mark = cursors.from_mark_cursor(first.next_cursor, "size")
    assert not isinstance(mark, int)
    for wrong in ("xx", "", cursors._encoded("m[]"), cursors._encoded('m["size",1,-4,"x",1]')):
        with pytest.raises(InvalidRequest):
            cursors.from_mark_cursor(wrong, "size")
    forged = cursors._encoded(f'm["size",0,5,"{mark.image_id}","a text"]')
    with pytest.raises(InvalidRequest):
        asyncio.run(ask(forged, "size"))
    assert cursors.from_mark_cursor(cursors.to_cursor(7), "size") == 7
