"""Annotations as the API answers them, of rows of the table."""

from __future__ import annotations

from typing import Any

from rayograph.annotations.answers import Annotation, AnnotationDetails, AnnotationMap
from rayograph.annotations.sheets import shown
from rayograph.catalog import DatasetReader, DatasetRow
from rayograph.errors import NotFound

_NEEDED = ("annotations", "width", "height", "orientation")


def details(row: DatasetRow) -> AnnotationDetails:
    """A dataset's report.

    Raises:
        NotFound: it has no annotations.
    """
    if row.annotations is None:
        raise NotFound(
            f"{row.name} has no annotations",
            hint="POST /api/datasets with its path and `annotations` gives it some",
        )
    return AnnotationDetails.model_validate(row.annotations)


def of_row(data: dict[str, Any]) -> list[Annotation]:
    """The annotations of one row, px of the image as displayed."""
    return shown(*(data.get(name) for name in _NEEDED))


def of_ids(reader: DatasetReader, image_ids: list[str]) -> AnnotationMap:
    """The annotations of those of these images that have any."""
    if not image_ids or "annotations" not in reader.snapshot().schema.names:
        return AnnotationMap(items={})
    rows = reader.rows(image_ids, ["id", *_NEEDED]).to_pylist()
    found = {row["id"]: of_row(row) for row in rows}
    return AnnotationMap(items={key: each for key, each in found.items() if each})
