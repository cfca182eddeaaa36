"""The real library: facets, folders and saved views straight from the catalog."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rayograph.catalog import Catalog
from rayograph.facets import FacetList, FolderList
from rayograph_serve.faceting import Faceting


class CatalogLibrary:
    """Implements ``Library`` on a catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._faceting = Faceting(catalog)

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
