"""Analyses as the API answers them: what there is at once, and what there is not is begun."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

import pyarrow as pa

from rayograph.analysis.answers import (
    AnalysisInfo,
    AnalysisList,
    ClusterList,
    ClusterPage,
    Computing,
    Decide,
    Decided,
    DecisionPage,
    DecisionResult,
    DuplicatePage,
    OutlierPage,
    SamplePage,
    Scored,
)
from rayograph.analysis.asked import (
    AnalysisKind,
    Asked,
    ClustersAsked,
    DuplicatesAsked,
    MapAsked,
    OutliersAsked,
    SampleAsked,
    asked_of,
    to_text,
)
from rayograph.catalog import Catalog, DatasetRow
from rayograph.catalog.analyses import Result, Wanted
from rayograph.catalog.analysis_data import marks_of, single_field
from rayograph.catalog.discovered import named_by
from rayograph.errors import AnalysisFailed, ModelUnavailable, NotReady
from rayograph.progress import embeds
from rayograph.schema import Coverage, ImageRecord
from rayograph_serve.clusters import cluster_of, levels_of, members
from rayograph_serve.colouring import ShelfOf, field_of
from rayograph_serve.cursors import from_cursor, to_cursor
from rayograph_serve.duplicates import Duplicates
from rayograph_serve.filters import chosen_by
from rayograph_serve.living import Living, Rows, page
from rayograph_serve.mapping import MapPart, MapSlice, sliced
from rayograph_serve.work import Work

T = TypeVar("T")
Records = Callable[[DatasetRow, list[dict[str, Any]]], list[ImageRecord]]


class Found(NamedTuple):
    """A result, and what is said of it in every answer."""

    result: Result
    said: dict[str, Any]


class Discovery:
    """Duplicates, clusters, outliers, samples and the map of any dataset.

    Nothing here waits for an analysis. A result is answered with how old it is; where there is
    none, it is begun, and the answer says how far it is.
    """

    def __init__(
        self,
        catalog: Catalog,
        work: Work,
        *,
        records: Records,
        shelf: ShelfOf,
        changed: Callable[[DatasetRow], Awaitable[None]],
    ) -> None:
        self._changed = changed
        self._catalog = catalog
        self._shelf = shelf
        self._work = work
        self._records = records
        self._living = Living()
        self._duplicates = Duplicates(catalog, self._living)

    async def duplicates(
        self, dataset_id: str, asked: DuplicatesAsked, *, limit: int, cursor: str | None, show: str
    ) -> DuplicatePage | Computing:
        row = await self._row(dataset_id)
        found = await self._find(row, asked)
        if isinstance(found, Computing):
            return found
        start = from_cursor(cursor) if cursor else 0
        some = await asyncio.to_thread(self._duplicates.page, row, found.result, start, limit, show)
        rows = await asyncio.to_thread(self._catalog.reader(row.dataset_id).records, some.ids)
        by_id = {record.id: record for record in self._records(row, rows)}
        end = start + len(some.groups)
        return DuplicatePage(
            items=self._duplicates.items(some, asked.kind, by_id),
            next_cursor=to_cursor(end) if end < some.total else None,
            total=some.total,
            images=some.images,
            threshold=asked.threshold,
            **found.said,
        )

    async def decide(self, dataset_id: str, decide: Decide) -> DecisionResult:
        """Note what somebody decided about images."""
        row = await self._row(dataset_id)
        matched = await asyncio.to_thread(self._duplicates.decide, row, decide)
        await self._changed(row)
        return DecisionResult(matched=matched)

    async def decisions(self, dataset_id: str, *, limit: int, cursor: str | None) -> DecisionPage:
        row = await self._row(dataset_id)
        start = from_cursor(cursor) if cursor else 0
        book = await asyncio.to_thread(self._catalog.analyses.decisions(row.dataset_id).read)
        total = book.table.num_rows
        items = [Decided(**one) for one in book.table.slice(start, limit).to_pylist()]
        end = start + len(items)
        after = to_cursor(end) if end < total else None
        return DecisionPage(items=items, next_cursor=after, total=total)

    async def outliers(
        self, dataset_id: str, asked: OutliersAsked, *, limit: int, cursor: str | None
    ) -> OutlierPage | Computing:
        row = await self._row(dataset_id)
        found = await self._find(row, asked)
        if isinstance(found, Computing):
            return found
        await self._noted(row, asked, found)
        return OutlierPage(**await self._scored(row, found, limit, cursor))

    async def sample(
        self, dataset_id: str, asked: SampleAsked, *, limit: int, cursor: str | None
    ) -> SamplePage | Computing:
        row = await self._row(dataset_id)
        # Checked here: a background job is no place to hear of a misspelt filter.
        chosen_by(row, asked.where)
        found = await self._find(row, asked)
        if isinstance(found, Computing):
            return found
        return SamplePage(**await self._scored(row, found, limit, cursor))

    async def clusters(self, dataset_id: str, asked: ClustersAsked) -> ClusterList | Computing:
        row = await self._row(dataset_id)
        found = await self._find(row, asked)
        if isinstance(found, Computing):
            return found
        rows = await self._alive(row, found)
        filtered = await self._noted(row, asked, found)
        levels = await asyncio.to_thread(levels_of, found.result, rows, filtered=filtered)
        return ClusterList(levels=levels, **found.said)

    async def cluster(
        self, dataset_id: str, cluster_id: str, *, seed: int, limit: int, cursor: str | None
    ) -> ClusterPage | Computing:
        """The images of one cluster."""
        row = await self._row(dataset_id)
        asked = ClustersAsked(seed=seed)
        found = await self._find(row, asked)
        if isinstance(found, Computing):
            return found
        filtered = await self._noted(row, asked, found)
        cluster = cluster_of(found.result, cluster_id, filtered=filtered)
        start = from_cursor(cursor) if cursor else 0
        rows = await self._alive(row, found)
        table, total = await asyncio.to_thread(
            members, found.result, cluster_id, rows, start, limit
        )
        end = start + table.num_rows
        return ClusterPage(
            cluster=cluster.model_copy(update={"size": total}),
            items=await self._with_records(row, table),
            next_cursor=to_cursor(end) if end < total else None,
            total=total,
            **found.said,
        )

    async def map(self, dataset_id: str, asked: MapAsked, part: MapPart) -> MapSlice | Computing:
        """Places of a part of the map."""
        row = await self._row(dataset_id)
        field = field_of(part.colour, row.own) if part.colour is not None else None
        found = await self._find(row, asked)
        if isinstance(found, Computing):
            return found
        await self._noted(row, asked, found)
        rows = await self._alive(row, found)
        shelf = await asyncio.to_thread(self._shelf, row, field) if field is not None else None
        return await asyncio.to_thread(sliced, found.result, rows, part, found.said, field, shelf)

    async def refresh(
        self, dataset_id: str, kind: AnalysisKind, parameters: dict[str, Any], *, anew: bool
    ) -> Computing:
        """Have it worked out, anew if there is a result."""
        row = await self._row(dataset_id)
        asked = asked_of(kind, parameters)
        self._possible(row, asked)
        there = await asyncio.to_thread(self._catalog.analyses.result, row.dataset_id, asked)
        if anew or there is None:
            await self._work.analyse(row.dataset_id, to_text(asked))
        return await self._computing(Wanted(row.dataset_id, asked)) or Computing()

    async def cancel(self, dataset_id: str, kind: AnalysisKind) -> None:
        row = await self._row(dataset_id)
        await self._work.cancel_analyses(row.dataset_id, kind)

    async def known(self, dataset_id: str) -> AnalysisList:
        """What was asked of a dataset so far."""
        row = await self._row(dataset_id)
        found = await asyncio.to_thread(self._catalog.analyses.wanted, row.dataset_id)
        items = [
            AnalysisInfo(
                analysis=one.asked.analysis,
                parameters=one.asked.model_dump(exclude={"analysis"}),
                state=one.state,
                error=one.error,
            )
            for one in found
        ]
        return AnalysisList(items=items)

    # -- inside -------------------------------------------------------------------------------

    async def _row(self, dataset_id: str) -> DatasetRow:
        return await asyncio.to_thread(self._catalog.dataset, dataset_id)

    async def _find(self, row: DatasetRow, asked: Asked) -> Found | Computing:
        """The result there is, or how far it is; one that nobody has asked for is begun.

        Raises:
            AnalysisFailed: it was tried, and cannot be had.
            NotReady: it was cancelled, or there is nothing to work with yet.
            ModelUnavailable: the dataset has no vectors, and will have none.
        """
        analyses = self._catalog.analyses
        wanted = Wanted(row.dataset_id, asked)
        result = await asyncio.to_thread(analyses.result, row.dataset_id, asked)
        if result is not None:
            return Found(result, await self._said(row, wanted, result))
        known = await asyncio.to_thread(analyses.find, row.dataset_id, asked)
        if known is not None and known.state == "failed":
            raise AnalysisFailed(
                known.error or "it could not be worked out",
                hint="POST to the same path tries again",
            )
        if known is not None and known.state == "cancelled":
            raise NotReady("this was cancelled", hint="POST to the same path begins again")
        running = await self._computing(wanted)
        if running is not None:
            return running
        if known is not None and known.state == "done":
            # It was finished after the first look.
            return await self._find(row, asked)
        self._possible(row, asked)
        await self._work.analyse(row.dataset_id, to_text(asked))
        return await self._computing(wanted) or Computing()

    async def _said(self, row: DatasetRow, wanted: Wanted, result: Result) -> dict[str, Any]:
        about = result.about
        reader = self._catalog.reader(row.dataset_id)
        return {
            "stale": await asyncio.to_thread(marks_of, reader) != about.marks
            or about.model_key not in (None, row.model_key),
            "coverage": Coverage(searched=about.covered, total=about.total),
            "made_at": about.made_at,
            "took_s": about.took_s,
            "model": about.model,
            "refreshing": await self._computing(wanted),
        }

    async def _computing(self, wanted: Wanted) -> Computing | None:
        said = await self._work.analysis(wanted.key)
        return None if said is None else Computing(**said)

    def _possible(self, row: DatasetRow, asked: Asked) -> None:
        """Whether there is something to work with."""
        if isinstance(asked, DuplicatesAsked) and asked.kind != "semantic":
            return
        if isinstance(asked, SampleAsked) and asked.method in ("random", "balanced"):
            if asked.by is not None:
                single_field(asked.by, row.own)
            return
        if not embeds(row):
            raise ModelUnavailable(
                f"this dataset has no vectors: {row.embed_note or 'no model'}",
                hint="GET /api/models says which models there are",
            )
        if not self._catalog.reader(row.dataset_id).counts().stage("embedding")["done"]:
            raise NotReady("no image has a vector yet", hint="try again in a moment")

    async def _scored(
        self, row: DatasetRow, found: Found, limit: int, cursor: str | None
    ) -> dict[str, Any]:
        """A page of a result that has a score for each image."""
        start, rows = from_cursor(cursor) if cursor else 0, await self._alive(row, found)
        names = ["id", "score"]
        table, total = await asyncio.to_thread(page, found.result, rows, start, limit, names)
        end = start + table.num_rows
        return {
            "items": await self._with_records(row, table),
            "next_cursor": to_cursor(end) if end < total else None,
            "total": total,
            **found.said,
        }

    async def _alive(self, row: DatasetRow, found: Found) -> Rows | None:
        """The rows of a result whose images are in sight; None: all."""
        reader = self._catalog.reader(row.dataset_id)
        return await asyncio.to_thread(self._living.rows, reader, found.result)

    async def _noted(self, row: DatasetRow, asked: Asked, found: Found) -> bool:
        """Whether a filter can name what was found; a result of an earlier version is noted now."""
        discoveries = self._catalog.discoveries(row.dataset_id)
        if await asyncio.to_thread(discoveries.lacks, asked):
            await asyncio.to_thread(discoveries.note, asked, found.result)
        return named_by(asked) is not None

    async def _with_records(self, row: DatasetRow, table: pa.Table) -> list[Scored]:
        ids, scores = table["id"].to_pylist(), table["score"].to_pylist()
        rows = await asyncio.to_thread(self._catalog.reader(row.dataset_id).records, ids)
        by_id = {record.id: record for record in self._records(row, rows)}
        # One that went a moment ago is left out.
        return [
            Scored(image=by_id[key], score=None if score is None else round(score, 6))
            for key, score in zip(ids, scores, strict=True)
            if key in by_id
        ]
