"""Deep Zoom: a giant's tiles, while they are still being made too."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from xml.sax.saxutils import quoteattr

from fastapi import Request, Response
from pydantic import BeforeValidator
from starlette.concurrency import run_in_threadpool

from rayograph.errors import NotFound
from rayograph_serve.engine import TileBytes
from rayograph_serve.routes import parts
from rayograph_serve.routes.parts import Engine
from rayograph_serve.shortcuts import matches

router = parts.router("tiles")
_FOREVER = "private, max-age=31536000, immutable"
_STAND_IN = "stand-in"
TILE_ANSWERS: dict[int | str, dict[str, object]] = {
    200: {
        "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
        "description": "The tile; `X-Tile` says whether it is `final` or a `stand-in`.",
    },
    304: {"description": "The client's copy (`If-None-Match`) is still right."},
}


def _place(text: object) -> object:
    if not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 10):
        raise NotFound("there is no such tile")
    return text


Place = Annotated[int, BeforeValidator(_place)]


@router.get(
    "/tiles/{tile_id}.dzi",
    summary="Describe a giant's pyramid",
    response_class=Response,
    responses={200: {"content": {"application/xml": {"schema": {"type": "string"}}}}},
)
async def descriptor(tile_id: str, engine: Engine) -> Response:
    """The Deep Zoom descriptor; 409 `not_ready` while the picture's size is not known yet."""
    pyramid = await engine.tile_pyramid(tile_id)
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Image xmlns="http://schemas.microsoft.com/deepzoom/2008"'
        f' Format={quoteattr(pyramid.format)} Overlap="{pyramid.overlap}"'
        f' TileSize="{pyramid.tile_size}">\n'
        f'  <Size Width="{pyramid.width}" Height="{pyramid.height}"/>\n</Image>\n'
    )
    headers = {"Cache-Control": "private, no-cache"}
    return Response(body, media_type="application/xml", headers=headers)


@router.get(
    "/tiles/{tile_id}_files/{z}/{x}_{y}.{fmt}",
    summary="Show a tile",
    response_class=Response,
    responses=TILE_ANSWERS,
)
async def tile(
    tile_id: str, z: Place, x: Place, y: Place, *, fmt: str, request: Request, engine: Engine
) -> Response:
    """Made on the spot if it is not there; a `stand-in` is to be asked for again."""
    return await answer(request, await engine.tile(tile_id, z, x, y, fmt))


async def answer(request: Request, found: TileBytes) -> Response:
    """A tile as an HTTP answer: conditional and cached for good once it is final."""
    final = "final" if found.final else _STAND_IN
    headers = {"Cache-Control": "no-store", "X-Tile": final}
    if found.final:
        headers |= {"ETag": f'"{found.etag}"', "Cache-Control": _FOREVER}
        if matches(request.headers.get("if-none-match"), headers["ETag"]):
            return Response(status_code=304, headers=headers)
    data = found.data
    if isinstance(data, Path):
        try:
            data = await run_in_threadpool(data.read_bytes)
        except OSError:
            raise NotFound("the tile is gone: its dataset was removed") from None
    return Response(data, media_type=found.media_type, headers=headers)
