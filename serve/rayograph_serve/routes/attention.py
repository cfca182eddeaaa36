"""Attention: what is on somebody's screen is worked on first."""

from __future__ import annotations

from fastapi import status

from rayograph.schema import Attention
from rayograph_serve.routes import parts
from rayograph_serve.routes.parts import DatasetId, Engine

router = parts.router("images")


@router.post(
    "/datasets/{dataset_id}/attention",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Say which images are on screen",
)
async def attend(dataset_id: DatasetId, body: Attention, engine: Engine) -> None:
    """Their metadata and vectors come before the rest."""
    await engine.attend(dataset_id, body.image_ids)
