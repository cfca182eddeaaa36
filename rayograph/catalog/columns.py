"""The Arrow side of the glossary: which columns a dataset's table has and who fills them.

Listing appends whole fragments with the LISTING columns. Each later stage owns one group of
columns and fills it in place, fragment by fragment; no two stages ever write the same column,
so none can lose another's work.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from rayograph.metadata.arrow import DETAILS
from rayograph.quality import Measures

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

_HEADER = pa.schema(
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
# One file a fragment for each part: Lance replaces a file only by one of the very same columns,
# so columns that come with a later version of this program must be a part of their own. The
# state comes last: once it says done, all else is there.
METADATA_PARTS = (DETAILS, _HEADER)
METADATA = pa.schema([field for part in METADATA_PARTS for field in part])


# What annotation files say, filled by the run's annotations thread (rayograph.annotations). Null
# ``objects`` means that nobody looked; ``annotations`` and ``extra`` are JSON.
ANNOTATIONS = pa.schema(
    [
        pa.field("labels", pa.list_(pa.string())),
        pa.field("objects", pa.int32()),
        pa.field("annotations", pa.string()),
        pa.field("described", pa.string()),
        pa.field("extra", pa.string()),
    ]
)

# What people add. Nobody but their edits ever writes it (rayograph.catalog.curation).
CURATION = pa.schema(
    [
        pa.field("tags", pa.list_(pa.string())),
        pa.field("rating", pa.uint8()),
        pa.field("favorite", pa.bool_()),
    ]
)

# How usable a picture is (rayograph.quality), taken where it is decoded. Null ``quality_state``
# means that nobody looked; ``quality`` names what is wrong with it, or says that it is good.
QUALITY = pa.schema(
    [
        *(pa.field(name, pa.float64()) for name in Measures._fields[:-1]),
        pa.field("quality", pa.list_(pa.string())),
        pa.field("quality_state", pa.uint8()),
    ]
)
QUALITY_STAGE = "quality"

# True: the file is gone. A table has the column from the first time one is, until none is.
MISSING = pa.schema([pa.field("missing", pa.bool_())])

# True: somebody does not want to see it (rayograph.catalog.hiding), in the same way.
HIDDEN = pa.schema([pa.field("hidden", pa.bool_())])
# Rows with one of these are out of sight unless a filter names it.
OUT_OF_SIGHT = (*MISSING.names, *HIDDEN.names)

# What the last analyses said of each image (rayograph.catalog.discovered), from the first time on.
CLUSTER = pa.schema([pa.field("cluster", pa.string())])
OUTLIER = pa.schema([pa.field("outlier", pa.float64())])
MAP = pa.schema([pa.field("map_x", pa.float32()), pa.field("map_y", pa.float32())])


# Of tables of buckets alone: what is another as soon as a file's bytes are.
MARKS = pa.schema([pa.field("etag", pa.string())])


class Space:
    """Where the vectors of one model are kept.

    A dataset has room for two: the space that serves and, while its model is being changed, the
    one that is being made. Stages know the columns by their plain names (``vector``, ...).
    """

    PLAIN = ("vector", "content_hash", "phash", "embed_state", "embed_error_code", "embed_error")

    def __init__(self, number: int) -> None:
        self.number = number
        suffix = f"_{number + 1}" if number else ""
        self.stage = f"embedding{suffix}"
        self.index = f"vector{suffix}_idx"
        self.names = {name: f"{name}{suffix}" for name in self.PLAIN}
        self.vector, self.content_hash, self.phash, self.state, self.error_code, self.error = (
            self.names.values()
        )

    @property
    def other(self) -> Space:
        return SPACES[1 - self.number]

    def columns(self, dim: int) -> pa.Schema:
        """The group of columns for ``dim``-dimensional fp16 vectors."""
        vector, text = pa.list_(pa.float16(), dim), pa.string()
        kinds = (vector, text, pa.uint64(), pa.uint8(), text, text)
        return pa.schema(list(zip(self.names.values(), kinds, strict=True)))

    def named(self, rows: pa.Table) -> pa.Table:
        """``rows`` with plain names as this space's columns are called."""
        return rows.rename_columns([self.names.get(name, name) for name in rows.column_names])

    def seen(self, columns: Iterable[str]) -> dict[str, str]:
        """A table's columns by their plain names, without those of the other space."""
        own = {column: name for name, column in self.names.items()}
        others = self.other.names.values()
        return {own.get(name, name): name for name in columns if name in own or name not in others}

    def plain(self, row: dict[str, Any]) -> dict[str, Any]:
        """A record with this space's columns under their plain names, and none of the other's."""
        return {name: row[column] for name, column in self.seen(row).items()}


SPACES = (Space(0), Space(1))


def space_of(stage: str) -> Space | None:
    """The space a stage fills, None for a stage that makes no vectors."""
    return next((space for space in SPACES if space.stage == stage), None)


def parts(names: list[str]) -> list[list[str]]:
    """Columns that a stage fills by the files they lie in, that of its state last."""
    found = [[f.name for f in part if f.name in names] for part in METADATA_PARTS]
    return [part for part in found if part] or [names]


def embedding(dim: int) -> pa.Schema:
    """The embedding stage's columns by their plain names."""
    return SPACES[0].columns(dim)


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
        pa.field("space", pa.int32()),
        pa.field("next_model", pa.string()),
        pa.field("next_model_key", pa.string()),
        pa.field("model_note", pa.string()),
        pa.field("scanned_at", pa.string()),
        pa.field("watch_note", pa.string()),
        pa.field("metadata_version", pa.int32()),
        pa.field("annotations", pa.string()),
        pa.field("labels", pa.string()),
        pa.field("index_recall", pa.float64()),
        pa.field("index_checked", pa.int64()),
        pa.field("retry", pa.string()),
        pa.field("paused_stages", pa.string()),
        pa.field("priority", pa.string()),
        pa.field("quality_rules", pa.string()),
        pa.field("index_thorough", pa.bool_()),
    ]
)

# About so many vectors share a partition of the vector index.
ROWS_A_PARTITION = 16_000
STATE = {"metadata": "meta_state", **{space.stage: space.state for space in SPACES}}
ERRORS = {
    "metadata": ("meta_error_code", "meta_error"),
    **{space.stage: (space.error_code, space.error) for space in SPACES},
}
