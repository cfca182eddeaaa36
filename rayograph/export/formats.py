"""The formats there are; cheap to import, because the client asks it what it will get."""

from __future__ import annotations

from dataclasses import dataclass

from rayograph.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Args:
        images: whether it holds the image files; None: as asked for.
        table: every row is in it, failed ones too.
    """

    name: str
    about: str
    images: bool | None
    table: bool = False


FORMATS = {
    form.name: form
    for form in (
        Format("csv", "a table for spreadsheets", images=False, table=True),
        Format("jsonl", "a JSON object a line", images=False, table=True),
        Format("parquet", "a typed table for pandas, DuckDB, Polars", images=False, table=True),
        Format("coco", "annotations.json, with or without the images", images=None),
        Format("yolo", "images, labels and data.yaml", images=True),
        Format("voc", "Pascal VOC: images and XML", images=True),
        Format("folder", "the images in their folders, and a table", images=True),
        Format("huggingface", "a folder that the datasets library loads", images=True),
        Format("webdataset", "tar shards for training", images=True),
    )
}


def with_images(form: str, images: bool | None) -> bool:
    """Whether an export holds the image files.

    Raises:
        InvalidRequest: there is no such format, or it cannot be had that way.
    """
    known = FORMATS.get(form)
    if known is None:
        raise InvalidRequest(f"unknown format {form[:40]!r}", hint=f"known: {', '.join(FORMATS)}")
    if images is not None and known.images is not None and images != known.images:
        word = "always" if known.images else "never"
        raise InvalidRequest(f"{form} {word} holds the images", hint="leave `images` out")
    return bool(images if known.images is None else known.images)


def is_one_file(form: str, images: bool | None) -> bool:
    """Whether an export is one file rather than a folder."""
    return FORMATS[form].table or (form == "coco" and not with_images(form, images))
