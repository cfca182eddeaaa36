"""What the API says of annotations."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from rayograph.annotations.extras import Extra

Format = Literal["coco", "yolo", "voc", "manifest"]
ReportState = Literal["waiting", "reading", "applied", "failed"]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Mask(_Answer):
    """A mask as COCO's run lengths: down the columns, beginning with what is outside."""

    size: tuple[int, int] = Field(description="height and width of the mask, px")
    counts: list[int]


class Annotation(_Answer):
    """One object in an image. Lengths are px of the image as displayed."""

    label: str | None
    supercategory: str | None = None
    box: tuple[float, float, float, float] | None = Field(
        None, description="x, y, width, height; null: it has none"
    )
    area: float | None = Field(None, description="px², as the file says")
    iscrowd: bool = False
    polygons: list[list[float]] = Field(
        default_factory=list, description="x, y, x, y ... of each part"
    )
    mask: Mask | None = None
    keypoints: list[float] = Field(
        default_factory=list, description="x, y, visibility (0: not there, 1: hidden, 2: seen) ..."
    )


class Problem(_Answer):
    """Something in an annotation file that could not be read; the rest of it was."""

    file: str
    reason: str
    line: int | None = None
    field: str | None = Field(None, description="like `annotations[12].bbox`")


class AnnotationReport(_Answer):
    """A dataset's annotations: where they are from and how they fit its images."""

    state: ReportState
    format: Format | None = None
    file: str = Field(description="the file or folder they are in")
    named: bool = Field(description="somebody named it; else it was found in the source")
    note: str | None = Field(None, description="why there are none, or what to know")
    images: int = Field(0, description="that the file is about")
    annotations: int = Field(0, description="objects read")
    labels: int = Field(0, description="different class names")
    images_matched: int = 0
    images_missing: int = Field(0, description="in the file, not in the dataset")
    images_ambiguous: int = Field(0, description="several of the dataset have that name")
    unmatched: int = Field(0, description="annotations of images the file does not know")
    broken: int = Field(0, description="entries that could not be read")
    columns: list[Extra] = Field(
        default_factory=list, description="a manifest's other columns: fields `extra.KEY`"
    )


class AnnotationDetails(AnnotationReport):
    """``GET /api/datasets/{id}/annotations``: the report, and the first of what did not fit."""

    missing: list[str] = Field(default_factory=list)
    ambiguous: list[str] = Field(default_factory=list)
    unmatched_ids: list[str] = Field(default_factory=list, description="image ids nobody knows")
    problems: list[Problem] = Field(default_factory=list)


class AnnotationsOf(BaseModel):
    """``POST /api/datasets/{id}/annotations``: of which images."""

    model_config = ConfigDict(extra="forbid")

    image_ids: list[str] = Field(max_length=500)


class AnnotationMap(_Answer):
    """Image id -> its annotations; ids without any are left out."""

    items: dict[str, list[Annotation]]
