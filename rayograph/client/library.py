"""Looking a dataset over, for both clients: facets, folders, failures, views."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx

from rayograph.client.calls import Call, read
from rayograph.client.transport import AsyncTransport, Transport
from rayograph.errors import InvalidRequest
from rayograph.facets import FacetList, FolderList, View, ViewList
from rayograph.schema import Progress, StageName

_MOST_FOLDERS = 10_000


class Library(ABC):
    """What a ``Dataset`` can be asked about all of its images at once."""

    @property
    @abstractmethod
    def id(self) -> str:
        """The dataset's id."""

    _transport: Transport

    def facets(
        self, where: str | None = None, *, fields: Iterable[str] | None = None, most: int = 12
    ) -> FacetList:
        """How many images have what, field by field; each without its own part of ``where``.

        ``current`` is false while newer rows are being counted.
        """
        return self._transport.send(_facets(self.id, where, fields, most))

    def folders(self, parent: str = "", *, where: str | None = None) -> FolderList:
        """The folders directly inside of one, with how many images are in and below each."""
        return self._transport.send(_folders(self.id, parent, where))

    def retry(
        self,
        *,
        code: str | None = None,
        ids: Iterable[str] | None = None,
        where: str | None = None,
        stage: StageName | None = None,
    ) -> Progress:
        """Try failed images again: all, or those of one cause or stage, by ids or by a filter."""
        return self._transport.send(_retry(self.id, code, ids, where, stage))

    def export_failures(
        self, path: str | os.PathLike[str], *, code: str | None = None, where: str | None = None
    ) -> Path:
        """Write the list of failed images; the file's ending says how: csv, json or parquet."""
        return self._transport.send(_export_failures(self.id, path, code, where))

    def views(self) -> list[View]:
        """The saved views, by name."""
        return (self._transport.send(_views(self.id))).items

    def save_view(
        self,
        name: str,
        *,
        where: str | None = None,
        sort: str | None = None,
        text: str | None = None,
        columns: list[str] | None = None,
        view_id: str | None = None,
    ) -> View:
        """Save a filter, an order and a search under a name; ``view_id``: in place of that one."""
        given = {"where": where, "sort": sort, "text": text, "columns": columns}
        return self._transport.send(_save_view(self.id, name, given, view_id))

    def delete_view(self, view_id: str) -> None:
        """Forget a saved view."""
        self._transport.send(_delete_view(self.id, view_id))


class AsyncLibrary(ABC):
    """The same, to be awaited."""

    @property
    @abstractmethod
    def id(self) -> str:
        """The dataset's id."""

    _transport: AsyncTransport

    async def facets(
        self, where: str | None = None, *, fields: Iterable[str] | None = None, most: int = 12
    ) -> FacetList:
        """How many images have what, field by field; each without its own part of ``where``."""
        return await self._transport.send(_facets(self.id, where, fields, most))

    async def folders(self, parent: str = "", *, where: str | None = None) -> FolderList:
        """The folders directly inside of one, with how many images are in and below each."""
        return await self._transport.send(_folders(self.id, parent, where))

    async def retry(
        self,
        *,
        code: str | None = None,
        ids: Iterable[str] | None = None,
        where: str | None = None,
        stage: StageName | None = None,
    ) -> Progress:
        """Try failed images again: all, or those of one cause or stage, by ids or by a filter."""
        return await self._transport.send(_retry(self.id, code, ids, where, stage))

    async def export_failures(
        self, path: str | os.PathLike[str], *, code: str | None = None, where: str | None = None
    ) -> Path:
        """Write the list of failed images; the file's ending says how: csv, json or parquet."""
        return await self._transport.send(_export_failures(self.id, path, code, where))

    async def views(self) -> list[View]:
        """The saved views, by name."""
        return (await self._transport.send(_views(self.id))).items

    async def save_view(
        self,
        name: str,
        *,
        where: str | None = None,
        sort: str | None = None,
        text: str | None = None,
        columns: list[str] | None = None,
        view_id: str | None = None,
    ) -> View:
        """Save a filter, an order and a search under a name; ``view_id``: in place of that one."""
        given = {"where": where, "sort": sort, "text": text, "columns": columns}
        return await self._transport.send(_save_view(self.id, name, given, view_id))

    async def delete_view(self, view_id: str) -> None:
        """Forget a saved view."""
        await self._transport.send(_delete_view(self.id, view_id))


def _facets(
    dataset_id: str, where: str | None, fields: Iterable[str] | None, most: int
) -> Call[FacetList]:
    params: dict[str, str | int] = {"most": most}
    if where is not None:
        params["where"] = where
    if fields is not None:
        params["fields"] = ",".join(fields)
    return Call("GET", f"/api/datasets/{dataset_id}/facets", read(FacetList), params)


def _folders(dataset_id: str, parent: str, where: str | None) -> Call[FolderList]:
    params: dict[str, str | int] = {"parent": parent, "most": _MOST_FOLDERS}
    if where is not None:
        params["where"] = where
    return Call("GET", f"/api/datasets/{dataset_id}/folders", read(FolderList), params)


def _retry(
    dataset_id: str,
    code: str | None,
    ids: Iterable[str] | None,
    where: str | None,
    stage: StageName | None,
) -> Call[Progress]:
    listed = None if ids is None else list(ids)
    given = {"code": code, "ids": listed, "where": where, "stage": stage}
    body = {name: value for name, value in given.items() if value is not None}
    return Call("POST", f"/api/datasets/{dataset_id}/retry", read(Progress), body=body or None)


def _export_failures(
    dataset_id: str, path: str | os.PathLike[str], code: str | None, where: str | None
) -> Call[Path]:
    target = Path(path).expanduser()
    form = target.suffix.removeprefix(".").lower()
    if form not in ("csv", "json", "parquet"):
        raise InvalidRequest(f"cannot tell a format by {target.name!r}", hint="like failures.csv")
    params: dict[str, str | int] = {"format": form}
    params |= {n: v for n, v in (("code", code), ("where", where)) if v is not None}

    def save(response: httpx.Response) -> Path:
        target.write_bytes(response.content)
        return target

    return Call("GET", f"/api/datasets/{dataset_id}/failures/export", save, params)


def _views(dataset_id: str) -> Call[ViewList]:
    return Call("GET", f"/api/datasets/{dataset_id}/views", read(ViewList))


def _save_view(
    dataset_id: str, name: str, given: Mapping[str, Any], view_id: str | None
) -> Call[View]:
    body = {"name": name, **{key: value for key, value in given.items() if value is not None}}
    path = f"/api/datasets/{dataset_id}/views"
    if view_id is not None:
        return Call("PUT", f"{path}/{view_id}", read(View), body=body)
    return Call("POST", path, read(View), body=body, repeat=False)


def _delete_view(dataset_id: str, view_id: str) -> Call[None]:
    return Call("DELETE", f"/api/datasets/{dataset_id}/views/{view_id}", lambda _: None)
