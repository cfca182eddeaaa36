"""Duplicates, clusters and outliers of virtual images: as many looks as a test says until there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from virtual_map import sliced

from rayograph.analysis.answers import (
    Cluster,
    ClusterLevel,
    ClusterList,
    ClusterPage,
    Computing,
    Decide,
    DecisionResult,
    DuplicateGroup,
    DuplicateImage,
    DuplicatePage,
    OutlierPage,
    SamplePage,
    Scored,
)
from rayograph.errors import RayographError
from rayograph.schema import Coverage, ImageRecord
from rayograph_serve.mapping import MapPart, MapSlice

if TYPE_CHECKING:
    from virtual_engine import VirtualEngine

GROUPS = 45


class VirtualDiscovery:
    """``looks`` answers say that it is still being worked out; ``refuse`` refuses a decision."""

    def __init__(self, engine: VirtualEngine) -> None:
        self.engine = engine
        self.looks = 0
        self.stale = False
        self.refuse: RayographError | None = None
        self.no_map: RayographError | None = None
        self.cancelled: list[str] = []
        self.sampled: list[dict[str, Any]] = []
        self.groups = GROUPS
        self.decided: list[Decide] = []
        self.refreshed: list[tuple[str, dict[str, Any]]] = []

    def _working(self) -> Computing | None:
        self.looks -= 1
        return Computing(stage="comparing", done=1, total=4) if self.looks >= 0 else None

    def _said(self, total: int) -> dict[str, Any]:
        return {
            "stale": self.stale,
            "coverage": Coverage(searched=total - 1, total=total),
            "made_at": "2026-01-01T00:00:00Z",
            "took_s": 1.0,
        }

    async def _records(self, dataset_id: str, start: int, count: int) -> list[ImageRecord]:
        page = await self.engine.images(
            dataset_id, limit=count, cursor=None, offset=start, sort=None
        )
        return page.items

    async def duplicates(
        self, dataset_id: str, asked: Any, *, limit: int, cursor: str | None, show: str
    ) -> DuplicatePage | Computing:
        if (working := self._working()) is not None:
            return working
        start = int(cursor or 0)
        groups = []
        for number in range(start, min(start + limit, self.groups)):
            found = await self._records(dataset_id, 2 * number, 2)
            images = [DuplicateImage(image=one, distance=n) for n, one in enumerate(found)]
            best = found[0].id
            groups.append(
                DuplicateGroup(
                    group_id=number,
                    kind=asked.kind,
                    size=2,
                    best=best,
                    reason="most pixels",
                    images=images,
                )
            )
        end = start + len(groups)
        return DuplicatePage(
            items=groups,
            next_cursor=str(end) if end < self.groups else None,
            total=self.groups,
            images=2 * self.groups,
            **self._said(100),
        )

    async def decide(self, dataset_id: str, decide: Decide) -> DecisionResult:
        if self.refuse is not None:
            raise self.refuse
        self.decided.append(decide)
        return DecisionResult(matched=1)

    async def refresh(
        self, dataset_id: str, kind: str, parameters: dict[str, Any], *, anew: bool
    ) -> Computing:
        self.refreshed.append((kind, parameters))
        self.stale = False
        return Computing()

    async def clusters(self, dataset_id: str, asked: Any) -> ClusterList | Computing:
        if (working := self._working()) is not None:
            return working
        examples = [one.id for one in await self._records(dataset_id, 0, 6)]
        cluster = Cluster(
            cluster_id="0-0",
            name="sky, sea",
            words=["sky", "sea"],
            size=300,
            parent=None,
            examples=examples,
            spread=0.1,
        )
        levels = [ClusterLevel(level=0, clusters=[cluster])]
        return ClusterList(levels=levels, **self._said(100))

    async def cluster(
        self, dataset_id: str, cluster_id: str, *, seed: int, limit: int, cursor: str | None
    ) -> ClusterPage:
        found = await self.clusters(dataset_id, None)
        assert isinstance(found, ClusterList)
        body = await self._scored(dataset_id, limit, cursor)
        return ClusterPage(cluster=found.levels[0].clusters[0], **body)

    async def outliers(
        self, dataset_id: str, asked: Any, *, limit: int, cursor: str | None
    ) -> OutlierPage:
        return OutlierPage(**await self._scored(dataset_id, limit, cursor))

    async def sample(
        self, dataset_id: str, asked: Any, *, limit: int, cursor: str | None
    ) -> SamplePage | Computing:
        if (working := self._working()) is not None:
            return working
        self.sampled.append(asked.model_dump(exclude={"analysis"}, exclude_none=True))
        return SamplePage(**await self._scored(dataset_id, limit, cursor))

    async def map(self, dataset_id: str, asked: Any, part: MapPart) -> MapSlice | Computing:
        if self.no_map is not None:
            raise self.no_map
        if (working := self._working()) is not None:
            return working
        count = self.engine.sets[dataset_id].listed
        said = {**self._said(count), "refreshing": None, "model": None}
        return await asyncio.to_thread(sliced, dataset_id, count, part, said)

    async def cancel(self, dataset_id: str, kind: str) -> None:
        self.cancelled.append(kind)

    async def _scored(self, dataset_id: str, limit: int, cursor: str | None) -> dict[str, Any]:
        start = int(cursor or 0)
        records = await self._records(dataset_id, start, min(limit, 300 - start))
        end = start + len(records)
        items = [Scored(image=one, score=0.25) for one in records]
        after = str(end) if end < 300 else None
        return {"items": items, "next_cursor": after, "total": 300, **self._said(300)}
