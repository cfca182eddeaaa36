"""Snapshots: name a version of a dataset, compare, go back."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query, status

from rayograph.schema import Progress
from rayograph.snapshots import NewSnapshot, Snapshot, SnapshotDiff, SnapshotList
from rayograph_serve.routes import parts
from rayograph_serve.routes.parts import DatasetId, Engine

router = parts.router("snapshots")
Name = Annotated[str, Path(max_length=80)]


@router.get("/datasets/{dataset_id}/snapshots", summary="List a dataset's snapshots")
async def listed(dataset_id: DatasetId, engine: Engine) -> SnapshotList:
    """Newest first, each with the disk it holds beyond what the dataset takes now."""
    return await engine.snapshots.listed(dataset_id)


@router.post(
    "/datasets/{dataset_id}/snapshots",
    status_code=status.HTTP_201_CREATED,
    summary="Name the present version of a dataset",
)
async def create(dataset_id: DatasetId, body: NewSnapshot, engine: Engine) -> Snapshot:
    """Takes a moment, however large the dataset: nothing is copied. A name is given once."""
    return await engine.snapshots.create(dataset_id, body)


@router.get("/datasets/{dataset_id}/snapshots/{name}/diff", summary="Compare two versions")
async def diff(
    dataset_id: DatasetId,
    name: Name,
    engine: Engine,
    to: Annotated[str | None, Query(max_length=80, description="default: as it is now")] = None,
) -> SnapshotDiff:
    """Images added, removed and changed since, and which columns changed."""
    return await engine.snapshots.diff(dataset_id, name, to)


@router.post(
    "/datasets/{dataset_id}/snapshots/{name}/restore",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Go back to a snapshot",
)
async def restore(dataset_id: DatasetId, name: Name, engine: Engine) -> Progress:
    """Work stops, the snapshot becomes the newest version, work goes on with what is pending."""
    await engine.snapshots.restore(dataset_id, name)
    return await engine.progress(dataset_id)


@router.delete(
    "/datasets/{dataset_id}/snapshots/{name}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Remove a snapshot",
)
async def delete(dataset_id: DatasetId, name: Name, engine: Engine) -> None:
    """Its disk is freed by the next clean-up."""
    await engine.snapshots.delete(dataset_id, name)
