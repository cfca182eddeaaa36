"""An engine in memory, over pictures drawn in a folder: what the routes are tested with."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

from PIL import Image, ImageDraw

from rayograph import __version__, ids
from rayograph.annotations.answers import Annotation, AnnotationDetails, AnnotationMap
from rayograph.errors import (
    DatasetNotFound,
    ImageNotFound,
    InvalidRequest,
    NotFound,
    SourceNotFound,
)
from rayograph.facets import Retry
from rayograph.schema import (
    Accepted,
    BatchEdit,
    BatchResult,
    Coverage,
    Dataset,
    DatasetList,
    DatasetStatus,
    FailurePage,
    FailureReason,
    FieldInfo,
    FieldList,
    Health,
    Hit,
    ImageEdit,
    ImagePage,
    ImageRecord,
    ModelInfo,
    ModelList,
    NewDataset,
    Priority,
    Progress,
    SearchRequest,
    SearchResponse,
    StageName,
    StageProgress,
    TilePyramid,
)
from rayograph.sources import display, file_uri, local_path
from rayograph.where import matches, parse
from rayograph_serve.engine import Command, Located, TileBytes
from rayograph_serve.snapshots import Snapshots
from tests.drawn_pyramid import DrawnPyramid
from tests.fake_library import FakeLibrary
from tests.fake_snapshots import FakeSnapshots

_INKS = ("crimson", "teal", "goldenrod", "indigo", "olive", "salmon", "navy", "sienna")


def draw_pictures(folder: Path, count: int, *, side: int = 96) -> list[Path]:
    """``count`` small JPEGs, each with a disc of another colour."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        picture = Image.new("RGB", (side, side * 3 // 4), (240, 236, 228))
        box = (side // 4, side // 8, side * 3 // 4, side * 5 // 8)
        ImageDraw.Draw(picture).ellipse(box, fill=_INKS[number % len(_INKS)])
        path = folder / f"disc {number:04d}.jpg"
        picture.save(path, quality=85)
        paths.append(path)
    return paths


class FakeEngine:
    """Implements ``rayograph_serve.engine.Engine``; tests set its state directly."""

    def __init__(self) -> None:
        self.phase = "ready"
        self.attended: list[str] = []
        self.commands: list[tuple[str, str]] = []
        self.located = 0
        self.fault: Exception | None = None
        self.giants: dict[str, DrawnPyramid] = {}
        self.annotations: dict[str, list[Annotation]] = {}
        self.snapshots: Snapshots = FakeSnapshots()
        self._datasets: dict[str, Dataset] = {}
        self._records: dict[str, list[ImageRecord]] = {}
        self._changed = asyncio.Condition()
        self.library = FakeLibrary(self._rows)

    def fill(self, folder: Path, name: str = "discs") -> str:
        """Make a dataset of a folder's files at once; returns its id."""
        dataset = ids.dataset_id(file_uri(str(folder)), name)
        files = sorted(path for path in folder.rglob("*") if not path.is_dir())
        self._records[dataset] = [_record(dataset, path, folder) for path in files]
        self._datasets[dataset] = Dataset(
            dataset_id=dataset,
            name=name,
            status="processing",
            total=len(files),
            source=str(folder),
            created_at="2026-01-01T00:00:00Z",
        )
        return dataset

    async def set_status(self, dataset_id: str, status: str, count: int | None = None) -> None:
        """Put the first ``count`` images (default all) into a state and tell the watchers."""
        records = self._rows(dataset_id)
        async with self._changed:
            for place, record in enumerate(records[:count]):
                records[place] = record.model_copy(update={"status": status})
            self._changed.notify_all()

    async def add(self, new: NewDataset) -> Accepted:
        folder = Path(local_path(new.source) or new.source)
        if not folder.is_dir():  # noqa: ASYNC240 (a test's own folder)
            raise SourceNotFound(f"no folder {folder}", hint="check its name")
        dataset = self.fill(folder, new.name or folder.name)
        return Accepted(dataset_id=dataset, message=f"opening {folder}")

    async def datasets(self) -> DatasetList:
        return DatasetList(items=list(self._datasets.values()))

    async def dataset(self, dataset_id: str) -> Dataset:
        if self.fault is not None:
            raise self.fault
        if dataset_id not in self._datasets:
            raise DatasetNotFound(f"no dataset {dataset_id}")
        return self._datasets[dataset_id]

    async def change_model(self, dataset_id: str, model: str) -> Dataset:
        dataset = await self.dataset(dataset_id)
        self._datasets[dataset_id] = dataset.model_copy(update={"next_model": model})
        return self._datasets[dataset_id]

    async def relocate(self, dataset_id: str, path: str) -> Dataset:
        dataset = await self.dataset(dataset_id)
        self._datasets[dataset_id] = dataset.model_copy(update={"source": path})
        return self._datasets[dataset_id]

    async def prioritise(self, dataset_id: str, priority: Priority) -> Dataset:
        dataset = await self.dataset(dataset_id)
        self._datasets[dataset_id] = dataset.model_copy(update={"priority": priority})
        return self._datasets[dataset_id]

    async def delete(self, dataset_id: str) -> None:
        await self.dataset(dataset_id)
        del self._datasets[dataset_id], self._records[dataset_id]

    async def status(self, dataset_id: str) -> DatasetStatus:
        dataset = await self.dataset(dataset_id)
        return DatasetStatus(
            dataset_id=dataset_id,
            status=dataset.status,
            progress="indexing",
            started_at=dataset.created_at,
        )

    async def progress(self, dataset_id: str) -> Progress:
        states = Counter(record.status for record in self._rows(dataset_id))
        total = sum(states.values())
        over = states["ready"] + states["failed"]
        done = total - states["pending"] - states["failed"]
        return Progress(
            dataset_id=dataset_id,
            total=total,
            pending=states["pending"],
            indexed=states["indexed"],
            embedding=states["embedding"],
            ready=states["ready"],
            failed=states["failed"],
            status="complete" if over == total else "in_progress",
            stages={
                "listing": StageProgress(done=total, failed=0, total=total, state="done"),
                "metadata": StageProgress(done=done, failed=states["failed"], total=total),
                "embedding": StageProgress(done=states["ready"], failed=0, total=total),
            },
        )

    async def watch(self, dataset_id: str, *, stay: bool = False) -> AsyncIterator[Progress]:
        last = await self.progress(dataset_id)
        yield last
        while stay or last.status != "complete":
            async with self._changed:
                while (now := await self.progress(dataset_id)) == last:
                    await self._changed.wait()
            last = now
            yield last

    async def command(
        self, dataset_id: str, command: Command, stage: StageName | None = None
    ) -> Progress:
        progress = await self.progress(dataset_id)
        self.commands.append((dataset_id, command, *([stage] if stage else [])))
        return progress.model_copy(update={"paused": command == "pause"})

    async def retry(self, dataset_id: str, chosen: Retry) -> Progress:
        self.commands.append((dataset_id, "retry"))
        return await self.progress(dataset_id)

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
        records = _picked(self._rows(dataset_id), where)
        if sort and sort.lstrip("-") != "listed":
            name = sort.lstrip("-")
            records.sort(key=lambda record: getattr(record, name), reverse=sort[0] == "-")
        return _page(records, limit, cursor, offset)

    async def failures(
        self,
        dataset_id: str,
        *,
        limit: int,
        cursor: str | None,
        code: str | None,
        where: str | None = None,
    ) -> FailurePage:
        rows = _picked(self._rows(dataset_id), where)
        failed = [record for record in rows if record.status == "failed"]
        reasons = Counter(record.error_code or "corrupt" for record in failed)
        chosen = [record for record in failed if code in {None, record.error_code}]
        return FailurePage(
            **dict(_page(chosen, limit, cursor, None)),
            reasons=[FailureReason(error_code=c, count=n) for c, n in reasons.items()],
        )

    async def fields(self, dataset_id: str) -> FieldList:
        self._rows(dataset_id)
        info = FieldInfo(name="width", kind="number", about="px", aliases=["w"], values=[])
        return FieldList(items=[info])

    async def annotation_report(self, dataset_id: str) -> AnnotationDetails:
        report = (await self.dataset(dataset_id)).annotations
        if report is None:
            raise NotFound("no annotations")
        return AnnotationDetails(**report.model_dump())

    async def annotations_of(self, dataset_id: str, image_ids: list[str]) -> AnnotationMap:
        await self.dataset(dataset_id)
        found = {key: self.annotations.get(key, []) for key in image_ids}
        return AnnotationMap(items={key: each for key, each in found.items() if each})

    async def image(self, image_id: str) -> ImageRecord:
        dataset = ids.dataset_of(image_id) or ""
        for record in self._records.get(dataset, []):
            if record.id == image_id:
                return record
        raise ImageNotFound(f"no image {image_id}")

    async def edit(self, image_id: str, edit: ImageEdit) -> ImageRecord:
        await self.image(image_id)
        records = self._records[ids.dataset_of(image_id) or ""]
        (place,) = (at for at, record in enumerate(records) if record.id == image_id)
        records[place] = edited(records[place], edit)
        return records[place]

    async def edit_many(self, dataset_id: str, batch: BatchEdit) -> BatchResult:
        chosen = _picked(self._rows(dataset_id), batch.where)
        if batch.ids is not None:
            chosen = [record for record in chosen if record.id in batch.ids]
        items = [await self.edit(record.id, batch) for record in chosen]
        return BatchResult(matched=len(items), items=items if batch.ids is not None else [])

    async def locate(self, image_id: str) -> Located:
        self.located += 1
        record = await self.image(image_id)
        return Located(record.uri, record.size, record.mtime)

    async def search(self, dataset_id: str, request: SearchRequest) -> SearchResponse:
        records = _picked(self._rows(dataset_id), request.where)
        if request.image_base64 is not None:
            try:
                base64.b64decode(request.image_base64, validate=True)
            except binascii.Error:
                raise InvalidRequest("image_base64 is not base64") from None
        hits = [Hit(image=r, score=1 - n / len(records)) for n, r in enumerate(records)]
        coverage = Coverage(searched=len(records), total=len(records))
        return SearchResponse(items=hits[: request.k], coverage=coverage, took_ms=0.5)

    async def attend(self, dataset_id: str, image_ids: list[str]) -> None:
        self._rows(dataset_id)
        self.attended += image_ids

    async def tile_pyramid(self, tile_id: str) -> TilePyramid:
        return self._giant(tile_id).pyramid()

    async def tile(self, tile_id: str, z: int, x: int, y: int, fmt: str) -> TileBytes:
        return self._giant(tile_id).tile(z, x, y, fmt)

    def _giant(self, tile_id: str) -> DrawnPyramid:
        if tile_id not in self.giants:
            raise NotFound(f"no pyramid {tile_id}")
        return self.giants[tile_id]

    async def models(self) -> ModelList:
        info = ModelInfo(name="discs", available=True, in_use=True, reason="the only one")
        return ModelList(items=[info], in_use="discs", reason="the only one")

    async def readiness(self) -> Health:
        status = "ready" if self.phase == "ready" else "starting"
        return Health(status=status, version=__version__, uptime_s=1.0, phase=self.phase)

    def _rows(self, dataset_id: str) -> list[ImageRecord]:
        if dataset_id not in self._records:
            raise DatasetNotFound(f"no dataset {dataset_id}")
        return self._records[dataset_id]


_VALUES = {"rating", "favorite", "hidden"}


def edited(record: ImageRecord, edit: ImageEdit) -> ImageRecord:
    """The record with an edit made, as the real engine makes it."""
    given = {name: getattr(edit, name) for name in edit.model_fields_set & _VALUES}
    for name in given.keys() & {"favorite", "hidden"}:
        given[name] = bool(given[name])
    tags = [tag for tag in record.tags if tag not in edit.tags_remove]
    tags += [tag for tag in edit.tags_add if tag not in tags]
    return record.model_copy(update={**given, "tags": tags})


def _picked(records: list[ImageRecord], where: str | None) -> list[ImageRecord]:
    if where is None:
        return list(records)
    node = parse(where)
    return [record for record in records if matches(node, record.model_dump())]


def _page(
    records: list[ImageRecord], limit: int, cursor: str | None, offset: int | None
) -> ImagePage:
    if cursor is not None and not cursor.isdecimal():
        raise InvalidRequest("that cursor is not one of ours")
    start = int(cursor) if cursor else offset or 0
    end = start + limit
    following = str(end) if end < len(records) else None
    return ImagePage(items=records[start:end], next_cursor=following, total=len(records))


def _record(dataset: str, path: Path, root: Path) -> ImageRecord:
    facts = path.stat() if path.exists() else None
    uri = file_uri(str(path))
    return ImageRecord(
        id=ids.image_id(dataset, uri),
        dataset_id=dataset,
        uri=uri,
        file_name=display(path.name),
        folder=display(str(path.parent.relative_to(root))),
        size=facts.st_size if facts else None,
        mtime=facts.st_mtime if facts else None,
        status="pending",
        error_code=None,
        error=None,
        width=None,
        height=None,
        format=None,
        caption=None,
        tags=[],
        rating=None,
        favorite=False,
    )
