"""How usable pictures are: what a child measured of them as columns, and what that is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.catalog.columns import QUALITY
from rayograph.errors import ImageFault
from rayograph.guard import Guard
from rayograph.measuring import WORKING_SIDE
from rayograph.quality import FLAWS, TOKENS, Measures, Rules
from rayograph.schema import StageState
from rayograph_pipelines.stages.reading import PixelLimits, Pixels


@dataclass(frozen=True, slots=True)
class MeasureConfig:
    """Limits for one image, and what its numbers are called."""

    max_pixels: int = 500_000_000
    timeout_s: float = 20.0
    memory_mb: int = 8192
    nice: int = 0
    rules: Rules = field(default_factory=Rules)


class Measure:
    """Adds the quality of pictures that were decoded before anybody measured it, or never.

    One that cannot be decoded is marked as failed here, so that nobody tries again; its own state
    stays what it is.
    """

    reads: ClassVar[tuple[str, ...]] = ("uri",)
    adds: ClassVar[tuple[str, ...]] = tuple(QUALITY.names)

    def __init__(self, config: MeasureConfig) -> None:
        self._rules = config.rules
        self._guard: Guard[Pixels] = Guard(
            "rayograph_pipelines.stages.reading:pixels",
            PixelLimits(WORKING_SIDE, config.max_pixels, 0),
            timeout_s=config.timeout_s,
            memory_mb=config.memory_mb,
            nice=config.nice,
        )

    def __call__(self, batch: pa.Table) -> pa.Table:
        found = self._guard.map(batch["uri"].to_pylist())
        read = [None if isinstance(row, ImageFault) else row.measures for row in found]
        return with_quality(batch, read, self._rules)

    def close(self) -> None:
        """End the child process."""
        self._guard.close()


def with_quality(batch: pa.Table, found: Sequence[Measures | None], rules: Rules) -> pa.Table:
    """``batch`` with the quality columns; null, and the state failed, where nothing was found."""
    numbers = {
        name: pa.array([one and getattr(one, name) for one in found], pa.float64())
        for name in Measures._fields
    }
    there = [one is not None for one in found]
    states = np.where(there, int(StageState.DONE), int(StageState.FAILED)).astype(np.uint8)
    columns = {**numbers, "quality": told(numbers, rules), "quality_state": pa.array(states)}
    for kind in QUALITY:
        batch = batch.append_column(kind, columns[kind.name])
    return batch


def told(numbers: dict[str, pa.Array], rules: Rules) -> pa.Array:
    """The words for each picture's numbers; null where ``brightness`` is."""
    of = {name: _floats(column) for name, column in numbers.items()}
    flat = of["highlights"] - of["shadows"] <= rules.plain_contrast
    # What is not known compares as false.
    with np.errstate(invalid="ignore", divide="ignore"):
        flaws = [
            of["sharpness"] < rules.blurred_below,
            of["highlights"] < rules.dark_below,
            of["shadows"] > rules.bright_above,
            flat & (of["entropy"] < rules.plain_entropy),
            np.fmax(of["aspect"], 1 / of["aspect"]) > rules.odd_beyond,
        ]
    assert len(flaws) == len(FLAWS)
    known = np.isfinite(of["brightness"])
    said = np.stack([*flaws, ~np.any(flaws, axis=0)], axis=1) & known[:, None]
    rows, words = np.nonzero(said)
    ends = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(known)))])
    names = pa.array(TOKENS).take(pa.array(words))
    lists = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), names)
    return pc.if_else(pa.array(known), lists, pa.scalar(None, lists.type))


def _floats(column: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values: np.ndarray[tuple[int], np.dtype[np.float64]]
    values = pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False)
    return values
