"""Datasets: open a source, look at what is open, steer its work, remove it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import get_args

from fastapi import status
from starlette.concurrency import run_in_threadpool

from rayograph.schema import (
    Accepted,
    Dataset,
    DatasetChange,
    DatasetList,
    DatasetStatus,
    NewDataset,
    Progress,
    StageChoice,
)
from rayograph_serve.engine import Command
from rayograph_serve.routes import parts
from rayograph_serve.routes.exports import Exports
from rayograph_serve.routes.parts import DatasetId, Engine, KnownPaths, Thumbnails

router = parts.router("datasets")
_BY_STAGE = frozenset({"pause", "resume", "cancel"})


@router.post("/datasets", status_code=status.HTTP_202_ACCEPTED, summary="Open a source")
async def add(body: NewDataset, engine: Engine) -> Accepted:
    """Answers as soon as the first page of rows can be read; the rest goes on behind it."""
    return await engine.add(body)


@router.get("/datasets", summary="List datasets")
async def list_datasets(engine: Engine) -> DatasetList:
    """Every dataset of the catalog."""
    return await engine.datasets()


@router.get("/datasets/{dataset_id}", summary="Show one dataset")
async def show(dataset_id: DatasetId, engine: Engine) -> Dataset:
    """One dataset and where it stands."""
    return await engine.dataset(dataset_id)


@router.patch("/datasets/{dataset_id}", summary="Change a dataset's model, place or priority")
async def change(dataset_id: DatasetId, body: DatasetChange, engine: Engine) -> Dataset:
    """With a model its images are embedded anew; until that is done, the present one's vectors
    serve. With a path its files lie there now: they are looked at again and keep what they have.
    With a priority it goes before others at the model, or after them.
    """
    if body.path is not None:
        return await engine.relocate(dataset_id, body.path)
    if body.priority is not None:
        return await engine.prioritise(dataset_id, body.priority)
    return await engine.change_model(dataset_id, str(body.model))


@router.delete(
    "/datasets/{dataset_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Remove a dataset"
)
async def delete(
    dataset_id: DatasetId,
    engine: Engine,
    thumbnails: Thumbnails,
    shortcuts: KnownPaths,
    exports: Exports,
) -> None:
    """Forget a dataset and all that was computed for it; source files are never touched."""
    await engine.delete(dataset_id)
    shortcuts.forget()
    await thumbnails.forget(dataset_id)
    await run_in_threadpool(exports.forget, dataset_id)


@router.get("/datasets/{dataset_id}/status", summary="Show what a dataset is doing")
async def show_status(dataset_id: DatasetId, engine: Engine) -> DatasetStatus:
    """``status`` and, while it is processing, which ``progress`` step it is in."""
    return await engine.status(dataset_id)


def _steer(command: Command) -> Callable[..., Awaitable[Progress]]:
    async def steer(dataset_id: DatasetId, engine: Engine) -> Progress:
        return await engine.command(dataset_id, command)

    async def steer_stage(
        dataset_id: DatasetId, engine: Engine, body: StageChoice | None = None
    ) -> Progress:
        return await engine.command(dataset_id, command, body.stage if body else None)

    made = steer_stage if command in _BY_STAGE else steer
    made.__name__ = command
    made.__doc__ = f"Tell the dataset's pipeline to {command}; answers with its progress."
    if command in _BY_STAGE:
        made.__doc__ += " With a `stage` it is about that one alone."
    return made


for _command in sorted({*get_args(Command)} - {"retry"}):
    router.add_api_route(
        f"/datasets/{{dataset_id}}/{_command}",
        _steer(_command),
        methods=["POST"],
        status_code=status.HTTP_202_ACCEPTED,
        response_model=Progress,
        summary=f"{_command.capitalize()} a dataset's work",
    )
