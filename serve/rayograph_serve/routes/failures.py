"""The failure inbox: every image that failed, with its reason."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from rayograph.schema import FailurePage
from rayograph_serve.routes import parts
from rayograph_serve.routes.parts import DatasetId, Engine, Where

router = parts.router("failures")


@router.get("/datasets/{dataset_id}/failures", summary="Page through failed images")
async def failures(
    dataset_id: DatasetId,
    engine: Engine,
    *,
    limit: Annotated[int, Query(ge=1, le=1000, description="images a page")] = 100,
    cursor: Annotated[str | None, Query(max_length=1000, description="`next_cursor`")] = None,
    code: Annotated[str | None, Query(max_length=64, description="one `error_code` only")] = None,
    where: Where = None,
) -> FailurePage:
    """The images and, in ``reasons``, how many failed of each cause."""
    return await engine.failures(dataset_id, limit=limit, cursor=cursor, code=code, where=where)
