"""Datasets: how far they are, and how they are opened and changed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from rayograph.annotations.answers import AnnotationReport
from rayograph.schema.base import (
    Activity,
    Answer,
    DatasetState,
    Model,
    Priority,
    StageMode,
    StageName,
    TilingState,
)


class StageProgress(Answer):
    """One stage: done + failed + skipped + pending = total."""

    done: int
    failed: int
    skipped: int = 0
    total: int
    rate: float | None = Field(None, description="images a second over the last seconds")
    eta_s: float | None = Field(None, description="seconds left at that rate; null: not known")
    state: StageMode = "waiting"
    note: str | None = Field(None, description="why it waits, or what limits it")


class NextTry(Answer):
    """What storage or a network made fail, and when it is tried again by itself."""

    at: str | None = Field(description="null: no more by itself; a retry or rescan begins anew")
    images: int = Field(description="0: the source itself could not be looked at")
    tries: int = Field(description="so many of `retries.tries` by then")


class Progress(Answer):
    """A dataset's counts. The five add up to ``total`` at every moment."""

    dataset_id: str
    total: int
    pending: int
    indexed: int
    embedding: int
    ready: int
    failed: int
    status: Literal["in_progress", "complete"]
    stages: dict[str, StageProgress]
    bottleneck: str | None = Field(None, description="the stage the whole waits for")
    paused: bool = False
    error: str | None = None
    version: int = Field(0, description="grows with each change of the table")
    missing: int = Field(0, description="images whose files are gone; not part of `total`")
    hidden: int = Field(0, description="images that somebody hid; not part of `total`")
    next_try: NextTry | None = Field(None, description="null: nothing failed by what can pass")

    @property
    def counts(self) -> tuple[int, int, int, int, int]:
        return self.pending, self.indexed, self.embedding, self.ready, self.failed


class TileInfo(Answer):
    """How far a giant's pyramid is; what is not known yet is null."""

    tile_id: str
    max_zoom: int = Field(description="the level at full size; level 0 is one pixel")
    status: TilingState
    width: int | None = Field(None, description="px, as displayed: orientation applied")
    height: int | None = None
    tile_size: int | None = Field(None, description="px")
    overlap: int | None = Field(None, description="px that neighbours share on each side")
    format: str | None = Field(None, description="what the tiles' names end in")
    done_tiles: int | None = None
    total_tiles: int | None = None


class TilePyramid(TileInfo):
    """A giant's pyramid, all of its shape known."""

    width: int = Field(description="px, as displayed: orientation applied")
    height: int
    tile_size: int = Field(description="px")
    overlap: int = Field(description="px that neighbours share on each side")
    format: str = Field(description="what the tiles' names end in")
    done_tiles: int
    total_tiles: int


class Dataset(Answer):
    dataset_id: str
    name: str
    status: DatasetState
    total: int
    source: str
    description: str | None = None
    category: str | None = None
    subject: str | None = None
    model: str | None = Field(None, description="whose vectors answer searches")
    next_model: str | None = Field(None, description="whose vectors are being made, to serve next")
    model_note: str | None = Field(None, description="why the model was not changed")
    created_at: str
    error: str | None = None
    index_recall: float | None = Field(
        None, description="of the ten nearest, the share the vector index finds; null: no index"
    )
    tile_id: str | None = Field(None, description="of a giant; null: a dataset of many pictures")
    annotations: AnnotationReport | None = Field(
        None, description="where they are from and how they fit; null: there are none"
    )
    skipped: dict[str, int] = Field(
        default_factory=dict, description="what listing passed over: reason -> count"
    )
    watch_note: str | None = Field(None, description="why its folder is polled, not watched")
    disk_bytes: int | None = Field(None, description="disk a giant's download and tiles take")
    priority: Priority = Field("normal", description="who goes first at the model")


class DatasetStatus(Answer):
    dataset_id: str
    status: DatasetState
    progress: Activity | None = None
    started_at: str
    error: str | None = None
    tile_info: TileInfo | None = None
    bytes_done: int | None = Field(None, description="of a download")
    bytes_total: int | None = Field(None, description="null: the sender did not say")
    rate_bytes_s: float | None = None
    eta_s: float | None = Field(None, description="seconds left of the step in `progress`")


class NewDataset(Model):
    """``POST /api/datasets``."""

    name: str | None = Field(None, min_length=1, max_length=200)
    path: str | None = Field(None, min_length=1, max_length=4096)
    url: str | None = Field(None, min_length=1, max_length=4096)
    description: str | None = Field(None, max_length=4000)
    category: str | None = Field(None, max_length=200)
    subject: str | None = Field(None, max_length=200)
    annotations: str | None = Field(
        None, min_length=1, max_length=4096, description="a file or folder of them"
    )
    recursive: bool = True
    model: str | None = Field(None, max_length=500)

    @model_validator(mode="after")
    def _one_source(self) -> NewDataset:
        if (self.path is None) == (self.url is None):
            raise ValueError("give either path or url")
        return self

    @property
    def source(self) -> str:
        return self.path or self.url or ""


class DatasetChange(Model):
    """``PATCH /api/datasets/{id}``."""

    model: str | None = Field(
        None, min_length=1, max_length=500, description="embed with this one; the present serves on"
    )
    path: str | None = Field(
        None, min_length=1, max_length=4096, description="where its files are now: a folder or URL"
    )
    priority: Priority | None = Field(None, description="who goes first at the model")

    @model_validator(mode="after")
    def _one_change(self) -> DatasetChange:
        if sum(value is not None for value in (self.model, self.path, self.priority)) != 1:
            raise ValueError("give one of model, path or priority")
        return self


class StageChoice(Model):
    """``POST .../{pause,resume,cancel}``: one stage; without a body the whole dataset."""

    stage: StageName | None = None


class Accepted(Answer):
    """202 for a new dataset."""

    success: bool = True
    dataset_id: str
    status: DatasetState = "processing"
    message: str


class DatasetList(Answer):
    items: list[Dataset]
