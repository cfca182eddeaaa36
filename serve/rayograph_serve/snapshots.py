"""Snapshots of any dataset: from what a request asks to named versions of its table."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Protocol

from rayograph.catalog import Catalog, DatasetRow
from rayograph.catalog.snapshots import Named
from rayograph.snapshots import NewSnapshot, Snapshot, SnapshotDiff, SnapshotList
from rayograph_serve.work import Work


class Snapshots(Protocol):
    """Every call raises a ``RayographError`` for what the caller can mend."""

    async def listed(self, dataset_id: str) -> SnapshotList: ...
    async def create(self, dataset_id: str, new: NewSnapshot) -> Snapshot: ...
    async def diff(self, dataset_id: str, name: str, to: str | None) -> SnapshotDiff: ...
    async def restore(self, dataset_id: str, name: str) -> None: ...
    async def delete(self, dataset_id: str, name: str) -> None: ...


class CatalogSnapshots:
    """Implements ``Snapshots`` on a catalog; going back is left to whoever works on the dataset."""

    def __init__(self, catalog: Catalog, work: Work) -> None:
        self._catalog, self._work = catalog, work

    async def listed(self, dataset_id: str) -> SnapshotList:
        row = await self._row(dataset_id)
        found = await asyncio.to_thread(self._catalog.snapshots(row.dataset_id).all)
        return SnapshotList(items=[_said(named) for named in found])

    async def create(self, dataset_id: str, new: NewSnapshot) -> Snapshot:
        row = await self._row(dataset_id)
        name = new.name or f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}"
        snapshots = self._catalog.snapshots(row.dataset_id)
        return _said(await asyncio.to_thread(snapshots.create, name, row, new.note))

    async def diff(self, dataset_id: str, name: str, to: str | None) -> SnapshotDiff:
        row = await self._row(dataset_id)
        snapshots = self._catalog.snapshots(row.dataset_id)
        found = await asyncio.to_thread(snapshots.compare, name, to, row)
        before = await asyncio.to_thread(snapshots.get, name)
        now = await asyncio.to_thread(snapshots.get, to) if to is not None else None
        return SnapshotDiff(
            name=name,
            to=to,
            added=found.added,
            removed=found.removed,
            changed=found.changed,
            columns=found.columns,
            model=before.about.get("model"),
            model_to=now.about.get("model") if now else row.model,
            ids=found.ids,
        )

    async def restore(self, dataset_id: str, name: str) -> None:
        row = await self._row(dataset_id)
        await asyncio.to_thread(self._catalog.snapshots(row.dataset_id).get, name)
        await self._work.restore(row.dataset_id, name)

    async def delete(self, dataset_id: str, name: str) -> None:
        row = await self._row(dataset_id)
        await asyncio.to_thread(self._catalog.snapshots(row.dataset_id).delete, name)

    async def _row(self, dataset_id: str) -> DatasetRow:
        return await asyncio.to_thread(self._catalog.dataset, dataset_id)


def _said(named: Named) -> Snapshot:
    return Snapshot(
        name=named.name,
        note=named.note,
        created_at=named.created_at.isoformat(timespec="seconds"),
        total=named.rows,
        model=named.about.get("model"),
        own_bytes=named.own_bytes,
    )
