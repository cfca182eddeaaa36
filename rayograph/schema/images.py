"""Images: their records, pages of them, what is asked and changed of them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from rayograph.annotations.answers import Annotation
from rayograph.schema.base import Answer, ImageStatus, Model


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
    quality: list[str] | None = Field(
        None, description="blurred, dark, bright, plain, odd, or good; null: nobody has looked yet"
    )
    sharpness: float | None = Field(None, description="how crisp its edges are, 0 to 1 and more")
    brightness: float | None = Field(None, description="mean luminance, 0 to 1")
    shadows: float | None = Field(None, description="what its darkest hundredth is darker than")
    highlights: float | None = Field(None, description="what its lightest hundredth is beyond")
    entropy: float | None = Field(None, description="bits a pixel's luminance tells, 0 to 8")
    cluster: str | None = Field(None, description="number and name of the cluster it is in")
    outlier: float | None = Field(None, description="mean distance to its nearest, 0 to 2")
    caption: str | None
    tags: list[str]
    rating: int | None
    favorite: bool
    missing: bool = Field(False, description="its file is gone; the row is kept until a purge")
    hidden: bool = Field(False, description="somebody hid its content: it is out of sight")
    region: Region | None = Field(None, description="the part of a giant this row stands for")
    tile_id: str | None = Field(None, description="the pyramid in which it can be looked at")
    labels: list[str] = Field(default_factory=list, description="classes of its annotations")
    objects: int | None = Field(None, description="how many annotations it has; null: no file says")
    extra: dict[str, Any] | None = Field(None, description="a manifest's other columns")
    annotations: list[Annotation] | None = Field(
        None, description="of a single image's record; null in pages"
    )


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


_SET_TO_VALUES = frozenset({"rating", "favorite", "hidden"})


class ImageEdit(Model):
    """``PATCH /api/images/{id}``: what is given is changed, all else stays as it is."""

    tags_add: list[Tag] = Field(default_factory=list, max_length=100)
    tags_remove: list[Tag] = Field(default_factory=list, max_length=100)
    rating: int | None = Field(None, ge=1, le=5, description="null takes it off")
    favorite: bool | None = None
    hidden: bool | None = Field(
        None, description="out of sight, with all copies of its content, until taken back"
    )

    @model_validator(mode="after")
    def _something(self) -> ImageEdit:
        if not (self.tags_add or self.tags_remove or self.model_fields_set & _SET_TO_VALUES):
            raise ValueError("give one of tags_add, tags_remove, rating, favorite or hidden")
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
    sortable: bool = Field(False, description="a listing can be sorted by it")


class FieldList(Answer):
    items: list[FieldInfo]


class FailureReason(Answer):
    error_code: str
    count: int


class FailurePage(ImagePage):
    reasons: list[FailureReason]


class Attention(Model):
    """``POST /api/datasets/{id}/attention``: what is on somebody's screen goes first."""

    image_ids: list[str] = Field(max_length=500)
