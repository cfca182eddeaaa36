"""Sizes, formats, dates and details from image headers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from rayograph.errors import ImageFault
from rayograph.guard import Guard
from rayograph.metadata.arrow import DETAILS
from rayograph.schema import StageState
from rayograph_pipelines.stages.reading import HeaderRow

_COLUMNS = {
    "width": pa.int32(),
    "height": pa.int32(),
    "format": pa.string(),
    "mode": pa.string(),
    "orientation": pa.uint8(),
    "taken_at": pa.string(),
    **{field.name: field.type for field in DETAILS},
    "meta_state": pa.uint8(),
    "meta_error_code": pa.string(),
    "meta_error": pa.string(),
}
_DONE = (int(StageState.DONE), None, None)
_NOTHING = (None,) * 6


@dataclass(frozen=True, slots=True)
class MetadataConfig:
    """Limits for one image; ``nice`` is how much reading steps back for other processes."""

    max_pixels: int = 500_000_000
    timeout_s: float = 20.0
    memory_mb: int = 4096
    nice: int = 0


class ReadMetadata:
    """Adds header columns and ``meta_state``; a bad file's columns are null but for its error.

    ``width`` and ``height`` are px as displayed. Input columns pass through.
    """

    reads: ClassVar[tuple[str, ...]] = ("uri",)
    adds: ClassVar[tuple[str, ...]] = tuple(_COLUMNS)

    def __init__(self, config: MetadataConfig) -> None:
        self._guard: Guard[HeaderRow] = Guard(
            "rayograph_pipelines.stages.reading:header",
            config.max_pixels,
            timeout_s=config.timeout_s,
            memory_mb=config.memory_mb,
            nice=config.nice,
        )

    def __call__(self, batch: pa.Table) -> pa.Table:
        found = self._guard.map(batch["uri"].to_pylist())
        rows = [
            (*_NOTHING, int(StageState.FAILED), row.fault, row.message)
            if isinstance(row, ImageFault)
            else (*row[:6], *_DONE)
            for row in found
        ]
        values = list(zip(*rows, strict=True)) or [()] * (6 + len(_DONE))
        plain = [name for name in _COLUMNS if name not in DETAILS.names]
        columns: dict[str, Sequence[Any]] = dict(zip(plain, values, strict=True))
        details = [None if isinstance(row, ImageFault) else row[6] for row in found]
        for name, kind in _COLUMNS.items():
            column = columns.get(name)
            if column is not None:
                array = pa.array(column, kind)
            elif any(details):
                array = pa.array([of and of.get(name) for of in details], kind)
            else:
                array = pa.nulls(len(found), kind)
            batch = batch.append_column(name, array)
        return batch

    def close(self) -> None:
        """End the child process."""
        self._guard.close()
