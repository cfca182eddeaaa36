"""What tells a file from its copies, for images no model has looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from rayograph.analysis.near import GREY_SIDE
from rayograph.errors import ImageFault
from rayograph.guard import Guard
from rayograph_pipelines.stages.decode import hashes
from rayograph_pipelines.stages.reading import PixelLimits, Pixels


@dataclass(frozen=True, slots=True)
class FingerprintConfig:
    """Limits for one image; ``decode`` false: the content hash alone, nothing is decoded."""

    decode: bool = True
    max_pixels: int = 500_000_000
    timeout_s: float = 20.0
    memory_mb: int = 8192
    nice: int = 0


class Fingerprint:
    """Adds ``content_hash`` and ``phash``; null where the bytes, or the picture, cannot be had."""

    reads: ClassVar[tuple[str, ...]] = ("uri",)
    adds: ClassVar[tuple[str, ...]] = ("content_hash", "phash")

    def __init__(self, config: FingerprintConfig) -> None:
        # A JPEG comes at an eighth of its size where that is enough; at no more than the hash's own
        # size, scaled copies would hash differently.
        shortest = 2 * GREY_SIDE if config.decode else 0
        self._guard: Guard[Pixels] = Guard(
            "rayograph_pipelines.stages.reading:pixels",
            PixelLimits(shortest, config.max_pixels, 0),
            timeout_s=config.timeout_s,
            memory_mb=config.memory_mb,
            nice=config.nice,
        )

    def __call__(self, batch: pa.Table) -> pa.Table:
        found = self._guard.map(batch["uri"].to_pylist())
        read = [None if isinstance(row, ImageFault) else row for row in found]
        contents = pa.array([row and row.content_hash for row in read], pa.string())
        return batch.append_column("content_hash", contents).append_column(
            "phash", hashes([row and row.grey for row in read])
        )

    def close(self) -> None:
        """End the child process."""
        self._guard.close()
