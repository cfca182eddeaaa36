"""The real engine: reads come straight from the catalog, work goes to the actors of ``Work``."""

from __future__ import annotations

import asyncio
import base64
import binascii
import math
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from rayograph import __version__, giants, ids
from rayograph.catalog import Catalog, DatasetReader, DatasetRow
from rayograph.datasets import open_dataset
from rayograph.encoders import list_models
from rayograph.errors import ImageNotFound, InvalidRequest, ModelUnavailable, NotReady
from rayograph.progress import at_rest, embeds, status
from rayograph.schema import (
    SORT,
    Accepted,
    Coverage,
    Dataset,
    DatasetList,
    DatasetStatus,
    FailurePage,
    FailureReason,
    Health,
    Hit,
    ImagePage,
    ImageRecord,
    ModelList,
    NewDataset,
    Progress,
    SearchRequest,
    SearchResponse,
    TilePyramid,
)
from rayograph.settings import Settings
from rayograph.sources import display, local_path, open_uri
from rayograph_serve.engine import Command, Located, TileBytes
from rayograph_serve.records import record
from rayograph_serve.tiling import Tiles

T = TypeVar("T")
Vector = npt.NDArray[np.float16]
_WATCH_S = 0.5
_WATCH_PATIENCE_S = 15.0
_LOCATED_KEPT = 200_000


class Work(Protocol):
    """What happens elsewhere: pipelines, the progress board and the model."""

    async def start(self, dataset_id: str) -> None: ...
    async def command(self, dataset_id: str, command: str) -> None: ...
    async def forget(self, dataset_id: str) -> None: ...
    async def attend(self, dataset_id: str, image_ids: list[str]) -> None: ...
    async def show(self, progress: Progress) -> None:
        """Put a progress up unless there is one: whoever works on the dataset knows better."""
        ...

    async def newest(self, dataset_id: str) -> tuple[int, Progress] | None: ...
    async def wait(
        self, dataset_id: str, version: int, timeout_s: float
    ) -> tuple[int, Progress] | None: ...
    async def text(self, model: str, text: str) -> Vector: ...
    async def picture(
        self, model: str, data: bytes, box: tuple[float, float, float, float] | None
    ) -> Vector: ...


class CatalogEngine:
    """Implements ``Engine`` on a catalog and a ``Work``."""

    def __init__(self, catalog: Catalog, work: Work, settings: Settings) -> None:
        self._catalog = catalog
        self._work = work
        self._settings = settings
        self._tiles = Tiles(catalog, settings)
        self._started = time.monotonic()
        self._located: OrderedDict[str, Located] = OrderedDict()

    # -- datasets ---------------------------------------------------------------------------

    async def add(self, new: NewDataset) -> Accepted:
        row, is_new = await _thread(open_dataset, self._catalog, new, self._settings)
        progress = await self._from_table(row, active=is_new)
        if is_new:
            await self._work.show(progress)
        # Whoever registered it may have died before anybody was told to work on it.
        if progress.status == "in_progress" and not row.paused:
            await self._work.start(row.dataset_id)
        verb = "opening" if is_new else "already open"
        return Accepted(dataset_id=row.dataset_id, message=f"{verb}: {row.name}")

    async def datasets(self) -> DatasetList:
        rows = await _thread(self._catalog.datasets)
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
            created_at=row.created_at,
            error=row.error,
            tile_id=giants.id_of(row),
            skipped=row.skipped,
            disk_bytes=await _thread(giants.disk_bytes, row, self._settings),
        )

    async def delete(self, dataset_id: str) -> None:
        row = await self._row(dataset_id)
        await self._work.forget(row.dataset_id)
        for image_id in [k for k in self._located if ids.dataset_of(k) == row.dataset_id]:
            del self._located[image_id]

    async def status(self, dataset_id: str) -> DatasetStatus:
        row = await self._row(dataset_id)
        found = status(row, await self._progress(row))
        info = await _thread(giants.tile_info, row, self._settings)
        return found.model_copy(update={"tile_info": info})

    # -- progress ---------------------------------------------------------------------------

    async def progress(self, dataset_id: str) -> Progress:
        return await self._progress(await self._row(dataset_id))

    async def watch(self, dataset_id: str) -> AsyncIterator[Progress]:
        row = await self._row(dataset_id)
        progress, version = await self._progress(row), -1
        while True:
            yield progress
            if progress.status == "complete":
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

    async def command(self, dataset_id: str, command: Command) -> Progress:
        row = await self._row(dataset_id)
        await self._work.command(row.dataset_id, command)
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
        counts = await _thread(reader.counts)
        return await _thread(at_rest, row, counts, self._settings, active=active)

    # -- images -----------------------------------------------------------------------------

    async def images(
        self,
        dataset_id: str,
        *,
        limit: int,
        cursor: str | None,
        offset: int | None,
        sort: str | None,
    ) -> ImagePage:
        row = await self._row(dataset_id)
        if sort is not None and not SORT.match(sort):
            raise InvalidRequest(f"cannot sort by {sort!r}", hint="try file_name, size or -mtime")
        start = _from_cursor(cursor) if cursor else (offset or 0)
        reader = self._catalog.reader(row.dataset_id)
        rows, total = await _thread(reader.page, offset=start, limit=limit, sort=sort)
        end = start + len(rows)
        return ImagePage(
            items=self._records(row, rows),
            next_cursor=_to_cursor(end) if end < total else None,
            total=total,
        )

    async def failures(
        self, dataset_id: str, *, limit: int, cursor: str | None, code: str | None
    ) -> FailurePage:
        row = await self._row(dataset_id)
        start = _from_cursor(cursor) if cursor else 0
        reader = self._catalog.reader(row.dataset_id)
        rows, total, reasons = await _thread(reader.failures, offset=start, limit=limit, code=code)
        end = start + len(rows)
        ranked = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        return FailurePage(
            items=self._records(row, rows),
            next_cursor=_to_cursor(end) if end < total else None,
            total=total,
            reasons=[FailureReason(error_code=c, count=n) for c, n in ranked],
        )

    async def image(self, image_id: str) -> ImageRecord:
        row, reader = await self._home(image_id)
        return self._records(row, [await _thread(reader.record, image_id)])[0]

    async def locate(self, image_id: str) -> Located:
        known = self._located.get(image_id)
        if known is None:
            row, reader = await self._home(image_id)
            self._records(row, [await _thread(reader.record, image_id)])
            known = self._located[image_id]
        return known

    async def attend(self, dataset_id: str, image_ids: list[str]) -> None:
        row = await self._row(dataset_id)
        mine = [key for key in image_ids if ids.dataset_of(key) == row.dataset_id]
        await self._work.attend(row.dataset_id, mine)

    # -- search -----------------------------------------------------------------------------

    async def search(self, dataset_id: str, request: SearchRequest) -> SearchResponse:
        began = time.perf_counter()
        row = await self._row(dataset_id)
        if request.where is not None:
            raise InvalidRequest("`where` is not supported yet", hint="search without it")
        if not embeds(row):
            raise ModelUnavailable(
                f"this dataset cannot be searched: {row.embed_note or 'no model'}",
                hint="GET /api/models says which models there are",
            )
        if row.model is None:
            raise NotReady("a model is still being chosen", hint="try again in a moment")
        reader = self._catalog.reader(row.dataset_id)
        vector = await self._query(row, reader, request)
        rows, scores, searched, total = await _thread(
            reader.search, vector, k=request.k, refine=self._settings.index.refine
        )
        if not searched:
            raise NotReady("no image has a vector yet", hint="try again in a moment")
        hits = [
            Hit(image=record, score=round(score, 6))
            for record, score in zip(self._records(row, rows), scores, strict=True)
            # A vector of zeros has no direction, so no similarity either.
            if math.isfinite(score) and (request.cutoff is None or score >= request.cutoff)
        ]
        return SearchResponse(
            items=hits,
            coverage=Coverage(searched=searched, total=total),
            took_ms=round((time.perf_counter() - began) * 1000, 2),
        )

    async def _query(
        self, row: DatasetRow, reader: DatasetReader, request: SearchRequest
    ) -> npt.NDArray[np.float32]:
        model = str(row.model)
        vector: npt.NDArray[np.float32] | None = None
        if request.text is not None:
            vector = _float(await self._work.text(model, request.text))
        elif request.image_id is not None:
            vector = await self._own_vector(row, reader, request.image_id)
        elif request.image_base64 is not None:
            data = _from_base64(request.image_base64)
            vector = _float(await self._work.picture(model, data, None))
        elif request.box is not None:
            box = request.box
            located = await self.locate(box.image_id)
            data = await _thread(_read_all, located.preview or located.uri)
            corners = (box.x, box.y, box.width, box.height)
            vector = _float(await self._work.picture(model, data, corners))
        for image_id in request.more_like or ():
            more = await self._own_vector(row, reader, image_id)
            vector = more if vector is None else vector + more
        for image_id in request.less_like or ():
            vector = (0 if vector is None else vector) - 0.5 * await self._own_vector(
                row, reader, image_id
            )
        if vector is None:
            raise InvalidRequest("nothing to search for")
        return vector / max(float(np.linalg.norm(vector)), 1e-12)

    async def _own_vector(
        self, row: DatasetRow, reader: DatasetReader, image_id: str
    ) -> npt.NDArray[np.float32]:
        if ids.dataset_of(image_id) != row.dataset_id:
            raise ImageNotFound(f"no image {image_id!r} in this dataset")
        try:
            return _float(await _thread(reader.vector, image_id))
        except NotReady:
            # Not embedded yet: the picture itself still is a query.
            located = await self.locate(image_id)
            data = await _thread(_read_all, located.preview or located.uri)
            return _float(await self._work.picture(str(row.model), data, None))

    # -- tiles ------------------------------------------------------------------------------

    async def tile_pyramid(self, tile_id: str) -> TilePyramid:
        return await self._tiles.pyramid(tile_id)

    async def tile(self, tile_id: str, z: int, x: int, y: int, fmt: str) -> TileBytes:
        return await self._tiles.tile(tile_id, z, x, y, fmt)

    # -- the rest ---------------------------------------------------------------------------

    async def models(self) -> ModelList:
        return await _thread(list_models, self._settings.model)

    async def readiness(self) -> Health:
        # Whoever gets this answer has reached Serve itself; the actors queue what comes early.
        return Health(
            status="ready",
            version=__version__,
            uptime_s=round(time.monotonic() - self._started, 1),
        )

    async def _row(self, dataset_id: str) -> DatasetRow:
        return await _thread(self._catalog.dataset, dataset_id)

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
        return [record(row, data) for data in rows]


async def _thread(call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    return await asyncio.to_thread(call, *args, **kwargs)


def _float(vector: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    return np.asarray(vector, dtype=np.float32)


def _read_all(uri: str) -> bytes:
    with open_uri(uri) as file:
        return file.read()


def _to_cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(f"o{offset}".encode()).decode().rstrip("=")


def _from_cursor(cursor: str) -> int:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        if text[0] != "o" or not text[1:].isdigit():
            raise ValueError
        return int(text[1:])
    except (ValueError, IndexError, binascii.Error):
        raise InvalidRequest("this cursor is none of ours", hint="leave it out to begin") from None


def _from_base64(text: str) -> bytes:
    _, _, body = text.partition(",") if text.startswith("data:") else ("", "", text)
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("image_base64 is not base64") from None
