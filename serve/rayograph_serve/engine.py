"""What the routes call: one injected service, so that a route is tested without Ray or Serve."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from rayograph.annotations.answers import AnnotationDetails, AnnotationMap
from rayograph.facets import Retry
from rayograph.schema import (
    Accepted,
    BatchEdit,
    BatchResult,
    Dataset,
    DatasetList,
    DatasetStatus,
    FailurePage,
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
from rayograph_serve.library import Library

if TYPE_CHECKING:
    from rayograph_serve.analyses import Discovery
    from rayograph_serve.labelling import Labelled
    from rayograph_serve.snapshots import Snapshots

Command = Literal["rescan", "purge", "pause", "resume", "retry", "cancel"]


@dataclass(frozen=True, slots=True)
class Located:
    """Where an image's bytes are, and the marks that change when they do.

    ``preview`` is where a smaller picture of it is, if it is too large to be opened.
    """

    uri: str
    size: int | None
    mtime: float | None
    preview: str | None = None


@dataclass(frozen=True, slots=True)
class TileBytes:
    """One tile: its bytes, or the file that holds them."""

    data: bytes | Path
    etag: str  # without quotes; the same as long as the bytes are
    media_type: str
    final: bool = True  # False: a stand-in, to be asked for again


class Engine(Protocol):
    """Every call raises a ``RayographError`` for what the caller can mend."""

    library: Library

    @property
    def snapshots(self) -> Snapshots: ...
    async def add(self, new: NewDataset) -> Accepted: ...
    async def datasets(self) -> DatasetList: ...
    async def dataset(self, dataset_id: str) -> Dataset: ...
    async def change_model(self, dataset_id: str, model: str) -> Dataset: ...
    async def relocate(self, dataset_id: str, path: str) -> Dataset: ...
    async def prioritise(self, dataset_id: str, priority: Priority) -> Dataset: ...
    async def delete(self, dataset_id: str) -> None: ...
    async def status(self, dataset_id: str) -> DatasetStatus: ...
    async def progress(self, dataset_id: str) -> Progress: ...
    def watch(self, dataset_id: str, *, stay: bool = False) -> AsyncIterator[Progress]:
        """The progress now, then whenever it changes (at most every 500 ms), until complete; with
        ``stay`` for as long as anybody listens."""
        ...

    async def command(
        self, dataset_id: str, command: Command, stage: StageName | None = None
    ) -> Progress: ...
    async def retry(self, dataset_id: str, chosen: Retry) -> Progress: ...
    async def images(
        self,
        dataset_id: str,
        *,
        limit: int,
        cursor: str | None,
        offset: int | None,
        sort: str | None,
        where: str | None = None,
    ) -> ImagePage: ...
    async def fields(self, dataset_id: str) -> FieldList: ...
    async def failures(
        self,
        dataset_id: str,
        *,
        limit: int,
        cursor: str | None,
        code: str | None,
        where: str | None = None,
    ) -> FailurePage: ...
    async def annotation_report(self, dataset_id: str) -> AnnotationDetails:
        """Raises ``NotFound`` where a dataset has no annotations."""
        ...

    async def annotations_of(self, dataset_id: str, image_ids: list[str]) -> AnnotationMap: ...
    async def image(self, image_id: str) -> ImageRecord: ...
    async def edit(self, image_id: str, edit: ImageEdit) -> ImageRecord: ...
    async def edit_many(self, dataset_id: str, batch: BatchEdit) -> BatchResult: ...
    async def locate(self, image_id: str) -> Located: ...
    async def search(self, dataset_id: str, request: SearchRequest) -> SearchResponse: ...
    async def attend(self, dataset_id: str, image_ids: list[str]) -> None: ...
    async def tile_pyramid(self, tile_id: str) -> TilePyramid:
        """Raises ``NotFound``, or ``NotReady`` while the picture's size is not known yet."""
        ...

    async def tile(self, tile_id: str, z: int, x: int, y: int, fmt: str) -> TileBytes:
        """A tile of level ``z``, made on the spot if need be.

        Raises:
            NotFound: no such pyramid, a place outside it, or another format than its own.
            NotReady: it cannot be had yet, not even a stand-in.
        """
        ...

    @property
    def discovery(self) -> Discovery:
        """Duplicates, clusters, outliers, samples, the map."""
        ...

    @property
    def labels(self) -> Labelled:
        """Labels by words."""
        ...

    async def models(self) -> ModelList: ...
    async def readiness(self) -> Health: ...
