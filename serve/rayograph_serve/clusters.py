"""Clusters, from their results to what the API answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.analysis.answers import Cluster, ClusterLevel
from rayograph.analysis.clusters import default_level, name_of
from rayograph.catalog.analyses import Result
from rayograph.errors import NotFound

Rows = npt.NDArray[np.int64]


def levels_of(result: Result, rows: Rows | None, *, filtered: bool) -> list[ClusterLevel]:
    """Every level's clusters of these rows (None: all), the largest first.

    Args:
        filtered: whether a filter finds them by the numbers of the middle level.
    """
    found, depth = [], len(result.about.more["levels"])
    for level, clusters in enumerate(result.about.more["levels"]):
        named = filtered and level == default_level(depth)
        items = [_cluster(level, number, one, named) for number, one in enumerate(clusters)]
        if rows is not None:
            items = _of_rows(result, rows, level, items)
        items.sort(key=lambda one: -one.size)
        found.append(ClusterLevel(level=level, clusters=items))
    return found


def _of_rows(result: Result, rows: Rows, level: int, items: list[Cluster]) -> list[Cluster]:
    """The clusters as they are of some rows alone; those that have none are left out."""
    table = result.table(["id", f"cluster_{level}"])
    there = table["id"].take(pa.array(rows)).combine_chunks()
    label = table[f"cluster_{level}"].to_numpy()[rows]
    sizes = np.bincount(label, minlength=len(items)).tolist()
    shown = pa.array([key for one in items for key in one.examples], pa.string())
    alive = set(shown.filter(pc.is_in(shown, value_set=there)).to_pylist())
    return [
        one.model_copy(
            update={"size": size, "examples": [key for key in one.examples if key in alive]}
        )
        for one, size in zip(items, sizes, strict=True)
        if size
    ]


def cluster_of(result: Result, cluster_id: str, *, filtered: bool) -> Cluster:
    """One cluster.

    Raises:
        NotFound: there is none of this id.
    """
    level, number = _place(cluster_id)
    levels = result.about.more["levels"]
    if level >= len(levels) or number >= len(levels[level]):
        raise NotFound(f"no cluster {cluster_id!r}", hint="GET .../clusters lists them")
    named = filtered and level == default_level(len(levels))
    return _cluster(level, number, levels[level][number], named)


def members(
    result: Result, cluster_id: str, alive: Rows | None, start: int, limit: int
) -> tuple[pa.Table, int]:
    """Some of a cluster's images with ``score``, their distance from its middle; and how many.

    Args:
        alive: the rows of the result that count; None: all.
    """
    level, number = _place(cluster_id)
    names = [f"cluster_{level}", f"distance_{level}"]
    table = result.table(names)
    mine = table[names[0]].to_numpy() == number
    rows = np.flatnonzero(mine) if alive is None else alive[mine[alive]]
    far = table[names[1]].to_numpy()[rows]
    chosen = rows[np.argsort(far, kind="stable")[start : start + limit]]
    found = result.take(chosen, ["id", names[1]])
    return found.rename_columns(["id", "score"]), len(rows)


def _cluster(level: int, number: int, one: dict[str, Any], named: bool) -> Cluster:
    name = name_of(number, one["words"])
    parent = f"{level - 1}-{one['parent']}" if one["parent"] >= 0 else None
    about = {key: value for key, value in one.items() if key != "parent"}
    where = f"cluster={number}" if named else None
    return Cluster(cluster_id=f"{level}-{number}", name=name, parent=parent, where=where, **about)


def _place(cluster_id: str) -> tuple[int, int]:
    level, _, number = cluster_id.partition("-")
    if not (level.isdecimal() and number.isdecimal()):
        raise NotFound(f"no cluster {cluster_id!r}", hint="GET .../clusters lists them")
    return int(level), int(number)
