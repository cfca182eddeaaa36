"""The same tiles under the addresses of the IIIF Image API 3, for viewers that speak it."""

from __future__ import annotations

from fastapi import Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from rayograph.errors import NotFound
from rayograph.schema import TilePyramid
from rayograph_serve import iiif
from rayograph_serve.routes import parts, tiles
from rayograph_serve.routes.parts import Engine

router = parts.router("tiles")
_INFO_TYPE = 'application/ld+json;profile="http://iiif.io/api/image/3/context.json"'
_HINT = "info.json lists the sizes and tiles there are"


@router.get(
    "/iiif/{tile_id}",
    summary="Find a giant's IIIF description",
    status_code=303,
    include_in_schema=False,
)
async def base(tile_id: str, request: Request, engine: Engine) -> Response:
    """Leads to `info.json`, as the standard asks."""
    await _pyramid(tile_id, engine)
    return RedirectResponse(f"{_address(request, tile_id)}/info.json", 303)


@router.get(
    "/iiif/{tile_id}/info.json",
    summary="Describe a giant for IIIF viewers",
    response_class=JSONResponse,
)
async def info(tile_id: str, request: Request, engine: Engine) -> Response:
    """IIIF Image API 3, level 0: the sizes and tiles that can be had."""
    found = iiif.describe(await _pyramid(tile_id, engine), _address(request, tile_id))
    return JSONResponse(found, media_type=_INFO_TYPE, headers={"Cache-Control": "no-cache"})


@router.get(
    "/iiif/{tile_id}/{region}/{size}/{rotation}/{quality}.{fmt}",
    summary="Show a part of a giant (IIIF)",
    response_class=Response,
    responses=tiles.TILE_ANSWERS,
)
async def picture(
    tile_id: str,
    region: str,
    *,
    size: str,
    rotation: str,
    quality: str,
    fmt: str,
    request: Request,
    engine: Engine,
) -> Response:
    """The tile that is this region at this size; what `info.json` does not list is 404."""
    pyramid = await _pyramid(tile_id, engine)
    place = iiif.tile_of(pyramid, region, size)
    plain = rotation == "0" and quality in {"default", "color"} and fmt == iiif.ending(pyramid)
    if place is None or not plain:
        raise NotFound("this part cannot be had in this shape", hint=_HINT)
    return await tiles.answer(request, await engine.tile(tile_id, *place, pyramid.format))


async def _pyramid(tile_id: str, engine: Engine) -> TilePyramid:
    pyramid = await engine.tile_pyramid(tile_id)
    if pyramid.overlap:
        raise NotFound("tiles that overlap cannot be had by IIIF", hint="use Deep Zoom")
    return pyramid


def _address(request: Request, tile_id: str) -> str:
    return f"{str(request.base_url).rstrip('/')}/api/iiif/{tile_id}"
