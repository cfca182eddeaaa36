"""Values of a row as JSON can say them."""

from __future__ import annotations

import base64
import contextlib
import json
import math
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

_JSON_COLUMNS = ("annotations", "extra")


def plain(value: Any) -> Any:
    """A value of an Arrow column without anything JSON does not have."""
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def to_json(value: Any) -> str:
    """One line of JSON; characters of any language stay as they are."""
    try:
        return _ENCODER.encode(value)
    except ValueError:
        # A number that JSON has no word for: rare, and slower to write.
        return _ENCODER.encode(plain(value))


_ENCODER = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=plain
)


def unpacked(record: dict[str, Any]) -> dict[str, Any]:
    """A record whose columns of JSON text are what they say."""
    for name in _JSON_COLUMNS:
        if isinstance(record.get(name), str):
            with contextlib.suppress(ValueError):
                record[name] = json.loads(record[name])
    return record


def flat(table: pa.Table) -> pa.Table:
    """``table`` with what is no single value (tags, boxes, vectors) as JSON text."""
    for at, field in enumerate(table.schema):
        if not (pa.types.is_nested(field.type) or pa.types.is_binary(field.type)):
            continue
        column = table.column(at)
        texts = pa.nulls(len(column), pa.string())
        if column.null_count < len(column):
            values = column.to_pylist()
            texts = pa.array([None if v is None else to_json(v) for v in values], pa.string())
        table = table.set_column(at, pa.field(field.name, pa.string()), texts)
    return table
