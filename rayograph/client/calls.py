"""What the API can be asked, once for both clients: a ``Call`` says how to ask and how to read."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from rayograph.annotations.answers import AnnotationDetails, AnnotationMap
from rayograph.errors import InvalidRequest, ServerError, SourceNotFound
from rayograph.schema import (
    Accepted,
    BatchResult,
    Dataset,
    DatasetList,
    DatasetStatus,
    FailurePage,
    FieldList,
    Health,
    ImagePage,
    ImageRecord,
    ModelList,
    NewDataset,
    Priority,
    Progress,
    SearchRequest,
    SearchResponse,
    StageName,
)
from rayograph.sources import where_is

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
Command = Literal["rescan", "purge", "pause", "resume", "retry", "cancel"]
PAGE = 500


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request and how its answer is read; ``repeat``: harmless to send twice."""

    method: str
    path: str
    parse: Callable[[httpx.Response], T]
    params: Mapping[str, str | int] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    repeat: bool = True


def read(kind: type[M]) -> Callable[[httpx.Response], M]:
    """A parser of answers that hold one ``kind``."""

    def parse(response: httpx.Response) -> M:
        try:
            return kind.model_validate_json(response.content)
        except ValidationError:
            raise ServerError(
                f"{response.url} did not answer as rayograph does",
                hint="is another program on that port, or another version of rayograph?",
            ) from None

    return parse


def nothing(_: httpx.Response) -> None:
    return None


def _content(response: httpx.Response) -> bytes:
    return response.content


def _given(**params: str | int | None) -> dict[str, str | int]:
    return {key: value for key, value in params.items() if value is not None}


def add(source: str | os.PathLike[str], **options: Any) -> Call[Accepted]:
    """``POST /api/datasets``; ids are deterministic, so asking twice adds once."""
    annotations = options.get("annotations")
    if annotations is not None:
        options["annotations"] = next(iter(where_is(annotations).values()))
    try:
        new = NewDataset.model_validate({**where_is(source), **options})
    except ValidationError as error:
        raise invalid(error) from None
    body = new.model_dump(exclude_none=True, exclude_defaults=True)
    return Call("POST", "/api/datasets", read(Accepted), body=body)


def datasets() -> Call[DatasetList]:
    return Call("GET", "/api/datasets", read(DatasetList))


def dataset(dataset_id: str) -> Call[Dataset]:
    return Call("GET", f"/api/datasets/{dataset_id}", read(Dataset))


def use_model(dataset_id: str, model: str) -> Call[Dataset]:
    return Call("PATCH", f"/api/datasets/{dataset_id}", read(Dataset), body={"model": model})


def relocate(dataset_id: str, source: str | os.PathLike[str]) -> Call[Dataset]:
    """The dataset's files lie elsewhere now; they are looked at again there."""
    body = {"path": next(iter(where_is(source).values()))}
    return Call("PATCH", f"/api/datasets/{dataset_id}", read(Dataset), body=body)


def prioritise(dataset_id: str, priority: Priority) -> Call[Dataset]:
    return Call("PATCH", f"/api/datasets/{dataset_id}", read(Dataset), body={"priority": priority})


def delete(dataset_id: str) -> Call[None]:
    return Call("DELETE", f"/api/datasets/{dataset_id}", nothing, repeat=False)


def status(dataset_id: str) -> Call[DatasetStatus]:
    return Call("GET", f"/api/datasets/{dataset_id}/status", read(DatasetStatus))


def progress(dataset_id: str) -> Call[Progress]:
    return Call("GET", f"/api/progress/{dataset_id}", read(Progress))


def events(dataset_id: str) -> str:
    """Where a dataset's progress streams as server-sent events."""
    return f"/sse/progress/{dataset_id}"


def command(dataset_id: str, name: Command, stage: StageName | None = None) -> Call[Progress]:
    body = None if stage is None else {"stage": stage}
    return Call("POST", f"/api/datasets/{dataset_id}/{name}", read(Progress), body=body)


def images(
    dataset_id: str,
    *,
    limit: int = PAGE,
    cursor: str | None = None,
    sort: str | None = None,
    where: str | None = None,
) -> Call[ImagePage]:
    params = _given(limit=limit, cursor=cursor, sort=sort, where=where)
    return Call("GET", f"/api/datasets/{dataset_id}/images", read(ImagePage), params)


def failures(
    dataset_id: str,
    *,
    limit: int = PAGE,
    cursor: str | None = None,
    code: str | None = None,
    where: str | None = None,
) -> Call[FailurePage]:
    params = _given(limit=limit, cursor=cursor, code=code, where=where)
    return Call("GET", f"/api/datasets/{dataset_id}/failures", read(FailurePage), params)


def fields(dataset_id: str) -> Call[FieldList]:
    return Call("GET", f"/api/datasets/{dataset_id}/fields", read(FieldList))


def annotation_report(dataset_id: str) -> Call[AnnotationDetails]:
    return Call("GET", f"/api/datasets/{dataset_id}/annotations", read(AnnotationDetails))


def annotations_of(dataset_id: str, ids: str | Iterable[str]) -> Call[AnnotationMap]:
    body = {"image_ids": [ids] if isinstance(ids, str) else list(ids)}
    path = f"/api/datasets/{dataset_id}/annotations"
    return Call("POST", path, read(AnnotationMap), body=body)


def image(image_id: str) -> Call[ImageRecord]:
    return Call("GET", f"/api/images/{image_id}", read(ImageRecord))


def thumbnail(image_id: str, size: int) -> Call[bytes]:
    return Call("GET", f"/api/images/{image_id}/thumbnail", _content, {"size": size})


def file(image_id: str) -> Call[bytes]:
    return Call("GET", f"/api/images/{image_id}/file", _content)


def edit(dataset_id: str, ids: str | Iterable[str], **changes: Any) -> Call[BatchResult]:
    """Change tags, rating or favourite of some images at once."""
    body = {"ids": [ids] if isinstance(ids, str) else list(ids), **changes}
    return Call("POST", f"/api/datasets/{dataset_id}/images/batch", read(BatchResult), body=body)


def search(dataset_id: str, *, image: Any = None, **query: Any) -> Call[SearchResponse]:
    """``POST .../search``; ``image`` is a path, encoded bytes or a PIL image."""
    if image is not None:
        query["image_base64"] = base64.b64encode(_encoded(image)).decode()
    try:
        body = SearchRequest(**query).model_dump(exclude_defaults=True)
    except ValidationError as error:
        raise invalid(error) from None
    return Call("POST", f"/api/datasets/{dataset_id}/search", read(SearchResponse), body=body)


def models() -> Call[ModelList]:
    return Call("GET", "/api/models", read(ModelList))


def health() -> Call[Health]:
    return Call("GET", "/api/healthz", read(Health))


def _encoded(image: Any) -> bytes:
    if isinstance(image, bytes):
        return image
    if isinstance(image, (str, os.PathLike)):
        path = Path(image).expanduser()
        try:
            return path.read_bytes()
        except OSError as error:
            raise SourceNotFound(
                f"cannot read {path}: {error.strerror or error}",
                hint="give the path of an image on this machine",
            ) from None
    if hasattr(image, "save"):
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "PNG")
        return buffer.getvalue()
    raise InvalidRequest(f"cannot search by a {type(image).__name__}", hint="path, bytes or PIL")


def invalid(error: ValidationError) -> InvalidRequest:
    """What a body has wrong, as the server would say it."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return InvalidRequest(f"{name}: {message}" if name else message)
