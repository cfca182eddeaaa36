"""What the routes of looking a dataset over call: a part of the engine with rooms of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from rayograph.facets import FacetList, FolderList, View, ViewChange, ViewList
from rayograph_serve.failure_list import Form


class Library(Protocol):
    """Every call raises a ``RayographError`` for what the caller can mend."""

    async def facets(
        self, dataset_id: str, *, where: str | None, fields: Sequence[str] | None, most: int
    ) -> FacetList: ...
    async def folders(
        self, dataset_id: str, *, parents: Sequence[str], where: str | None, most: int
    ) -> FolderList: ...
    async def failure_list(
        self, dataset_id: str, *, form: Form, code: str | None, where: str | None
    ) -> tuple[str, Iterator[bytes]]:
        """A file's name, and its bytes while they are made."""
        ...

    async def views(self, dataset_id: str) -> ViewList: ...
    async def put_view(self, dataset_id: str, view_id: str | None, view: ViewChange) -> View: ...
    async def delete_view(self, dataset_id: str, view_id: str) -> None: ...
