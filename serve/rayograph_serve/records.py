"""From a row of the table to a record of the API."""

from __future__ import annotations

import json
from typing import Any

from rayograph import giants
from rayograph.catalog import DatasetRow
from rayograph.catalog.columns import QUALITY
from rayograph.catalog.counts import status_of
from rayograph.metadata.arrow import DETAILS
from rayograph.progress import embeds
from rayograph.schema import ImageRecord, Region
from rayograph.where.fields import caption_of

# What a file says of its picture, under the names it has in the table.
_DETAILS = tuple(name for name in DETAILS.names if name in ImageRecord.model_fields)


def record_of(row: DatasetRow, data: dict[str, Any]) -> ImageRecord:
    """An image's record as the API answers it, of its row in the table."""
    box = data.get("region")
    return ImageRecord(
        id=data["id"],
        dataset_id=row.dataset_id,
        uri=data["uri"],
        file_name=data["file_name"],
        folder=data["folder"],
        size=data["size"],
        mtime=data["mtime"],
        status=status_of(data["meta_state"], data.get("embed_state"), embeds=embeds(row)),
        error_code=data["meta_error_code"] or data.get("embed_error_code"),
        error=data["meta_error"] or data.get("embed_error"),
        width=data["width"],
        height=data["height"],
        format=data["format"],
        mode=data["mode"],
        orientation=data["orientation"],
        taken_at=data["taken_at"],
        **{name: data.get(name) for name in _DETAILS},
        content_hash=data.get("content_hash"),
        **{name: data.get(name) for name in QUALITY.names[:-1]},
        cluster=data.get("cluster"),
        outlier=data.get("outlier"),
        caption=caption_of(data),
        tags=data.get("tags") or [],
        rating=data.get("rating"),
        favorite=bool(data.get("favorite")),
        missing=bool(data.get("missing")),
        hidden=bool(data.get("hidden")),
        region=Region(x=box[0], y=box[1], width=box[2], height=box[3]) if box else None,
        tile_id=giants.id_of(row),
        labels=data.get("labels") or [],
        objects=data.get("objects"),
        extra=json.loads(data["extra"]) if data.get("extra") else None,
    )
