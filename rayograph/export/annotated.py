"""Annotations of rows as an export says them: JSON, px of the image as displayed."""

from __future__ import annotations

import functools
import importlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

_NEEDED = ("annotations", "width", "height", "orientation")
Shown = Callable[..., list[Any]]


def displayed(columns: Mapping[str, pa.ChunkedArray]) -> pa.ChunkedArray:
    """The column ``annotations`` as the API would answer it; rows without any are not touched."""
    texts = columns["annotations"]
    if texts.null_count == len(texts) or not pa.types.is_string(texts.type):
        return texts
    values = [columns[name].to_pylist() for name in _NEEDED]
    return pa.chunked_array([pa.array(map(_said, *values), pa.string())])


def _said(text: str | None, *image: int | None) -> str | None:
    if text is None or text.startswith('[{"'):
        return text
    shown = _shown()
    if shown is None:
        return text
    found = [
        each.model_dump(exclude_none=True, exclude_defaults=True) for each in shown(text, *image)
    ]
    return json.dumps(found, ensure_ascii=False) if found else None


@functools.cache
def _shown() -> Shown | None:
    """How the reader of annotation files unpacks what it keeps; None: there is no such reader."""
    try:
        found: Shown = importlib.import_module("rayograph.annotations.sheets").shown
    except ImportError:
        return None
    return found
