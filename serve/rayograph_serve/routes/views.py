"""Saved views of a dataset."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, status

from rayograph.facets import View, ViewChange, ViewList
from rayograph_serve.routes import parts
from rayograph_serve.routes.parts import DatasetId, Library

router = parts.router("views")
ViewId = Annotated[str, Path(pattern=r"^[a-z0-9]{1,32}$")]


@router.get("/datasets/{dataset_id}/views", summary="List a dataset's saved views")
async def views(dataset_id: DatasetId, library: Library) -> ViewList:
    """By name."""
    return await library.views(dataset_id)


@router.post(
    "/datasets/{dataset_id}/views", status_code=status.HTTP_201_CREATED, summary="Save a view"
)
async def save(dataset_id: DatasetId, body: ViewChange, library: Library) -> View:
    """A filter, an order and a search under a name that no other view of the dataset has."""
    return await library.put_view(dataset_id, None, body)


@router.put("/datasets/{dataset_id}/views/{view_id}", summary="Change a saved view")
async def put(dataset_id: DatasetId, view_id: ViewId, body: ViewChange, library: Library) -> View:
    """All of it; one that was deleted is there again, which undoes that."""
    return await library.put_view(dataset_id, view_id, body)


@router.delete(
    "/datasets/{dataset_id}/views/{view_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Delete a saved view",
)
async def delete(dataset_id: DatasetId, view_id: ViewId, library: Library) -> None:
    """One that is not there (any more) is no mistake."""
    await library.delete_view(dataset_id, view_id)
