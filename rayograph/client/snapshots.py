"""Snapshots of a dataset, of either client."""

from __future__ import annotations

from urllib.parse import quote

from rayograph.client.calls import Call, nothing, read
from rayograph.client.transport import AsyncTransport, Transport
from rayograph.schema import Dataset as DatasetInfo
from rayograph.schema import Progress
from rayograph.snapshots import Snapshot, SnapshotDiff, SnapshotList


def _of(dataset_id: str, name: str = "", *rest: str) -> str:
    parts = [quote(name, safe=""), *rest] if name else []
    return "/".join([f"/api/datasets/{dataset_id}/snapshots", *parts])


def _listed(dataset_id: str) -> Call[SnapshotList]:
    return Call("GET", _of(dataset_id), read(SnapshotList))


def _create(dataset_id: str, name: str | None, note: str | None) -> Call[Snapshot]:
    body = {key: value for key, value in (("name", name), ("note", note)) if value is not None}
    return Call("POST", _of(dataset_id), read(Snapshot), body=body, repeat=False)


def _diff(dataset_id: str, name: str, to: str | None) -> Call[SnapshotDiff]:
    params = {"to": to} if to is not None else {}
    return Call("GET", _of(dataset_id, name, "diff"), read(SnapshotDiff), params)


def _restore(dataset_id: str, name: str) -> Call[Progress]:
    return Call("POST", _of(dataset_id, name, "restore"), read(Progress), repeat=False)


def _delete(dataset_id: str, name: str) -> Call[None]:
    return Call("DELETE", _of(dataset_id, name), nothing, repeat=False)


class SnapshotMethods:
    """Named versions of a ``Dataset``."""

    _transport: Transport
    info: DatasetInfo

    def snapshots(self) -> list[Snapshot]:
        """The named versions, newest first."""
        return self._transport.send(_listed(self.info.dataset_id)).items

    def snapshot(self, name: str | None = None, note: str | None = None) -> Snapshot:
        """Give the present version a name; nothing is copied."""
        return self._transport.send(_create(self.info.dataset_id, name, note))

    def diff(self, name: str, to: str | None = None) -> SnapshotDiff:
        """What is different in another snapshot, or now."""
        return self._transport.send(_diff(self.info.dataset_id, name, to))

    def restore(self, name: str) -> Progress:
        """Go back to a snapshot; what was pending in it is done next."""
        return self._transport.send(_restore(self.info.dataset_id, name))

    def delete_snapshot(self, name: str) -> None:
        """Forget a snapshot; its disk is freed by the next clean-up."""
        self._transport.send(_delete(self.info.dataset_id, name))


class AsyncSnapshotMethods:
    """The same, to be awaited."""

    _transport: AsyncTransport
    info: DatasetInfo

    async def snapshots(self) -> list[Snapshot]:
        """The named versions, newest first."""
        return (await self._transport.send(_listed(self.info.dataset_id))).items

    async def snapshot(self, name: str | None = None, note: str | None = None) -> Snapshot:
        """Give the present version a name; nothing is copied."""
        return await self._transport.send(_create(self.info.dataset_id, name, note))

    async def diff(self, name: str, to: str | None = None) -> SnapshotDiff:
        """What is different in another snapshot, or now."""
        return await self._transport.send(_diff(self.info.dataset_id, name, to))

    async def restore(self, name: str) -> Progress:
        """Go back to a snapshot; what was pending in it is done next."""
        return await self._transport.send(_restore(self.info.dataset_id, name))

    async def delete_snapshot(self, name: str) -> None:
        """Forget a snapshot; its disk is freed by the next clean-up."""
        await self._transport.send(_delete(self.info.dataset_id, name))
