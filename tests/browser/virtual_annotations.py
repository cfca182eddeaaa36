"""What a virtual dataset's annotation file would say: a test writes it as a dict of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayograph.annotations.answers import (
    Annotation,
    AnnotationDetails,
    AnnotationMap,
    AnnotationReport,
)
from rayograph.errors import NotFound
from rayograph.schema import ImageRecord

if TYPE_CHECKING:
    from virtual_engine import Virtual

Annotated = dict[int, list[Annotation]]


def report(rows: Annotated) -> AnnotationReport | None:
    """A dataset's report; None without annotations."""
    if not rows:
        return None
    objects = sum(map(len, rows.values()))
    matched = len(rows)
    return AnnotationReport(
        state="applied",
        format="coco",
        file="/annotations.json",
        named=True,
        images=matched,
        annotations=objects,
        images_matched=matched,
    )


def labelled(record: ImageRecord, found: list[Annotation] | None) -> ImageRecord:
    """A record with what its page of the listing says of annotations."""
    if found is None:
        return record
    labels = list(dict.fromkeys(each.label for each in found if each.label))
    return record.model_copy(update={"labels": labels, "objects": len(found)})


class AnnotationCalls:
    """The engine's calls; ``asked`` keeps which images each batch was about."""

    asked: list[list[str]]

    def _get(self, dataset_id: str) -> Virtual:
        raise NotImplementedError

    def _find(self, image_id: str) -> tuple[Virtual, int]:
        raise NotImplementedError

    async def annotation_report(self, dataset_id: str) -> AnnotationDetails:
        known = report(self._get(dataset_id).annotations)
        if known is None:
            raise NotFound("no annotations")
        return AnnotationDetails(**known.model_dump())

    async def annotations_of(self, dataset_id: str, image_ids: list[str]) -> AnnotationMap:
        self.asked.append(image_ids)
        rows = self._get(dataset_id).annotations
        found = {key: rows.get(self._find(key)[1], []) for key in image_ids}
        return AnnotationMap(items={key: each for key, each in found.items() if each})
