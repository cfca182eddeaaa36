"""Facets and folders: what there is of what, among what a filter picks."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from rayograph.facets import FacetList, FolderList
from rayograph_serve.routes import parts
from rayograph_serve.routes.parts import DatasetId, Library, Where

router = parts.router("facets")
_MOST_PARENTS = 300


@router.get("/datasets/{dataset_id}/facets", summary="Count what a dataset holds, field by field")
async def facets(
    dataset_id: DatasetId,
    library: Library,
    *,
    where: Where = None,
    fields: Annotated[
        str | None, Query(max_length=1000, description="names with commas between; default: all")
    ] = None,
    most: Annotated[int, Query(ge=1, le=1000, description="values listed of a field")] = 12,
) -> FacetList:
    """Counts follow `where`, each field's without its own conditions.

    While images are being read the counts may be those of moments ago: `current` is false then.
    """
    names = None if fields is None else [name.strip() for name in fields.split(",")]
    return await library.facets(dataset_id, where=where, fields=names, most=most)


@router.get("/datasets/{dataset_id}/folders", summary="List folders with their counts")
async def folders(
    dataset_id: DatasetId,
    library: Library,
    *,
    parent: Annotated[
        list[str] | None,
        Query(max_length=_MOST_PARENTS, description="open folders; default: the source itself"),
    ] = None,
    where: Where = None,
    most: Annotated[int, Query(ge=1, le=10_000, description="folders listed")] = 1000,
) -> FolderList:
    """What lies directly inside of each `parent`; counts include what is below."""
    return await library.folders(dataset_id, parents=parent or [""], where=where, most=most)
