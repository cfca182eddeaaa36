"""Models: which can be chosen, which is in use and why."""

from __future__ import annotations

from rayograph.schema import ModelList
from rayograph_serve.routes import parts
from rayograph_serve.routes.parts import Engine

router = parts.router("models")


@router.get("/models", summary="List models")
async def models(engine: Engine) -> ModelList:
    """Each model, whether it can be had here, and what it can and cannot find."""
    return await engine.models()
