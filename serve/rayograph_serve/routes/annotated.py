"""Annotations: how a dataset's fit its images, and those of what is on screen."""

from __future__ import annotations

from rayograph.annotations.answers import AnnotationDetails, AnnotationMap, AnnotationsOf
from rayograph_serve.routes import parts
from rayograph_serve.routes.parts import DatasetId, Engine

router = parts.router("annotations")


@router.get("/datasets/{dataset_id}/annotations", summary="Show how annotations fit")
async def report(dataset_id: DatasetId, engine: Engine) -> AnnotationDetails:
    """Where they are from, how many fit, and the first hundred of what is missing or broken."""
    return await engine.annotation_report(dataset_id)


@router.post("/datasets/{dataset_id}/annotations", summary="Get the annotations of some images")
async def of_images(dataset_id: DatasetId, body: AnnotationsOf, engine: Engine) -> AnnotationMap:
    """Boxes, polygons, masks and keypoints, px of each image as displayed."""
    return await engine.annotations_of(dataset_id, body.image_ids)
