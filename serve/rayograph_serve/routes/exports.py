"""Exports: made in the background, looked at while they are, taken when they are done."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import Depends, Query, Response, status
from fastapi.responses import FileResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from rayograph.export.words import Export, ExportList, ExportRequest
from rayograph_serve import exporting
from rayograph_serve.routes import parts
from rayograph_serve.routes.parts import DatasetId, Engine, Where

router = parts.router("exports")


async def _exports(connection: HTTPConnection) -> exporting.Exports:
    exports: exporting.Exports = connection.app.state.exports
    return exports


Exports = Annotated[exporting.Exports, Depends(_exports)]
_BINARY = {
    200: {
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    }
}


@router.post(
    "/datasets/{dataset_id}/exports",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Export a dataset, a part of it or some images",
)
async def start(
    dataset_id: DatasetId, body: ExportRequest, engine: Engine, exports: Exports
) -> Export:
    """Answers at once; the export is made in the background, in its turn."""
    await engine.dataset(dataset_id)
    if body.labels is not None:
        await engine.labels.check(dataset_id, body.labels)
    return await run_in_threadpool(exports.start, dataset_id, body)


@router.get("/datasets/{dataset_id}/exports", summary="List a dataset's exports")
async def listed(dataset_id: DatasetId, engine: Engine, exports: Exports) -> ExportList:
    """Newest first, and the ``formats`` there are. Old ones are cleaned up."""
    await engine.dataset(dataset_id)
    return await run_in_threadpool(exports.listed, dataset_id)


@router.get("/datasets/{dataset_id}/exports/{export_id}", summary="Show how far an export is")
async def one(dataset_id: DatasetId, export_id: str, exports: Exports) -> Export:
    """``state`` is queued, running, done or failed, the last with its ``error``."""
    return await run_in_threadpool(exports.one, dataset_id, export_id)


@router.delete(
    "/datasets/{dataset_id}/exports/{export_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Cancel an export, or remove its result",
)
async def remove(dataset_id: DatasetId, export_id: str, exports: Exports) -> None:
    """Its process ends by itself within moments."""
    await run_in_threadpool(exports.remove, dataset_id, export_id)


@router.get(
    "/datasets/{dataset_id}/exports/{export_id}/file",
    summary="Take the result of an export",
    response_class=Response,
    responses={**_BINARY},  # type: ignore[dict-item]
)
async def file(
    dataset_id: DatasetId,
    export_id: str,
    exports: Exports,
    archive: Annotated[
        Literal["zip", "tar", "links"],
        Query(description="of a folder; links: names and uris in place of the images"),
    ] = "zip",
) -> Response:
    """One file as it is (with ``Range``), a folder as an archive made while it is sent."""
    return _answer(await exports.sent(dataset_id, export_id, archive))


@router.get(
    "/datasets/{dataset_id}/export",
    summary="Stream a table of a dataset",
    response_class=Response,
    responses={**_BINARY},  # type: ignore[dict-item]
)
async def table(
    dataset_id: DatasetId,
    engine: Engine,
    exports: Exports,
    *,
    form: Annotated[
        str, Query(alias="format", max_length=40, description="csv, jsonl or parquet")
    ] = "csv",
    where: Where = None,
    include: Annotated[Literal["vectors"] | None, Query(description="vectors too")] = None,
    labels: Annotated[
        str | None, Query(max_length=64, description="with these labels by words")
    ] = None,
) -> Response:
    """Begins at once and keeps nothing; one that breaks off ends the connection."""
    await engine.dataset(dataset_id)
    if labels is not None:
        await engine.labels.check(dataset_id, labels)
    vectors = include is not None
    return _answer(await exports.table(dataset_id, form, where, vectors=vectors, labels=labels))


def _answer(sent: exporting.Sent) -> Response:
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(sent.name, safe='')}",
        "Cache-Control": "no-store",
    }
    if sent.file is not None:
        return FileResponse(sent.file, headers=headers, media_type="application/octet-stream")
    assert sent.chunks is not None
    return StreamingResponse(sent.chunks, headers=headers, media_type="application/octet-stream")
