"""The map of virtual images: three crowds, and the first image apart from them."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rayograph.analysis.answers import MapCluster, MapLegend
from rayograph.where import Node, parse
from rayograph.where.area import holds
from rayograph.where.syntax import Match
from rayograph_serve.mapping import MapPart, MapSlice

MIDDLES = ((-0.6, 0.0), (0.6, 0.3), (0.1, -0.6))
NAMES = ("sky, sea", "cats", "city at night")
ALONE = (0.0, 0.8)
_BOUNDS = (-1.5, -1.5, 1.5, 1.5)


@functools.cache
def places(count: int) -> npt.NDArray[np.float32]:
    """``[count, 2]``: image *n* belongs to crowd *n* % 3."""
    around = np.random.default_rng(0).normal(scale=0.14, size=(count, 2))
    found = np.clip(np.array(MIDDLES)[np.arange(count) % 3] + around, -1.4, 1.4)
    found[0] = ALONE
    return found.astype(np.float32)


def within(node: Node, count: int) -> list[int] | None:
    """The images in an area; None: the filter is another one."""
    if not isinstance(node, Match) or node.field != "area":
        return None
    at = places(count).astype(float).tolist()
    return [number for number, (x, y) in enumerate(at) if holds(node.pattern, x, y)]


def picked(where: str, count: int) -> list[int] | None:
    return within(parse(where), count)


def sliced(dataset: str, count: int, part: MapPart, said: dict[str, Any]) -> MapSlice:
    """What the map answers, as the real service would."""
    start = part.offset or 0
    end = count if part.limit is None else min(count, start + part.limit)
    at, number = places(count)[start:end], np.arange(start, end)
    columns: dict[str, Any] = {}
    if "id" in part.columns:
        columns["id"] = [f"{dataset}-{one:020x}" for one in number.tolist()]
    columns |= {name: at[:, n] for n, name in enumerate("xy") if name in part.columns}
    if "cluster" in part.columns:
        columns["cluster"] = (number % 3).astype(np.int32)
    legend = _legend(part.colour, count) if part.colour else None
    if legend is not None:
        codes = number % 4 if legend.labels else number * 10 // count
        columns["colour"] = np.where(codes == 3, 255, codes) if legend.labels else codes
        columns["colour"] = columns["colour"].astype(np.uint8)
    clusters = [
        [MapCluster(name="everything", parent=None)],
        [MapCluster(name=name, parent=0) for name in NAMES],
    ]
    return MapSlice(pa.table(columns), _BOUNDS, 1, clusters, None, count, legend, said)


def _legend(field: str, count: int) -> MapLegend:
    if field == "size":
        edges = [float(180_000 + 91_100 * step) for step in range(11)]
        return MapLegend(
            field=field,
            kind="bytes",
            labels=[],
            edges=edges,
            counts=[count // 10] * 10,
            rest=0,
            missing=0,
        )
    return MapLegend(
        field=field,
        kind="choice",
        labels=["JPEG", "PNG", "WEBP"],
        edges=[],
        counts=[count // 4] * 3,
        rest=0,
        missing=count // 4,
    )
