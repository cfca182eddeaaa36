"""The real library: facets, folders and saved views straight from the catalog."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rayograph.catalog import Catalog
from rayograph.catalog.picking import filter_of
from rayograph.catalog.views import ViewRow
from rayograph.facets import FacetList, FolderList, View, ViewChange, ViewList
from rayograph.where import quoted
from rayograph.where.sorting import sort_for
from rayograph_serve.faceting import Faceting
from rayograph_serve.failure_list import Form, batches, encoded
from rayograph_serve.filters import chosen_by


class CatalogLibrary:
    """Implements ``Library`` on a catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._faceting = Faceting(catalog)
        self.shelf = self._faceting.shelf

    async def facets(
        self, dataset_id: str, *, where: str | None, fields: Sequence[str] | None, most: int
    ) -> FacetList:
        row = await asyncio.to_thread(self._catalog.dataset, dataset_id)
        return await asyncio.to_thread(self._faceting.facets, row, where, fields, most)

    async def folders(
        self, dataset_id: str, *, parents: Sequence[str], where: str | None, most: int
    ) -> FolderList:
        row = await asyncio.to_thread(self._catalog.dataset, dataset_id)
        return await asyncio.to_thread(self._faceting.folders, row, parents, where, most)

    async def failure_list(
        self, dataset_id: str, *, form: Form, code: str | None, where: str | None
    ) -> tuple[str, Iterator[bytes]]:
        row = await asyncio.to_thread(self._catalog.dataset, dataset_id)
        wanted = "failed:*" if code is None else f"failed={quoted(code)}"
        chosen = filter_of(row, wanted, *([where] if where is not None else []))
        reader = self._catalog.reader(row.dataset_id, row.serving)
        rows = await asyncio.to_thread(batches, reader, chosen)
        return f"{row.dataset_id}-failures.{form}", encoded(rows, form)

    async def views(self, dataset_id: str) -> ViewList:
        row = await asyncio.to_thread(self._catalog.dataset, dataset_id)
        found = await asyncio.to_thread(self._catalog.views.of, row.dataset_id)
        return ViewList(items=[View(**asdict(view)) for view in found])

    async def put_view(self, dataset_id: str, view_id: str | None, view: ViewChange) -> View:
        row = await asyncio.to_thread(self._catalog.dataset, dataset_id)
        # What could never be shown is not saved.
        chosen_by(row, view.where or None)
        sort_for(view.sort, row.own)
        key = view_id or secrets.token_hex(6)
        kept = ViewRow(view_id=key, dataset_id=row.dataset_id, **view.model_dump())
        return View(**asdict(await asyncio.to_thread(self._catalog.views.put, kept)))

    async def delete_view(self, dataset_id: str, view_id: str) -> None:
        row = await asyncio.to_thread(self._catalog.dataset, dataset_id)
        await asyncio.to_thread(self._catalog.views.delete, row.dataset_id, view_id)
