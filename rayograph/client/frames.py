"""Records as Arrow tables."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from rayograph.errors import ConfigurationError
from rayograph.metadata.arrow import DETAILS
from rayograph.schema import ImageRecord

_REGION = pa.struct([(name, pa.int32()) for name in ("x", "y", "width", "height")])
# The columns of ``ImageRecord``, in its order.
RECORDS = pa.schema(
    [
        ("id", pa.string()),
        ("dataset_id", pa.string()),
        ("uri", pa.string()),
        ("file_name", pa.string()),
        ("folder", pa.string()),
        ("size", pa.int64()),
        ("mtime", pa.float64()),
        ("status", pa.string()),
        ("error_code", pa.string()),
        ("error", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("format", pa.string()),
        ("mode", pa.string()),
        ("orientation", pa.int32()),
        ("taken_at", pa.string()),
        *((field.name, field.type) for field in DETAILS if field.name != "meta_version"),
        ("content_hash", pa.string()),
        ("quality", pa.list_(pa.string())),
        ("sharpness", pa.float64()),
        ("brightness", pa.float64()),
        ("shadows", pa.float64()),
        ("highlights", pa.float64()),
        ("entropy", pa.float64()),
        ("cluster", pa.string()),
        ("outlier", pa.float64()),
        ("caption", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("rating", pa.int32()),
        ("favorite", pa.bool_()),
        ("missing", pa.bool_()),
        ("hidden", pa.bool_()),
        ("region", _REGION),
        ("tile_id", pa.string()),
        ("labels", pa.list_(pa.string())),
        ("objects", pa.int32()),
        # JSON, as they have no shape that all datasets share.
        ("extra", pa.string()),
        ("annotations", pa.string()),
    ]
)


def to_arrow(records: Iterable[ImageRecord]) -> pa.Table:
    """One row an image; what is not known yet is null."""
    return pa.Table.from_pylist([_row(record) for record in records], schema=RECORDS)


def _row(record: ImageRecord) -> dict[str, Any]:
    row = record.model_dump()
    for name in ("extra", "annotations"):
        row[name] = None if row[name] is None else json.dumps(row[name], ensure_ascii=False)
    return row


def to_pandas(table: pa.Table) -> Any:
    try:
        return table.to_pandas()
    except ImportError:
        raise ConfigurationError(
            "pandas is not installed", hint="pip install pandas, or use to_arrow()"
        ) from None
