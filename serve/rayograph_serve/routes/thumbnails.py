"""Thumbnails, made on demand."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response

from rayograph_serve import streams
from rayograph_serve.routes import parts
from rayograph_serve.routes.parts import Engine, ImageId, KnownPaths, Thumbnails
from rayograph_serve.shortcuts import matches
from rayograph_serve.thumbnails import THUMBNAIL_TYPE

router = parts.router("images")
_FOREVER = "private, max-age=31536000, immutable"
_A_DAY = "private, max-age=86400, must-revalidate"


@router.get(
    "/images/{image_id}/thumbnail",
    summary="Show an image's thumbnail",
    response_class=Response,
    responses={
        200: {"content": {THUMBNAIL_TYPE: {"schema": {"type": "string", "format": "binary"}}}},
        304: {"description": "The client's copy (`If-None-Match`) is still right."},
    },
)
async def thumbnail(
    image_id: ImageId,
    request: Request,
    *,
    engine: Engine,
    thumbnails: Thumbnails,
    shortcuts: KnownPaths,
    size: Annotated[int, Query(ge=1, le=8192, description="width of the box it fits, px")] = 256,
    v: Annotated[
        str | None, Query(max_length=64, description="any version: the answer never expires")
    ] = None,
) -> Response:
    """Never enlarged; ``size`` is rounded up to one of ``thumbnails.sizes``."""
    located = await engine.locate(image_id)
    mark = thumbnails.store.mark(image_id, located, size)
    headers = {"ETag": f'"{mark}"', "Cache-Control": _A_DAY if v is None else _FOREVER}
    if matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    work = thumbnails.get(image_id, located, size)
    body = await streams.unless_gone(request.receive, work)
    if body is None:
        # Nobody is there to read it; 499 is what proxies log for that.
        return Response(status_code=499)
    response = Response(body, media_type=THUMBNAIL_TYPE, headers=headers)
    shortcuts.keep(request.scope, mark, response.raw_headers)
    return response
