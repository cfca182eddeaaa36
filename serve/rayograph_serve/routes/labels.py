"""Labels by words: name classes, look at their scores, correct some, refine."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query, status

from rayograph.labelling.answers import (
    ChangeLabels,
    Correct,
    CorrectionPage,
    CorrectionResult,
    Labels,
    LabelsList,
    NewLabels,
    TagLabels,
    TagResult,
)
from rayograph_serve.routes import parts
from rayograph_serve.routes.parts import DatasetId, Engine

router = parts.router("labels")
Name = Annotated[str, Path(max_length=64, description="of the labels")]
_ROOT = "/datasets/{dataset_id}/labels"


@router.get(_ROOT, summary="List labels by words")
async def listed(dataset_id: DatasetId, engine: Engine) -> LabelsList:
    """What classes somebody named, and how far their scores are."""
    return await engine.labels.listed(dataset_id)


@router.post(_ROOT, summary="Label images by words", status_code=status.HTTP_202_ACCEPTED)
async def create(dataset_id: DatasetId, body: NewLabels, engine: Engine) -> Labels:
    """Every image with a vector is scored in the background; `GET` says how far that is."""
    return await engine.labels.create(dataset_id, body)


@router.get(_ROOT + "/{name}", summary="Look at labels by words")
async def one(dataset_id: DatasetId, name: Name, engine: Engine) -> Labels:
    """Classes with their histograms, thresholds and counts, also while images are scored."""
    return await engine.labels.one(dataset_id, name)


@router.patch(_ROOT + "/{name}", summary="Change labels by words")
async def change(dataset_id: DatasetId, name: Name, body: ChangeLabels, engine: Engine) -> Labels:
    """Thresholds and the name change at once; another `use` has all images scored anew."""
    return await engine.labels.change(dataset_id, name, body)


@router.delete(_ROOT + "/{name}", summary="Remove labels", status_code=status.HTTP_204_NO_CONTENT)
async def delete(dataset_id: DatasetId, name: Name, engine: Engine) -> None:
    """Their scores and all corrections go with them."""
    await engine.labels.delete(dataset_id, name)


@router.get(_ROOT + "/{name}/corrections", summary="List corrections of labels")
async def corrections(
    dataset_id: DatasetId,
    name: Name,
    engine: Engine,
    *,
    limit: Annotated[int, Query(ge=1, le=1000, description="corrections a page")] = 100,
    cursor: Annotated[str | None, Query(max_length=1000, description="`next_cursor`")] = None,
) -> CorrectionPage:
    """One for each content and class."""
    return await engine.labels.corrections(dataset_id, name, limit=limit, cursor=cursor)


@router.post(_ROOT + "/{name}/corrections", summary="Correct labels")
async def correct(
    dataset_id: DatasetId, name: Name, body: Correct, engine: Engine
) -> CorrectionResult:
    """Scores of these images follow at once. Kept by content: a correction outlives rescans, moves
    and changes of the model."""
    return await engine.labels.correct(dataset_id, name, body)


@router.post(
    _ROOT + "/{name}/refine", summary="Refine labels", status_code=status.HTTP_202_ACCEPTED
)
async def refine(dataset_id: DatasetId, name: Name, engine: Engine) -> Labels:
    """Train a linear probe with what was corrected, then score every image with it."""
    return await engine.labels.refine(dataset_id, name)


@router.post(
    _ROOT + "/{name}/score", summary="Score what is new", status_code=status.HTTP_202_ACCEPTED
)
async def score(dataset_id: DatasetId, name: Name, engine: Engine) -> Labels:
    """Images that came or changed since; all of them where the model was changed."""
    return await engine.labels.score(dataset_id, name)


@router.post(_ROOT + "/{name}/cancel", summary="Stop scoring")
async def cancel(dataset_id: DatasetId, name: Name, engine: Engine) -> Labels:
    """What has a score keeps it; scoring goes on from there."""
    return await engine.labels.cancel(dataset_id, name)


@router.post(_ROOT + "/{name}/tags", summary="Tag images with their classes")
async def tags(dataset_id: DatasetId, name: Name, body: TagLabels, engine: Engine) -> TagResult:
    """What the last time added is remembered, and `undo` takes just that off again."""
    return await engine.labels.tags(dataset_id, name, body)
