"""Pixels for the model, and the content hash of the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pyarrow as pa

from rayograph.analysis.near import GREY_SIDE, perceptual
from rayograph.catalog.columns import QUALITY
from rayograph.encoders.names import ResizeMode
from rayograph.errors import ImageFault
from rayograph.guard import Guard
from rayograph.quality import Rules
from rayograph_pipelines.stages.measure import with_quality
from rayograph_pipelines.stages.reading import PixelLimits, Pixels

_COLUMNS = {
    "pixels": pa.binary(),
    "content_hash": pa.string(),
    "embed_error_code": pa.string(),
    "embed_error": pa.string(),
}


@dataclass(frozen=True, slots=True)
class DecodeConfig:
    """What a model wants and what one image may cost.

    ``image_size`` is the side of the model's square, ``resize_mode`` how a picture becomes one,
    ``shortest`` the side a JPEG is decoded to at least (px; 0: ``image_size``); ``nice`` is how
    much decoding steps back for other processes; ``rules`` what a picture's quality is called.
    """

    shortest: int = 0
    max_pixels: int = 500_000_000
    timeout_s: float = 20.0
    image_size: int = 224
    resize_mode: ResizeMode = "shortest"
    memory_mb: int = 8192
    nice: int = 0
    rules: Rules = field(default_factory=Rules)


class Decode:
    """Adds ``pixels`` (raw RGB, HWC, ``image_size ** 2 * 3`` bytes), hashes, and the quality.

    A file that changed since it was listed is taken as it is now. A bad one has null pixels and an
    error; its hash is null only when its bytes could not be read.
    """

    reads: ClassVar[tuple[str, ...]] = ("uri",)
    adds: ClassVar[tuple[str, ...]] = (*_COLUMNS, "phash", *QUALITY.names)

    def __init__(self, config: DecodeConfig) -> None:
        self._rules = config.rules
        self._guard: Guard[Pixels] = Guard(
            "rayograph_pipelines.stages.reading:pixels",
            PixelLimits(
                max(config.shortest, config.image_size),
                config.max_pixels,
                config.image_size,
                config.resize_mode,
            ),
            timeout_s=config.timeout_s,
            memory_mb=config.memory_mb,
            nice=config.nice,
        )

    def __call__(self, batch: pa.Table) -> pa.Table:
        found = self._guard.map(batch["uri"].to_pylist())
        rows = [
            (None, None, row.fault, row.message, None, None) if isinstance(row, ImageFault) else row
            for row in found
        ]
        *values, greys, measured = list(zip(*rows, strict=True)) or [()] * (len(_COLUMNS) + 2)
        for (name, kind), column in zip(_COLUMNS.items(), values, strict=True):
            batch = batch.append_column(name, pa.array(column, kind))
        batch = batch.append_column("phash", hashes(greys))
        return with_quality(batch, measured, self._rules)

    def close(self) -> None:
        """End the child process."""
        self._guard.close()


def hashes(greys: Sequence[bytes | None]) -> pa.Array:
    """Perceptual hashes of grey squares, ``uint64``; null where there is no square."""
    there = [grey is not None for grey in greys]
    pixels = np.frombuffer(b"".join(grey for grey in greys if grey is not None), np.uint8)
    values = np.zeros(len(greys), np.uint64)
    values[there] = perceptual(pixels.reshape(-1, GREY_SIDE, GREY_SIDE))
    return pa.array(values, mask=~np.array(there, bool))
