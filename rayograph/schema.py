"""The words of the glossary, once: the API's models and the states a row can be in.

The Arrow schemas that mirror them live in ``rayograph.catalog``; this module must stay cheap
to import, because the command line and the client use it.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from rayograph.annotations.answers import Annotation, AnnotationReport

SCHEMA_VERSION = 1

ImageStatus = Literal["pending", "indexed", "embedding", "ready", "failed"]
DatasetState = Literal["queued", "processing", "ready", "failed"]
Activity = Literal["downloading", "generating_tiles", "listing", "indexing", "embedding"]
StageMode = Literal["waiting", "running", "done", "paused", "blocked", "failed"]
TilingState = Literal["waiting", "tiling", "ready", "failed"]
SORT = re.compile(r"^-?(listed|file_name|folder|size|mtime|width|height|taken_at)$")


class StageState(IntEnum):
    """What a per-stage column holds; null in the table means PENDING."""

    PENDING = 0
    DONE = 1
    FAILED = 2
    CLAIMED = 3
    SKIPPED = 4


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """An answer: clients of an older version ignore what they do not know."""

    model_config = ConfigDict(extra="ignore")


class Region(Answer):
    """A rectangle of a giant, px of the whole picture."""

    x: int
    y: int
    width: int
    height: int


class ImageRecord(Answer):
    """One image. What is not known yet is null, never missing and never 0."""

    id: str
    dataset_id: str
    uri: str
    file_name: str
    folder: str
    size: int | None
    mtime: float | None = Field(description="seconds since 1970")
    status: ImageStatus
    error_code: str | None
    error: str | None
    width: int | None = Field(description="px, as displayed: orientation applied")
    height: int | None
    format: str | None
    mode: str | None = None
    orientation: int | None = Field(None, description="EXIF orientation, 1-8")
    taken_at: str | None = Field(None, description="EXIF time, ISO 8601, as the camera wrote it")
    camera: str | None = Field(None, description="maker and model")
    camera_make: str | None = None
    camera_model: str | None = None
    lens: str | None = None
    iso: int | None = None
    aperture: float | None = Field(None, description="f-number")
    exposure_s: float | None = None
    focal_mm: float | None = None
    latitude: float | None = Field(None, description="degrees, north is positive")
    longitude: float | None = Field(None, description="degrees, east is positive")
    altitude_m: float | None = None
    title: str | None = None
    description: str | None = None
    keywords: list[str] | None = None
    creator: str | None = None
    copyright: str | None = None
    file_rating: int | None = Field(None, description="the file's own, -1 (rejected) to 5")
    software: str | None = None
    generator: str | None = Field(None, description="the AI tool that made it")
    prompt: str | None = None
    negative_prompt: str | None = None
    model_name: str | None = Field(None, description="the model an AI tool made it with")
    model_hash: str | None = None
    seed: int | None = Field(None, description="up to 64 bits without a sign")
    steps: int | None = None
    cfg_scale: float | None = None
    sampler: str | None = None
    loras: list[str] | None = None
    parameters: str | None = Field(
        None, description="what the tool wrote, as it wrote it; in the record of one image alone"
    )
    content_hash: str | None = None
    caption: str | None
    tags: list[str]
    rating: int | None
    favorite: bool
    region: Region | None = Field(None, description="the part of a giant this row stands for")
    tile_id: str | None = Field(None, description="the pyramid in which it can be looked at")
    labels: list[str] = Field(default_factory=list, description="classes of its annotations")
    objects: int | None = Field(None, description="how many annotations it has; null: no file says")
    extra: dict[str, Any] | None = Field(None, description="a manifest's other columns")
    annotations: list[Annotation] | None = Field(
        None, description="of a single image's record; null in pages"
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
    disk_bytes: int | None = Field(None, description="disk a giant's download and tiles take")


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

    model: str = Field(
        min_length=1, max_length=500, description="embed with this one; the present serves until"
    )


class Accepted(Answer):
    """202 for a new dataset."""

    success: bool = True
    dataset_id: str
    status: DatasetState = "processing"
    message: str


class Box(Model):
    """A rectangle in an image, as shares of its width and height (0-1)."""

    image_id: str
    x: float = Field(ge=0, le=1)
    y: float = Field(ge=0, le=1)
    width: float = Field(gt=0, le=1)
    height: float = Field(gt=0, le=1)


class Weighted(Model):
    """An example, and how much it counts."""

    image_id: str
    weight: float = Field(1.0, gt=0, le=10)


SearchBy = Literal["both", "meaning", "words"]
Examples = list[str | Weighted]
Cutoff = float | Literal["auto"]


class SearchRequest(Model):
    """One of text, image_id, image_base64, image_url or box; or more_like."""

    text: str | None = Field(None, min_length=1, max_length=1000)
    image_id: str | None = None
    image_base64: str | None = Field(None, max_length=40_000_000)
    image_url: str | None = Field(None, max_length=4096, pattern="^https?://")
    box: Box | None = None
    more_like: Examples | None = Field(None, max_length=64)
    less_like: Examples | None = Field(None, max_length=64)
    by: SearchBy = Field(
        "both", description="what a text is compared with: pictures, their words, or both"
    )
    where: str | None = Field(None, max_length=2000)
    k: int = Field(50, ge=1, le=1000)
    offset: int = Field(0, ge=0, le=10_000, description="how many of the best to pass over")
    cutoff: Cutoff | None = Field(
        None, description="the least similarity, -1 to 1; auto: what is unusual in this dataset"
    )

    @field_validator("cutoff")
    @classmethod
    def _cosine(cls, cutoff: Cutoff | None) -> Cutoff | None:
        if isinstance(cutoff, float) and not -1 <= cutoff <= 1:
            raise ValueError("give a similarity from -1 to 1, or auto")
        return cutoff

    @model_validator(mode="after")
    def _one_query(self) -> SearchRequest:
        given = [self.text, self.image_id, self.image_base64, self.image_url, self.box]
        count = sum(value is not None for value in given)
        if count > 1 or (count == 0 and not self.more_like):
            raise ValueError(
                "give one of text, image_id, image_base64, image_url, box or more_like"
            )
        if self.by == "words" and self.text is None:
            raise ValueError("by words needs a text")
        return self


class Hit(Answer):
    image: ImageRecord
    score: float = Field(
        description="what the order follows: the similarity, or with `word_rank`s among the hits"
        " the fused ranks, 0 to 1"
    )
    similarity: float | None = Field(None, description="cosine, -1 to 1; null: no vector yet")
    word_rank: int | None = Field(
        None, description="rank, from 1, among those with all the words in caption or path"
    )
    likely: bool | None = Field(
        None, description="at or above `cutoff`, or found by its words; null: not known"
    )


class Coverage(Answer):
    searched: int
    total: int


class SearchResponse(Answer):
    items: list[Hit]
    coverage: Coverage
    took_ms: float
    model: str | None = Field(None, description="whose vectors were compared")
    cutoff: float | None = Field(
        None, description="the similarity that is unusual in this dataset; null: not known"
    )
    next_offset: int | None = Field(None, description="where the next page begins; null: the end")


class ImagePage(Answer):
    items: list[ImageRecord]
    next_cursor: str | None
    total: int


Tag = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$"
    ),
]
BATCH_SHOWN = 1000


class ImageEdit(Model):
    """``PATCH /api/images/{id}``: what is given is changed, all else stays as it is."""

    tags_add: list[Tag] = Field(default_factory=list, max_length=100)
    tags_remove: list[Tag] = Field(default_factory=list, max_length=100)
    rating: int | None = Field(None, ge=1, le=5, description="null takes it off")
    favorite: bool | None = None

    @model_validator(mode="after")
    def _something(self) -> ImageEdit:
        if not (
            self.tags_add or self.tags_remove or self.model_fields_set & {"rating", "favorite"}
        ):
            raise ValueError("give one of tags_add, tags_remove, rating or favorite")
        return self


class BatchEdit(ImageEdit):
    """``POST /api/datasets/{id}/images/batch``: the same for many, by ids or by a filter."""

    ids: list[str] | None = Field(None, max_length=10_000)
    where: str | None = Field(None, max_length=2000)

    @model_validator(mode="after")
    def _one_choice(self) -> BatchEdit:
        if (self.ids is None) == (self.where is None):
            raise ValueError("give either ids or where")
        return self


class BatchResult(Answer):
    matched: int = Field(description="how many images the edit was about")
    items: list[ImageRecord] = Field(
        default_factory=list, description="the new records of the first 1,000 ids"
    )


class FieldInfo(Answer):
    """A field that a ``where`` can name."""

    name: str
    kind: str = Field(description="what can be asked of it: docs/where.md")
    about: str
    aliases: list[str]
    values: list[str] = Field(description="what it holds here, most frequent first; empty: a lot")


class FieldList(Answer):
    items: list[FieldInfo]


class FailureReason(Answer):
    error_code: str
    count: int


class FailurePage(ImagePage):
    reasons: list[FailureReason]


class DatasetList(Answer):
    items: list[Dataset]


class Attention(Model):
    """``POST /api/datasets/{id}/attention``: what is on somebody's screen goes first."""

    image_ids: list[str] = Field(max_length=500)


class ModelInfo(Answer):
    name: str
    available: bool
    in_use: bool = False
    reason: str = Field(description="why it is in use, or why it cannot be")
    finds: str = ""
    does_not_find: str = ""
    dim: int | None = None


class ModelList(Answer):
    items: list[ModelInfo]
    in_use: str | None
    reason: str


class Health(Answer):
    status: str
    version: str
    uptime_s: float
    phase: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)
