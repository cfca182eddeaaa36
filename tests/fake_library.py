"""A library over plain records: enough for a page that asks for facets, folders and views."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from rayograph.errors import RayographError
from rayograph.facets import (
    Facet,
    FacetList,
    FacetValue,
    Folder,
    FolderList,
    View,
    ViewChange,
    ViewList,
)
from rayograph.schema import ImageRecord
from rayograph.where import FIELDS, clauses, matches, only, parse, without
from rayograph_serve.failure_list import Form

Records = Callable[[str], Sequence[ImageRecord]]
_COUNTED = ("format", "status")


class FakeLibrary:
    """Implements ``rayograph_serve.library.Library``."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.saved: dict[str, View] = {}
        self.refuse: RayographError | None = None

    async def facets(
        self, dataset_id: str, *, where: str | None, fields: Sequence[str] | None, most: int
    ) -> FacetList:
        rows, parts = self._records(dataset_id), clauses(where)
        items = []
        for of in FIELDS:
            if of.name not in _COUNTED or (fields and of.name not in fields):
                continue
            rest = without(parts, of.name)
            found = Counter(of.of(r.model_dump()) for r in _picked(rows, rest))
            missing = found.pop(None, 0)
            facet = Facet(name=of.name, kind=of.kind, about=of.about, missing=missing, rest=rest)
            facet.values = [FacetValue(value=v, count=n) for v, n in found.most_common(most)]
            facet.clause = only(parts, of.name)
            items.append(facet)
        total = len(_picked(rows, where))
        return FacetList(items=items, total=total, of=len(rows), as_of=1, current=True)

    async def folders(
        self, dataset_id: str, *, parents: Sequence[str], where: str | None, most: int
    ) -> FolderList:
        rows = _picked(self._records(dataset_id), without(clauses(where), "folder"))
        found = Counter(row.folder.partition("/")[0] for row in rows if row.folder)
        items = [Folder(folder=f, name=f, count=n, folders=0) for f, n in sorted(found.items())]
        own = sum(row.folder == "" for row in rows)
        return FolderList(items=items[:most], own=own, total=len(rows), as_of=1, current=True)

    async def failure_list(
        self, dataset_id: str, *, form: Form, code: str | None, where: str | None
    ) -> tuple[str, Iterator[bytes]]:
        rows = [row for row in _picked(self._records(dataset_id), where) if row.error_code]
        return f"failures.{form}", (f"{row.uri}\n".encode() for row in rows)

    async def views(self, dataset_id: str) -> ViewList:
        self._records(dataset_id)
        found = [view for view in self.saved.values() if view.dataset_id == dataset_id]
        return ViewList(items=sorted(found, key=lambda view: view.name))

    async def put_view(self, dataset_id: str, view_id: str | None, view: ViewChange) -> View:
        self._records(dataset_id)
        if self.refuse is not None:
            raise self.refuse
        key = view_id or f"view{len(self.saved)}"
        self.saved[key] = View(
            view_id=key, dataset_id=dataset_id, created_at="2026-01-01", **view.model_dump()
        )
        return self.saved[key]

    async def delete_view(self, dataset_id: str, view_id: str) -> None:
        self.saved.pop(view_id, None)


def _picked(rows: Sequence[ImageRecord], where: str | None) -> list[ImageRecord]:
    node = parse(where) if where else None
    return [row for row in rows if node is None or matches(node, row.model_dump())]
