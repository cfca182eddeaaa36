"""Edges that people can read, for the numbers and times of a column."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Numbers = npt.NDArray[np.float64]
Bins = npt.NDArray[np.int64]
Edges = list[float] | list[str]
MAX_BINS = 240
_FEW = 24
_WIDE = 50
_NOTHING = 1e-9
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_DECADE = (1.0, 2.0, 5.0)
# Beyond it a file's time is noise, and its year has no four digits.
_LAST_S = 2.5e11
_UNITS = (("h", 3_600, 48), ("D", 86_400, 45), ("M", 2_629_746, 72), ("Y", 31_556_952, MAX_BINS))


def number_bins(values: Numbers) -> tuple[Bins, list[float]]:
    """The bin of each number (-1: it is none) and the edges; equal edges: there is one number.

    Numbers that span orders of magnitude get bins that grow with them.
    """
    known = np.isfinite(values)
    bins = np.full(len(values), -1, np.int64)
    if not known.any():
        return bins, []
    found = values[known]
    low, high = float(found.min()), float(found.max())
    if low == high:
        bins[known] = 0
        return bins, [low, high]
    above = found[found > 0]
    least = float(above.min()) if len(above) else 0.0
    if low >= 0 and least and high / least > _WIDE:
        # Next to nothing is as good as nothing.
        floor = max(least, high * _NOTHING)
        edges = _growing(floor, high, zero=low < floor)
    else:
        edges = _even(low, high, whole=bool((found == np.floor(found)).all()))
    places = np.searchsorted(np.array(edges), found, side="right") - 1
    bins[known] = np.clip(places, 0, len(edges) - 2)
    return bins, edges


def _growing(low: float, high: float, *, zero: bool) -> list[float]:
    """1, 2, 5, 10, 20, 50, ... around what there is."""
    # One less, as a logarithm may be rounded up.
    exponent = math.floor(math.log10(low)) - 1
    edges: list[float] = []
    while not edges or edges[-1] <= high:
        # By text, so that what is shown as 0.2 is what is compared with.
        edges += [float(f"{digit}e{exponent}") for digit in _DECADE]
        exponent += 1
    first = max(at for at, edge in enumerate(edges) if edge <= low)
    last = min(at for at, edge in enumerate(edges) if edge > high)
    return [0.0] * zero + edges[first : last + 1]


def _even(low: float, high: float, *, whole: bool) -> list[float]:
    rough = (high - low) / _FEW
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(scale * digit for digit in _STEPS if scale * digit >= rough * 0.999)
    step = max(1.0, round(step)) if whole else step
    first, last = math.floor(low / step), math.floor(high / step) + 1
    edges = [float(f"{at * step:.15g}") for at in range(first, last + 1)]
    # Beside large numbers a small step may be rounded away.
    return [min(low, edges[0]), *edges[1:-1], max(high, edges[-1])]


def moments(column: pa.ChunkedArray) -> npt.NDArray[np.datetime64]:
    """Times to the second: of seconds since 1970, or of texts as ISO 8601 writes them."""
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        seconds = column.cast(pa.float64()).to_numpy()
        known = np.isfinite(seconds) & (np.abs(seconds) < _LAST_S)
        whole = np.where(known, np.floor(np.where(known, seconds, 0)), 0).astype("M8[s]")
        whole[~known] = np.datetime64("NaT")
        return whole
    # Few hours occur among many times, so each is read once.
    hours = pc.utf8_slice_codeunits(column, 0, 13).combine_chunks().dictionary_encode()
    read = np.array([*map(_hour, hours.dictionary.to_pylist()), np.datetime64("NaT")], "M8[s]")
    places = hours.indices.fill_null(-1).to_numpy()
    return np.where(places < 0, np.datetime64("NaT"), read[places])


def _hour(text: str) -> np.datetime64:
    try:
        return np.datetime64(text.replace(" ", "T"), "s")
    except ValueError:
        return np.datetime64("NaT", "s")


def time_bins(values: npt.NDArray[Any]) -> tuple[Bins, list[str]]:
    """The bin of each time (-1: it is none) and the edges, as a ``where`` writes them."""
    known = ~np.isnat(values)
    bins = np.full(len(values), -1, np.int64)
    if not known.any():
        return bins, []
    found = values[known]
    first, last = found.min(), found.max()
    span = int((last - first).astype(np.int64))
    unit = next((unit for unit, length, most in _UNITS if span <= length * most), "Y")
    steps = found.astype(f"M8[{unit}]").astype(np.int64)
    start, end = int(steps.min()), int(steps.max())
    wide = -(-(end - start + 1) // MAX_BINS)
    bins[known] = (steps - start) // wide
    count = (end - start) // wide + 1
    edges = (start + np.arange(count + 1) * wide).astype(f"M8[{unit}]")
    return bins, [str(edge) for edge in edges]
