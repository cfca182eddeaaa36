"""Snapshots in memory, for the engines that routes and the page are tested with."""

from __future__ import annotations

from rayograph.errors import Conflict, NotFound
from rayograph.snapshots import NewSnapshot, Snapshot, SnapshotDiff, SnapshotList


class FakeSnapshots:
    """Implements ``rayograph_serve.snapshots.Snapshots``."""

    def __init__(self) -> None:
        self.items: dict[str, Snapshot] = {}
        self.restored: list[str] = []
        self.changed = {"tags": 12, "rating": 3}

    async def listed(self, dataset_id: str) -> SnapshotList:
        return SnapshotList(items=list(self.items.values())[::-1])

    async def create(self, dataset_id: str, new: NewSnapshot) -> Snapshot:
        name = new.name or f"at-{len(self.items)}"
        if name in self.items:
            raise Conflict(f"there is a snapshot {name!r}", hint="choose another name")
        self.items[name] = Snapshot(
            name=name,
            note=new.note,
            created_at="2026-01-01T00:00:00+00:00",
            total=5,
            model="fake",
            own_bytes=1_500_000,
        )
        return self.items[name]

    def _get(self, name: str) -> Snapshot:
        if name not in self.items:
            raise NotFound(f"no snapshot {name!r}")
        return self.items[name]

    async def diff(self, dataset_id: str, name: str, to: str | None) -> SnapshotDiff:
        self._get(name)
        return SnapshotDiff(
            name=name,
            to=to,
            added=2,
            removed=1,
            changed=14,
            columns=self.changed,
            model="fake",
            model_to="fake",
            ids={"added": [], "removed": [], "changed": []},
        )

    async def restore(self, dataset_id: str, name: str) -> None:
        self.restored.append(self._get(name).name)

    async def delete(self, dataset_id: str, name: str) -> None:
        del self.items[self._get(name).name]
