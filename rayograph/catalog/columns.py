"""The Arrow side of the glossary: which columns a dataset's table has and who fills them.

Listing appends whole fragments with the LISTING columns. Each later stage owns one group of
columns and fills it in place, fragment by fragment; no two stages ever write the same column,
so none can lose another's work.
"""

from __future__ import annotations

import pyarrow as pa

LISTING = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("file_name", pa.string(), nullable=False),
        pa.field("folder", pa.string(), nullable=False),
        pa.field("size", pa.int64()),
        pa.field("mtime", pa.float64()),
        pa.field("caption", pa.string()),
    ]
)

# Of a giant's tables alone: x, y, width and height in px of the whole picture; null for the whole.
REGION = pa.schema([pa.field("region", pa.list_(pa.int32(), 4))])

METADATA = pa.schema(
    [
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("format", pa.string()),
        pa.field("mode", pa.string()),
        pa.field("orientation", pa.uint8()),
        pa.field("taken_at", pa.string()),
        pa.field("meta_state", pa.uint8()),
        pa.field("meta_error_code", pa.string()),
        pa.field("meta_error", pa.string()),
    ]
)


def embedding(dim: int) -> pa.Schema:
    """The embedding stage's group for ``dim``-dimensional fp16 vectors."""
    return pa.schema(
        [
            pa.field("vector", pa.list_(pa.float16(), dim)),
            pa.field("content_hash", pa.string()),
            pa.field("embed_state", pa.uint8()),
            pa.field("embed_error_code", pa.string()),
            pa.field("embed_error", pa.string()),
        ]
    )


REGISTRY = pa.schema(
    [
        pa.field("dataset_id", pa.string(), nullable=False),
        pa.field("schema_version", pa.int32(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("created_at", pa.string(), nullable=False),
        pa.field("description", pa.string()),
        pa.field("category", pa.string()),
        pa.field("subject", pa.string()),
        pa.field("listed", pa.bool_(), nullable=False),
        pa.field("skipped", pa.string(), nullable=False),
        pa.field("paused", pa.bool_(), nullable=False),
        pa.field("error", pa.string()),
        pa.field("model", pa.string()),
        pa.field("model_key", pa.string()),
        pa.field("embed_note", pa.string()),
    ]
)

# About so many vectors share a partition of the vector index.
ROWS_A_PARTITION = 16_000
STATE = {"metadata": "meta_state", "embedding": "embed_state"}
ERRORS = {
    "metadata": ("meta_error_code", "meta_error"),
    "embedding": ("embed_error_code", "embed_error"),
}
