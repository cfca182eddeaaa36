"""What the API can be asked about exports, once for both clients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from rayograph.client.calls import Call, nothing, read
from rayograph.errors import InvalidRequest
from rayograph.export.words import Export, ExportList, ExportRequest


def start(dataset_id: str, form: str, **options: Any) -> Call[Export]:
    given = {key: value for key, value in options.items() if value is not None}
    given["include"] = list(given.get("include") or ())
    if "ids" in given:
        given["ids"] = list(given["ids"])
    try:
        body = ExportRequest(format=form, **given).model_dump(exclude_none=True)
    except ValidationError as error:
        message = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        raise InvalidRequest(message) from None
    return Call("POST", of(dataset_id), read(Export), body=body, repeat=False)


def of(dataset_id: str, *rest: str) -> str:
    return "/".join([f"/api/datasets/{dataset_id}/exports", *rest])


def one(dataset_id: str, export_id: str) -> Call[Export]:
    return Call("GET", of(dataset_id, export_id), read(Export))


def remove(dataset_id: str, export_id: str) -> Call[None]:
    return Call("DELETE", of(dataset_id, export_id), nothing, repeat=False)


def listed(dataset_id: str) -> Call[ExportList]:
    return Call("GET", of(dataset_id), read(ExportList))


def table(
    form: str, where: str | None, include: Iterable[str], labels: str | None = None
) -> dict[str, str]:
    params = {"format": form, "where": where, "include": next(iter(include), None)}
    params["labels"] = labels
    return {key: value for key, value in params.items() if value is not None}
