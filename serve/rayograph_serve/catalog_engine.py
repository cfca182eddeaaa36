"""The real engine: reads come straight from the catalog, work goes to the actors of ``Work``."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Any, TypeVar

from rayograph import __version__, giants, ids
from rayograph.annotations.answers import AnnotationDetails, AnnotationMap
from rayograph.annotations.given import report_of
from rayograph.catalog import Catalog, DatasetReader, DatasetRow
from rayograph.datasets import open_dataset
from rayograph.encoders import choose_model, list_models
from rayograph.errors import ImageNotFound, InvalidRequest, NotReady
from rayograph.facets import Retry
from rayograph.progress import at_rest, status
from rayograph.schema import (
    BATCH_SHOWN,
    Accepted,
    BatchEdit,
    BatchResult,
    Dataset,
    DatasetList,
    DatasetStatus,
    FailurePage,
    FailureReason,
    FieldList,
    Health,
    ImageEdit,
    ImagePage,
    ImageRecord,
    ModelList,
    NewDataset,
    Priority,
    Progress,
    SearchRequest,
    SearchResponse,
    StageName,
    TilePyramid,
)
from rayograph.settings import Settings
from rayograph.sources import display, local_path, resolve
from rayograph.where import quoted
from rayograph.where.sorting import sort_for
from rayograph_serve import annotated
from rayograph_serve.analyses import Discovery
from rayograph_serve.catalog_library import CatalogLibrary
from rayograph_serve.cursors import from_cursor, from_mark_cursor, next_cursor, to_cursor
from rayograph_serve.editing import Editing
from rayograph_serve.engine import Command, Located, TileBytes
from rayograph_serve.filters import chosen_by, described
from rayograph_serve.labelling import Labelled
from rayograph_serve.library import Library
from rayograph_serve.records import record_of
from rayograph_serve.searching import Searcher
from rayograph_serve.snapshots import CatalogSnapshots, Snapshots
from rayograph_serve.tiling import Tiles
from rayograph_serve.work import Work

T = TypeVar("T")
_WATCH_S = 0.5
_WATCH_PATIENCE_S = 15.0
_LOCATED_KEPT = 200_000


class CatalogEngine:
    """Implements ``Engine`` on a catalog and a ``Work``."""

    def __init__(self, catalog: Catalog, work: Work, settings: Settings) -> None:
        self._catalog = catalog
        self._work = work
        self._settings = settings
        self._tiles = Tiles(catalog, settings)
        self._started = time.monotonic()
        self._located: OrderedDict[str, Located] = OrderedDict()
        self._searcher = Searcher(
            catalog, work, settings, locate=self.locate, records=self._records
        )
        self._editing = Editing(catalog, settings)
        library = CatalogLibrary(catalog)
        self.library: Library = library
        self.discovery = Discovery(
            catalog, work, records=self._records, shelf=library.shelf, changed=self._changed
        )
        self.labels = Labelled(catalog, work)
        self.snapshots: Snapshots = CatalogSnapshots(catalog, work)

    # -- datasets ---------------------------------------------------------------------------

    async def add(self, new: NewDataset) -> Accepted:
        row, is_new = await asyncio.to_thread(open_dataset, self._catalog, new, self._settings)
        progress = await self._from_table(row, active=is_new)
        if is_new:
            await self._work.show(progress)
        elif new.model is not None:
            await self._change_model(row, new.model)
        # Whoever registered it may have died before anybody was told to work on it.
        if progress.status == "in_progress" and not row.paused:
            await self._work.start(row.dataset_id)
        verb = "opening" if is_new else "already open"
        return Accepted(dataset_id=row.dataset_id, message=f"{verb}: {row.name}")

    async def datasets(self) -> DatasetList:
        rows = await asyncio.to_thread(self._catalog.datasets)
        return DatasetList(items=[await self._dataset(row) for row in rows])

    async def dataset(self, dataset_id: str) -> Dataset:
        return await self._dataset(await self._row(dataset_id))

    async def _dataset(self, row: DatasetRow) -> Dataset:
        progress = await self._progress(row)
        return Dataset(
            dataset_id=row.dataset_id,
            name=row.name,
            status=status(row, progress).status,
            total=progress.total,
            source=display(local_path(row.source.uri) or row.source.uri),
            description=row.description,
            category=row.category,
            subject=row.subject,
            model=row.model,
            next_model=row.next_model,
            model_note=row.model_note,
            index_recall=row.index_recall,
            created_at=row.created_at,
            error=row.error,
            tile_id=giants.id_of(row),
            annotations=report_of(row),
            skipped=row.skipped,
            watch_note=row.watch_note,
            priority=row.priority,
            disk_bytes=await asyncio.to_thread(giants.disk_bytes, row, self._settings),
        )

    async def delete(self, dataset_id: str) -> None:
        row = await self._row(dataset_id)
        await self._work.forget(row.dataset_id)
        for image_id in [k for k in self._located if ids.dataset_of(k) == row.dataset_id]:
            del self._located[image_id]

    async def status(self, dataset_id: str) -> DatasetStatus:
        row = await self._row(dataset_id)
        found = status(row, await self._progress(row))
        info = await asyncio.to_thread(giants.tile_info, row, self._settings)
        return found.model_copy(update={"tile_info": info})

    # -- progress ---------------------------------------------------------------------------

    async def progress(self, dataset_id: str) -> Progress:
        return await self._progress(await self._row(dataset_id))

    async def watch(self, dataset_id: str, *, stay: bool = False) -> AsyncIterator[Progress]:
        row = await self._row(dataset_id)
        progress, version = await self._progress(row), -1
        while True:
            yield progress
            if progress.status == "complete" and not stay:
                return
            sent_at, newer = time.monotonic(), None
            while newer is None:
                found = await self._work.wait(row.dataset_id, version, _WATCH_PATIENCE_S)
                if found is None:
                    # The board was started anew, or the dataset is gone: ask the table.
                    found = (-1, await self._from_table(await self._row(dataset_id), active=True))
                    # So that the next wait is one.
                    await self._work.show(found[1])
                version = found[0]
                newer = found[1] if found[1] != progress else None
            await asyncio.sleep(max(0.0, _WATCH_S - (time.monotonic() - sent_at)))
            latest = await self._work.newest(row.dataset_id)
            version, progress = latest if latest is not None else (version, newer)

    async def command(
        self, dataset_id: str, command: Command, stage: StageName | None = None
    ) -> Progress:
        row = await self._row(dataset_id)
        if command == "cancel" and stage not in (None, "embedding"):
            raise InvalidRequest(
                f"{stage} cannot be cancelled alone: what comes after needs it",
                hint="pause it, or cancel the whole dataset",
            )
        await self._work.command(row.dataset_id, command, *([] if stage is None else [stage]))
        return await self._progress(await self._row(dataset_id))

    async def retry(self, dataset_id: str, chosen: Retry) -> Progress:
        row = await self._row(dataset_id)
        where = chosen.where if chosen.code is None else f"failed={quoted(chosen.code)}"
        # What makes no sense is refused here, before any work is stopped for it.
        chosen_by(row, where)
        await self._work.retry(row.dataset_id, where, chosen.ids, chosen.stage)
        return await self._progress(await self._row(dataset_id))

    async def _progress(self, row: DatasetRow) -> Progress:
        newest = await self._work.newest(row.dataset_id)
        if newest is not None:
            return newest[1]
        progress = await self._from_table(row, active=False)
        await self._work.show(progress)
        return progress

    async def _from_table(self, row: DatasetRow, *, active: bool) -> Progress:
        reader = self._catalog.reader(row.dataset_id)
        counts = await asyncio.to_thread(reader.counts)
        return await asyncio.to_thread(at_rest, row, counts, self._settings, active=active)

    # -- images -----------------------------------------------------------------------------

    async def images(
        self,
        dataset_id: str,
        *,
        limit: int,
        cursor: str | None,
        offset: int | None,
        sort: str | None,
        where: str | None = None,
    ) -> ImagePage:
        row = await self._row(dataset_id)
        order = sort_for(sort, row.own)
        start = from_mark_cursor(cursor, order.name) if cursor else (offset or 0)
        read, chosen = self._catalog.reader(row.dataset_id).page_from, chosen_by(row, where)
        page = await asyncio.to_thread(read, start, limit=limit, sort=order, where=chosen)
        items = self._records(row, page.rows)
        return ImagePage(items=items, next_cursor=next_cursor(page, items, order), total=page.total)

    async def failures(
        self,
        dataset_id: str,
        *,
        limit: int,
        cursor: str | None,
        code: str | None,
        where: str | None = None,
    ) -> FailurePage:
        row = await self._row(dataset_id)
        start = from_cursor(cursor) if cursor else 0
        failures, chosen = self._catalog.reader(row.dataset_id).failures, chosen_by(row, where)
        rows, total, reasons = await asyncio.to_thread(
            failures, offset=start, limit=limit, code=code, where=chosen
        )
        end = start + len(rows)
        ranked = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        return FailurePage(
            items=self._records(row, rows),
            next_cursor=to_cursor(end) if end < total else None,
            total=total,
            reasons=[FailureReason(error_code=c, count=n) for c, n in ranked],
        )

    async def fields(self, dataset_id: str) -> FieldList:
        row = await self._row(dataset_id)
        reader = self._catalog.reader(row.dataset_id)
        return FieldList(items=await asyncio.to_thread(described, row, reader))

    async def image(self, image_id: str) -> ImageRecord:
        row, reader = await self._home(image_id)
        data = await asyncio.to_thread(reader.record, image_id)
        shapes = await asyncio.to_thread(annotated.of_row, data)
        return self._records(row, [data])[0].model_copy(update={"annotations": shapes})

    async def annotation_report(self, dataset_id: str) -> AnnotationDetails:
        return annotated.details(await self._row(dataset_id))

    async def annotations_of(self, dataset_id: str, image_ids: list[str]) -> AnnotationMap:
        row = await self._row(dataset_id)
        mine = [key for key in image_ids if ids.dataset_of(key) == row.dataset_id]
        return await asyncio.to_thread(annotated.of_ids, self._catalog.reader(row.dataset_id), mine)

    async def edit(self, image_id: str, edit: ImageEdit) -> ImageRecord:
        row, _ = await self._home(image_id)
        if not await asyncio.to_thread(self._editing.of_ids, row, edit, [image_id]):
            await self.image(image_id)
            raise NotReady("its content has not been read yet", hint="try again later")
        await self._hid(row, edit)
        return await self.image(image_id)

    async def _hid(self, row: DatasetRow, edit: ImageEdit) -> None:
        if "hidden" in edit.model_fields_set:
            await self._changed(row)

    async def _changed(self, row: DatasetRow) -> None:
        """Tell how many images are in sight now; who is at work on them tells it soon anyway."""
        await self._work.amend(await self._from_table(row, active=False))

    async def edit_many(self, dataset_id: str, batch: BatchEdit) -> BatchResult:
        row = await self._row(dataset_id)
        if batch.where is not None:
            chosen = chosen_by(row, batch.where)
            matched = await asyncio.to_thread(self._editing.of, row, batch, chosen)
            await self._hid(row, batch)
            return BatchResult(matched=matched)
        mine = [key for key in batch.ids or () if ids.dataset_of(key) == row.dataset_id]
        matched = await asyncio.to_thread(self._editing.of_ids, row, batch, mine)
        await self._hid(row, batch)
        rows = await asyncio.to_thread(
            self._catalog.reader(row.dataset_id).records, mine[:BATCH_SHOWN]
        )
        return BatchResult(matched=matched, items=self._records(row, rows))

    async def locate(self, image_id: str) -> Located:
        known = self._located.get(image_id)
        if known is None:
            row, reader = await self._home(image_id)
            self._records(row, [await asyncio.to_thread(reader.record, image_id)])
            known = self._located[image_id]
        return known

    async def attend(self, dataset_id: str, image_ids: list[str]) -> None:
        row = await self._row(dataset_id)
        mine = [key for key in image_ids if ids.dataset_of(key) == row.dataset_id]
        await self._work.attend(row.dataset_id, mine)

    # -- search and models --------------------------------------------------------------------

    async def search(self, dataset_id: str, request: SearchRequest) -> SearchResponse:
        return await self._searcher.search(await self._row(dataset_id), request)

    async def change_model(self, dataset_id: str, model: str) -> Dataset:
        row = await self._row(dataset_id)
        await self._change_model(row, model)
        return await self._dataset(await self._row(row.dataset_id))

    async def relocate(self, dataset_id: str, path: str) -> Dataset:
        row = await self._row(dataset_id)
        source = await asyncio.to_thread(resolve, path, recursive=row.source.recursive)
        if source.kind != row.source.kind or row.source.is_giant:
            raise InvalidRequest(f"this dataset's source is no {source.kind}")
        await self._work.relocate(row.dataset_id, source)
        return await self._dataset(await self._row(row.dataset_id))

    async def prioritise(self, dataset_id: str, priority: Priority) -> Dataset:
        row = await self._row(dataset_id)
        await self._work.command(row.dataset_id, "prioritise", priority)
        return await self._dataset(await self._row(row.dataset_id))

    async def _change_model(self, row: DatasetRow, wanted: str) -> None:
        """Have the dataset embedded with ``wanted``, unless it is or is about to be.

        Raises:
            ModelUnavailable: it cannot be had.
        """
        choice = await asyncio.to_thread(choose_model, wanted)
        if choice.name is None:
            raise InvalidRequest(f"{wanted!r} is no model", hint="GET /api/models lists them")
        if choice.name != (row.next_model or row.model):
            await self._work.change_model(row.dataset_id, choice.name)

    # -- tiles ------------------------------------------------------------------------------

    async def tile_pyramid(self, tile_id: str) -> TilePyramid:
        return await self._tiles.pyramid(tile_id)

    async def tile(self, tile_id: str, z: int, x: int, y: int, fmt: str) -> TileBytes:
        return await self._tiles.tile(tile_id, z, x, y, fmt)

    # -- the rest ---------------------------------------------------------------------------

    async def models(self) -> ModelList:
        return await asyncio.to_thread(list_models, self._settings.model)

    async def readiness(self) -> Health:
        # Whoever gets this answer has reached Serve itself; the actors queue what comes early.
        return Health(
            status="ready",
            version=__version__,
            uptime_s=round(time.monotonic() - self._started, 1),
        )

    async def _row(self, dataset_id: str) -> DatasetRow:
        return await asyncio.to_thread(self._catalog.dataset, dataset_id)

    async def _home(self, image_id: str) -> tuple[DatasetRow, DatasetReader]:
        dataset_id = ids.dataset_of(image_id)
        if dataset_id is None:
            raise ImageNotFound(f"no image {image_id[:80]!r}")
        row = await self._row(dataset_id)
        return row, self._catalog.reader(row.dataset_id)

    def _records(self, row: DatasetRow, rows: list[dict[str, Any]]) -> list[ImageRecord]:
        preview = giants.preview_of(row, self._settings)
        for data in rows:
            whole = preview if data.get("region") is None else None
            self._located[data["id"]] = Located(data["uri"], data["size"], data["mtime"], whole)
        while len(self._located) > _LOCATED_KEPT:
            self._located.popitem(last=False)
        return [record_of(row, data) for data in rows]
