"""An Engine over virtual images: a million rows cost nothing, and a test decides every state."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from drawings import caption, picture
from said import said
from virtual_annotations import Annotated, AnnotationCalls, labelled, report
from virtual_discovery import VirtualDiscovery
from virtual_giant import Giant
from virtual_labels import VirtualLabels
from virtual_map import picked

from rayograph import ids
from rayograph.errors import (
    DatasetNotFound,
    ImageFault,
    ImageNotFound,
    NotFound,
    NotReady,
    RayographError,
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
from rayograph.sources import file_uri
from rayograph.where import FIELDS, Field, matches, parse
from rayograph_serve.engine import Command, Located, TileBytes
from tests.drawn_pyramid import DrawnPyramid
from tests.fake_engine import edited
from tests.fake_library import FakeLibrary
from tests.fake_snapshots import FakeSnapshots

SPLIT = Field("extra.split", "text", "the manifest's column split")
FAULTS = {
    "truncated": "the file ends in the middle of the picture",
    "not_an_image": "the first bytes are those of a text file",
    "too_large": "65535 x 65535 px is beyond the limit of 500 million",
    "timeout": "took longer than 20 s",
}


@dataclass
class Virtual:
    """A dataset: images ``0..listed`` are ready, then in the model, then indexed, then pending."""

    id: str
    name: str
    source: str
    total: int
    listed: int = 0
    indexed: int = 0
    ready: int = 0
    embedding: int = 0
    fail_every: int = 0
    paused: bool = False
    paused_stages: frozenset[str] = frozenset()
    error: str | None = None
    skipped: dict[str, int] = field(default_factory=dict)
    note: str | None = None
    model: str | None = None
    next_model: str | None = None
    version: int = 0
    giant: Giant | None = None
    annotations: Annotated = field(default_factory=dict)

    def failed(self, index: int) -> bool:
        return bool(self.fail_every) and index < self.indexed and index % self.fail_every == 7

    def failures(self, below: int) -> int:
        """Failed images among the first ``below``."""
        below = min(below, self.indexed)
        return (below + self.fail_every - 8) // self.fail_every if self.fail_every else 0

    def status(self, index: int) -> str:
        if self.failed(index):
            return "failed"
        if index < self.ready:
            return "ready"
        if index < self.ready + self.embedding:
            return "embedding"
        return "indexed" if index < self.indexed else "pending"


class VirtualEngine(AnnotationCalls):
    """Holds ``Virtual`` datasets; ``refuse`` makes the next command or addition fail."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.library = FakeLibrary(self._first)
        self.forget()

    def forget(self) -> None:
        """Back to an engine without datasets."""
        self.sets: dict[str, Virtual] = {}
        self.refuse: RayographError | None = None
        self.hold: threading.Event | None = None
        self.model: str | None = "ViT-B-32/test"
        self.attended: list[list[str]] = []
        self.asked = []
        self.commands: list[str] = []
        self.retried: list[Retry] = []
        self.batches: list[BatchEdit] = []
        self.requests: list[SearchRequest] = []
        self.cutoff: float | None = None
        self.discovery = VirtualDiscovery(self)
        self.labels = VirtualLabels(self)
        self.broken_search: RayographError | None = None
        self.phase: str | None = None
        self.next_total = 120
        self.edits: dict[str, ImageRecord] = {}
        self.edited: list[tuple[list[str], ImageEdit]] = []
        self.snapshots = FakeSnapshots()

    def put(self, name: str, total: int, **state: object) -> Virtual:
        key = ids.dataset_id(f"file:///{name}", name)
        made = Virtual(key, name, f"/data/{name}", total, **state)  # type: ignore[arg-type]
        self.sets[key] = made
        return made

    def put_giant(self, name: str, *, regions: int = 60, **state: object) -> Virtual:
        """One large picture by URL; ``state`` is how far its download and its pyramid are."""
        made = self.put(name, regions + 1, listed=regions + 1, indexed=regions + 1)
        made.source = f"https://pictures.example/{name}.jpg"
        made.giant = Giant(made.id, **state)  # type: ignore[arg-type]
        return made

    def change(self, made: Virtual, **state: object) -> None:
        """Move a dataset on; streams see it at their next look."""
        for key, value in state.items():
            setattr(made, key, value)
        made.version += 1

    async def _held(self) -> None:
        if self.hold is not None:
            await asyncio.to_thread(self.hold.wait, 20)
        if self.refuse is not None:
            error, self.refuse = self.refuse, None
            raise error

    def _get(self, dataset_id: str) -> Virtual:
        try:
            return self.sets[dataset_id]
        except KeyError:
            raise DatasetNotFound(f"no dataset {dataset_id}") from None

    async def add(self, new: NewDataset) -> Accepted:
        await self._held()
        name = new.name or new.source.rstrip("/").rsplit("/", 1)[-1]
        made = self.put(name, self.next_total, listed=self.next_total)
        made.source = new.source
        return Accepted(dataset_id=made.id, message=f"{name} is open")

    async def datasets(self) -> DatasetList:
        return DatasetList(items=[self._dataset(made) for made in self.sets.values()])

    async def dataset(self, dataset_id: str) -> Dataset:
        return self._dataset(self._get(dataset_id))

    def _dataset(self, made: Virtual) -> Dataset:
        done = made.ready + made.failures(made.total) >= made.total
        state = "failed" if made.error else "ready" if done else "processing"
        return Dataset(
            dataset_id=made.id,
            name=made.name,
            status=state,
            total=made.listed,
            source=made.source,
            created_at="2026-01-01T00:00:00+00:00",
            error=made.error,
            tile_id=made.giant.tile_id if made.giant else None,
            annotations=report(made.annotations),
            skipped=made.skipped,
            model=made.model or self.model,
            next_model=made.next_model,
        )

    async def change_model(self, dataset_id: str, model: str) -> Dataset:
        await self._held()
        made = self._get(dataset_id)
        self.change(made, next_model=model)
        return self._dataset(made)

    async def relocate(self, dataset_id: str, path: str) -> Dataset:
        await self._held()
        return self._dataset(self._get(dataset_id))

    async def prioritise(self, dataset_id: str, priority: Priority) -> Dataset:
        await self._held()
        return self._dataset(self._get(dataset_id))

    async def delete(self, dataset_id: str) -> None:
        await self._held()
        self._get(dataset_id)
        del self.sets[dataset_id]

    async def status(self, dataset_id: str) -> DatasetStatus:
        made = self._get(dataset_id)
        state = self._dataset(made).status
        if made.giant is not None:
            return made.giant.status(state, made.error)
        return DatasetStatus(dataset_id=made.id, status=state, started_at="2026-01-01T00:00:00")

    async def progress(self, dataset_id: str) -> Progress:
        made = self._get(dataset_id)
        failed = made.failures(made.listed)
        ready = made.ready - made.failures(made.ready)
        head = made.ready + made.embedding
        embedding = made.embedding - (made.failures(head) - made.failures(made.ready))
        indexed = max(made.indexed - head, 0) - (failed - made.failures(head))
        whole = made.listed >= made.total and made.ready >= made.listed
        return Progress(
            dataset_id=made.id,
            total=made.listed,
            pending=made.listed - failed - ready - embedding - indexed,
            indexed=indexed,
            embedding=embedding,
            ready=ready,
            failed=failed,
            status="complete" if (whole and not made.next_model) or made.error else "in_progress",
            stages=self._stages(made, ready, failed),
            bottleneck=None if whole else "embedding",
            paused=made.paused,
            error=made.error,
        )

    def _stages(self, made: Virtual, ready: int, failed: int) -> dict[str, StageProgress]:
        def stage(
            name: str, done: int, total: int, rate: float, note: str | None = None
        ) -> StageProgress:
            busy = done + failed < total
            halted = made.paused or name in made.paused_stages
            state = "paused" if halted and busy else "running" if busy else "done"
            left = (total - done - failed) / rate if state == "running" else None
            return StageProgress(
                done=done,
                failed=0,
                total=total,
                rate=rate if state == "running" else None,
                eta_s=left,
                state=state,
                note=note,
            )

        listing = stage("listing", made.listed, made.total, 84_000)
        metadata = stage("metadata", max(made.indexed - failed, 0), made.listed, 21_400)
        embedding = stage("embedding", ready, made.listed, 41.3, made.note)
        metadata.failed = failed
        listing.state = "done" if made.listed >= made.total else listing.state
        if made.error:
            listing.state = "failed"
        if made.note or self.model is None:
            embedding.state = "blocked"
            embedding.rate = embedding.eta_s = None
            embedding.note = made.note or "no model could be loaded"
        stages = {"listing": listing, "metadata": metadata, "embedding": embedding}
        if made.next_model:
            stages["reembedding"] = stage(
                "embedding", ready // 4, made.listed, 12.5, made.next_model
            )
        return stages

    async def watch(self, dataset_id: str, *, stay: bool = False) -> AsyncIterator[Progress]:
        seen = -1
        while True:
            made = self._get(dataset_id)
            if made.version != seen:
                seen = made.version
                now = await self.progress(dataset_id)
                yield now
                if now.status == "complete" and not stay:
                    return
            await asyncio.sleep(0.05)

    async def command(
        self, dataset_id: str, command: Command, stage: StageName | None = None
    ) -> Progress:
        self.commands.append(f"{command} {stage}" if stage else command)
        await self._held()
        made = self._get(dataset_id)
        if stage is not None:
            others = {name for name in made.paused_stages if name != stage}
            paused = others | {stage} if command == "pause" else others
            self.change(made, paused_stages=frozenset(paused))
        elif command in ("pause", "resume"):
            self.change(made, paused=command == "pause")
        elif command == "retry":
            self.change(made, fail_every=0, error=None)
        elif command == "rescan":
            self.change(made, error=None)
        return await self.progress(dataset_id)

    async def edit(self, image_id: str, edit: ImageEdit) -> ImageRecord:
        await self._held()
        self.edited.append(([image_id], edit))
        self.edits[image_id] = edited(self.record(*self._find(image_id)), edit)
        return self.edits[image_id]

    async def edit_many(self, dataset_id: str, batch: BatchEdit) -> BatchResult:
        self.batches.append(batch)
        items = [await self.edit(key, batch) for key in batch.ids or ()]
        matched = self._get(dataset_id).listed if batch.where is not None else len(items)
        return BatchResult(matched=matched, items=items)

    def record(self, made: Virtual, index: int) -> ImageRecord:
        kept = self.edits.get(f"{made.id}-{index:020x}")
        bare = self._bare(made, index)
        if kept is None:
            return bare
        curation = {"tags": kept.tags, "rating": kept.rating, "favorite": kept.favorite}
        return bare.model_copy(update=curation)

    def _bare(self, made: Virtual, index: int) -> ImageRecord:
        status = made.status(index)
        known = index < made.indexed and status != "failed"
        code = list(FAULTS)[(index // max(made.fail_every, 1)) % len(FAULTS)]
        record = ImageRecord(
            id=f"{made.id}-{index:020x}",
            dataset_id=made.id,
            uri=file_uri(f"{made.source}/{index // 1000:04}/IMG_{index:07}.jpg"),
            file_name=f"IMG_{index:07}.jpg",
            folder=f"{index // 1000:04}",
            size=180_000 + 911 * (index % 1000),
            mtime=1_700_000_000.0 + index,
            status=status,  # type: ignore[arg-type]
            error_code=code if status == "failed" else None,
            error=FAULTS[code] if status == "failed" else None,
            width=480 if known else None,
            height=320 if known else None,
            format="JPEG" if known else None,
            mode="RGB" if known else None,
            taken_at="2024-06-01T18:30:00" if known else None,
            caption=caption(index) if index % 3 == 0 else None,
            tags=[],
            rating=None,
            favorite=False,
            region=made.giant.region(index) if made.giant else None,
            tile_id=made.giant.tile_id if made.giant else None,
            **(said(index) if known else {}),
        )
        return labelled(record, made.annotations.get(index))

    async def retry(self, dataset_id: str, chosen: Retry) -> Progress:
        self.retried.append(chosen)
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
        made = self._get(dataset_id)
        start = int(cursor) if cursor else offset or 0
        if where is not None:
            inside = picked(where, made.listed)
            if inside is not None:
                chosen = [self.record(made, at) for at in inside[start : start + limit]]
                return ImagePage(items=chosen, next_cursor=None, total=len(inside))
            found = self._picked(made, where)
            return ImagePage(items=found[start : start + limit], next_cursor=None, total=len(found))
        end = min(start + limit, made.listed)
        items = [self.record(made, index) for index in range(start, end)]
        return ImagePage(
            items=items, next_cursor=str(end) if end < made.listed else None, total=made.listed
        )

    def _picked(self, made: Virtual, where: str) -> list[ImageRecord]:
        """By the reference, one by one: for datasets of some thousands."""
        node = parse(where)
        records = (self.record(made, index) for index in range(made.listed))
        return [record for record in records if matches(node, record.model_dump())]

    def _first(self, dataset_id: str) -> list[ImageRecord]:
        made = self._get(dataset_id)
        return [self.record(made, index) for index in range(min(made.listed, 2000))]

    async def fields(self, dataset_id: str) -> FieldList:
        self._get(dataset_id)
        held = {"folder": ["0000", "0001", "0002"], "format": ["JPEG", "PNG"]}
        held[SPLIT.name] = ["train", "val"]
        return FieldList(
            items=[
                FieldInfo(
                    name=field.name,
                    kind=field.kind,
                    about=field.about,
                    aliases=list(field.aliases),
                    values=list(field.choices) or held.get(field.name, []),
                )
                for field in (*FIELDS, SPLIT)
            ]
        )

    async def failures(
        self,
        dataset_id: str,
        *,
        limit: int,
        cursor: str | None,
        code: str | None,
        where: str | None = None,
    ) -> FailurePage:
        made = self._get(dataset_id)
        count = made.failures(made.listed)
        found = [self.record(made, 7 + n * made.fail_every) for n in range(min(count, 2000))]
        reasons = [
            FailureReason(error_code=each, count=sum(r.error_code == each for r in found))
            for each in FAULTS
        ]
        found = [record for record in found if code in (None, record.error_code)]
        start = int(cursor or 0)
        more = start + limit < len(found)
        return FailurePage(
            items=found[start : start + limit],
            next_cursor=str(start + limit) if more else None,
            total=len(found),
            reasons=[reason for reason in reasons if reason.count],
        )

    def _find(self, image_id: str) -> tuple[Virtual, int]:
        made = self.sets.get(ids.dataset_of(image_id) or "")
        index = int(image_id.rsplit("-", 1)[-1], 16)
        if made is None or index >= made.listed:
            raise ImageNotFound(f"no image {image_id}")
        return made, index

    async def image(self, image_id: str) -> ImageRecord:
        made, index = self._find(image_id)
        shapes = made.annotations.get(index, [])
        return self.record(made, index).model_copy(update={"annotations": shapes})

    async def locate(self, image_id: str) -> Located:
        made, index = self._find(image_id)
        if made.failed(index):
            raise ImageFault("cut short", fault="truncated")
        if made.giant is not None:
            path = await asyncio.to_thread(made.giant.picture, self.folder, index)
        else:
            path = await asyncio.to_thread(picture, self.folder, index)
        stat = path.stat()
        return Located(file_uri(str(path)), stat.st_size, stat.st_mtime)

    async def search(self, dataset_id: str, request: SearchRequest) -> SearchResponse:
        self.requests.append(request)
        made = self._get(dataset_id)
        if self.broken_search is not None:
            raise self.broken_search
        if not made.ready:
            raise NotReady("no vectors yet")
        hits: list[Hit] = []
        if made.giant is not None and request.text != "nothing":
            hits = [
                Hit(image=self.record(made, index), score=round(0.41 - 0.011 * place, 4))
                for place, index in enumerate(made.giant.found(request, made.ready))
            ]
        elif request.text != "nothing":
            key = request.text or request.image_id or "picture"
            start = random.Random(key).randrange(4)
            chosen = [i for i in range(start, made.ready, 4) if not made.failed(i)]
            if request.where is not None:
                picked = {record.id for record in self._picked(made, request.where)}
                chosen = [i for i in chosen if self.record(made, i).id in picked]
            hits = [self._hit(made, index, place) for place, index in enumerate(chosen)]
        coverage = Coverage(searched=made.ready, total=made.listed)
        end = request.offset + request.k
        return SearchResponse(
            items=hits[request.offset : end],
            coverage=coverage,
            took_ms=11.8,
            cutoff=self.cutoff,
            next_offset=end if len(hits) > end else None,
        )

    def _hit(self, made: Virtual, index: int, place: int) -> Hit:
        score = round(0.93 - 0.0021 * place, 4)
        return Hit(
            image=self.record(made, index),
            score=score,
            similarity=score,
            likely=None if self.cutoff is None else score >= self.cutoff,
        )

    async def attend(self, dataset_id: str, image_ids: list[str]) -> None:
        self._get(dataset_id)
        self.attended.append(image_ids)

    def _pyramid(self, tile_id: str) -> DrawnPyramid:
        for made in self.sets.values():
            if made.giant is not None and made.giant.tile_id == tile_id:
                return made.giant.pyramid
        raise NotFound(f"no pyramid {tile_id}")

    async def tile_pyramid(self, tile_id: str) -> TilePyramid:
        return self._pyramid(tile_id).pyramid()

    async def tile(self, tile_id: str, z: int, x: int, y: int, fmt: str) -> TileBytes:
        return await asyncio.to_thread(self._pyramid(tile_id).tile, z, x, y, fmt)

    async def models(self) -> ModelList:
        if self.model is None:
            return ModelList(items=[], in_use=None, reason="no model could be loaded")
        info = ModelInfo(
            name=self.model,
            available=True,
            in_use=True,
            reason="found in the local cache",
            finds="things, scenes and colours named in English",
            does_not_find="text inside pictures",
            dim=512,
        )
        other = ModelInfo(name="other/model", available=True, reason="found in the local cache")
        away = ModelInfo(name="away/model", available=False, reason="no model hub offers it")
        reason = "found in the local cache"
        return ModelList(items=[info, other, away], in_use=self.model, reason=reason)

    async def readiness(self) -> Health:
        status = "starting" if self.phase else "ready"
        return Health(status=status, version="test", uptime_s=1.0, phase=self.phase)
