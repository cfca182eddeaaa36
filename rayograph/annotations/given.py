"""Annotations as they come with a source: named, found, or named anew for a dataset there is."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rayograph.annotations.answers import AnnotationReport
from rayograph.annotations.found import Found, find
from rayograph.errors import InvalidRequest, SourceError
from rayograph.sources import Source, local_path

if TYPE_CHECKING:
    from rayograph.catalog import Catalog, DatasetRow


def with_annotations(source: Source, text: str) -> Source:
    """The source with the annotations somebody names.

    Raises:
        SourceError: they do not exist, or are none that can be read.
        InvalidRequest: a giant has none.
    """
    if source.is_giant:
        raise InvalidRequest("one huge picture has no annotations", hint="leave them out")
    place = local_path(text) or text
    if "://" not in place:
        place = os.path.abspath(os.path.expanduser(place))  # noqa: PTH100, PTH111 (bytes survive)
    source = replace(source, annotations=place)
    find(source)
    return source


def waiting(source: Source) -> dict[str, Any] | None:
    """What the registry says of annotations nobody has read yet; None: there are none."""
    try:
        found = find(source)
    except (SourceError, OSError):
        return None
    return about(found, "waiting") if found is not None else None


def about(found: Found, state: str, **more: Any) -> dict[str, Any]:
    """A report as the registry keeps it."""
    return {"state": state, "format": found.form, "file": found.shown, "named": found.named} | more


def annotated_anew(catalog: Catalog, row: DatasetRow, place: str | None) -> DatasetRow:
    """A dataset with annotations named for it now; its run reads them again where they changed."""
    if place is None:
        return row
    source = replace(row.source, annotations=place)
    # With the fingerprint of what was applied: the run does not read the same files again.
    report = (row.annotations or {}) | (waiting(source) or {})
    return catalog.update(row.dataset_id, source=source, annotations=report or None)


def report_of(row: DatasetRow) -> AnnotationReport | None:
    """A dataset's report without the names of what did not fit."""
    return None if row.annotations is None else AnnotationReport.model_validate(row.annotations)
