"""Looking a dataset over, for both clients: facets and folders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from rayograph.client.calls import Call, read
from rayograph.client.transport import AsyncTransport, Transport
from rayograph.facets import FacetList, FolderList

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
