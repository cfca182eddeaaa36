"""What several routes share: the injected services, checked ids, and documented errors."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.routing import APIRoute
from pydantic import AfterValidator, BaseModel
from starlette.requests import HTTPConnection

from rayograph import ids
from rayograph.access import Access
from rayograph.errors import DatasetNotFound, ImageNotFound, InvalidRequest
from rayograph.where import MAX_LENGTH
from rayograph_serve import engine as engines
from rayograph_serve import library as libraries
from rayograph_serve.shortcuts import Shortcuts
from rayograph_serve.thumbnail_queue import ThumbnailQueue


class ErrorBody(BaseModel):
    code: str
    message: str
    hint: str | None = None
    position: int | None = None


class ErrorAnswer(BaseModel):
    """Every error there is, whatever its status."""

    error: ErrorBody


async def _engine(connection: HTTPConnection) -> engines.Engine:
    engine: engines.Engine = connection.app.state.engine
    return engine


async def _library(connection: HTTPConnection) -> libraries.Library:
    library: libraries.Library = connection.app.state.engine.library
    return library


async def _access(connection: HTTPConnection) -> Access:
    access: Access = connection.app.state.access
    return access


async def _thumbnails(connection: HTTPConnection) -> ThumbnailQueue:
    queue: ThumbnailQueue = connection.app.state.thumbnails
    return queue


async def _shortcuts(connection: HTTPConnection) -> Shortcuts:
    shortcuts: Shortcuts = connection.app.state.shortcuts
    return shortcuts


def _dataset_id(text: str) -> str:
    if not ids.is_dataset_id(text):
        raise DatasetNotFound(f"no dataset {text[:64]!r}")
    return text


def _image_id(text: str) -> str:
    if ids.dataset_of(text) is None:
        raise ImageNotFound(f"no image {text[:64]!r}")
    return text


Engine = Annotated[engines.Engine, Depends(_engine)]
Library = Annotated[libraries.Library, Depends(_library)]
AccessRules = Annotated[Access, Depends(_access)]
Thumbnails = Annotated[ThumbnailQueue, Depends(_thumbnails)]
KnownPaths = Annotated[Shortcuts, Depends(_shortcuts)]
DatasetId = Annotated[str, AfterValidator(_dataset_id)]
ImageId = Annotated[str, AfterValidator(_image_id)]
Where = Annotated[
    str | None,
    Query(max_length=MAX_LENGTH, description="a filter like `width>=1024 and format=jpeg`"),
]


async def only_known_parameters(request: Request) -> None:
    """A misspelt query parameter is an error, as a misspelt field is."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or not request.query_params:
        return
    known = [field.alias for field in route.dependant.query_params]
    for name in request.query_params:
        if name not in known:
            raise InvalidRequest(
                f"unknown parameter {name[:64]!r}",
                hint=f"known here: {', '.join(known)}" if known else "none is known here",
            )


async def only_known_fields(request: Request) -> None:
    """A body where none is read is an error, as an unknown field of one is."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or route.body_field is not None:
        return
    if (await request.body()).strip() not in (b"", b"{}", b"null"):
        raise InvalidRequest("unknown fields: this call takes no body", hint="leave it out")


def router(tag: str, prefix: str = "/api") -> APIRouter:
    """A router whose routes refuse unknown parameters and document the error shape."""
    errors: dict[int | str, dict[str, Any]] = {
        "4XX": {"model": ErrorAnswer, "description": "What the caller can mend."},
        "5XX": {"model": ErrorAnswer, "description": "What the caller cannot; 503: try again."},
    }
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        dependencies=[Depends(only_known_parameters), Depends(only_known_fields)],
        responses=errors,
    )
