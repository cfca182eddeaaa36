"""Images: pages of records, and one record."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator

from rayograph.schema import (
    BatchEdit,
    BatchResult,
    FieldList,
    ImageEdit,
    ImagePage,
    ImageRecord,
)
from rayograph.where.sorting import parse_sort
from rayograph_serve.routes import parts
from rayograph_serve.routes.parts import DatasetId, Engine, ImageId, Where

router = parts.router("images")


def _order(text: str | None) -> str | None:
    parse_sort(text)
    return text


Order = Annotated[
    str | None,
    Query(max_length=200, description="a field; `-` before it: descending"),
    AfterValidator(_order),
]


@router.get("/datasets/{dataset_id}/images", summary="Page through a dataset's images")
async def page(
    dataset_id: DatasetId,
    engine: Engine,
    *,
    limit: Annotated[int, Query(ge=1, le=1000, description="images a page")] = 100,
    cursor: Annotated[str | None, Query(max_length=4000, description="`next_cursor`")] = None,
    offset: Annotated[int | None, Query(ge=0, le=2**53, description="instead of cursor")] = None,
    sort: Order = None,
    where: Where = None,
) -> ImagePage:
    """Works from the first listed file on; rows that arrive later never shift earlier ones.

    With `where` only the images it picks, and `total` is how many those are.
    """
    return await engine.images(
        dataset_id, limit=limit, cursor=cursor, offset=offset, sort=sort, where=where
    )


@router.get("/datasets/{dataset_id}/fields", summary="List what `where` can name")
async def fields(dataset_id: DatasetId, engine: Engine) -> FieldList:
    """Every field, and the values of those that have few in this dataset."""
    return await engine.fields(dataset_id)


@router.get("/images/{image_id}", summary="Show one image's record")
async def image(image_id: ImageId, engine: Engine) -> ImageRecord:
    """What is known of an image so far; what is not is null."""
    return await engine.image(image_id)


@router.patch("/images/{image_id}", summary="Tag, rate or favour one image")
async def edit(image_id: ImageId, body: ImageEdit, engine: Engine) -> ImageRecord:
    """Changes what is given and answers with the new record; edits of others are kept."""
    return await engine.edit(image_id, body)


@router.post("/datasets/{dataset_id}/images/batch", summary="Tag, rate or favour many images")
async def edit_many(dataset_id: DatasetId, body: BatchEdit, engine: Engine) -> BatchResult:
    """The same change to all of `ids`, or to all that `where` picks, at once or not at all."""
    return await engine.edit_many(dataset_id, body)
