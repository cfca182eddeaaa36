"""The failure inbox: every image that failed, with its reason; tried again, or as a file."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, status
from fastapi.responses import StreamingResponse

from rayograph.facets import Retry
from rayograph.schema import FailurePage, Progress
from rayograph_serve.failure_list import MEDIA_TYPES, Form
from rayograph_serve.routes import parts
from rayograph_serve.routes.parts import DatasetId, Engine, Library, Where

router = parts.router("failures")
Code = Annotated[str | None, Query(max_length=64, description="one `error_code` only")]


@router.get("/datasets/{dataset_id}/failures", summary="Page through failed images")
async def failures(
    dataset_id: DatasetId,
    engine: Engine,
    *,
    limit: Annotated[int, Query(ge=1, le=1000, description="images a page")] = 100,
    cursor: Annotated[str | None, Query(max_length=1000, description="`next_cursor`")] = None,
    code: Code = None,
    where: Where = None,
) -> FailurePage:
    """The images and, in ``reasons``, how many failed of each cause."""
    return await engine.failures(dataset_id, limit=limit, cursor=cursor, code=code, where=where)


@router.get(
    "/datasets/{dataset_id}/failures/export",
    summary="Take the list of failed images as a file",
    response_class=StreamingResponse,
    responses={200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}}},
)
async def export(
    dataset_id: DatasetId,
    library: Library,
    *,
    form: Annotated[Form, Query(alias="format", description="csv, json or parquet")] = "csv",
    code: Code = None,
    where: Where = None,
) -> StreamingResponse:
    """All of them, or those of one cause or that `where` picks, sent while they are read."""
    name, pieces = await library.failure_list(dataset_id, form=form, code=code, where=where)
    shown = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces, media_type=MEDIA_TYPES[form], headers=shown)


@router.post(
    "/datasets/{dataset_id}/retry",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Try failed images again",
)
async def retry(dataset_id: DatasetId, engine: Engine, body: Retry | None = None) -> Progress:
    """All of them, or those of one cause, by ids or by a filter; answers with the progress."""
    if body is None:
        return await engine.command(dataset_id, "retry")
    return await engine.retry(dataset_id, body)
