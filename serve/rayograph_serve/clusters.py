"""Clusters, from their results to what the API answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from rayograph.analysis.answers import Cluster, ClusterLevel
from rayograph.catalog.analyses import Result
from rayograph.errors import NotFound

_NAME_WORDS = 3


def levels_of(result: Result) -> list[ClusterLevel]:
    """Every level's clusters, the largest first."""
    found = []
    for level, clusters in enumerate(result.about.more["levels"]):
        items = [_cluster(level, number, one) for number, one in enumerate(clusters)]
        items.sort(key=lambda one: -one.size)
        found.append(ClusterLevel(level=level, clusters=items))
    return found


def cluster_of(result: Result, cluster_id: str) -> Cluster:
    """One cluster.

    Raises:
        NotFound: there is none of this id.
    """
    level, number = _place(cluster_id)
    levels = result.about.more["levels"]
    if level >= len(levels) or number >= len(levels[level]):
        raise NotFound(f"no cluster {cluster_id!r}", hint="GET .../clusters lists them")
    return _cluster(level, number, levels[level][number])


def members(result: Result, cluster_id: str, start: int, limit: int) -> tuple[pa.Table, int]:
    """Some of a cluster's images with ``score``, their distance from its middle; and how many."""
    level, number = _place(cluster_id)
    names = [f"cluster_{level}", f"distance_{level}"]
    table = result.table(names)
    rows = np.flatnonzero(table[names[0]].to_numpy() == number)
    far = table[names[1]].to_numpy()[rows]
    chosen = rows[np.argsort(far, kind="stable")[start : start + limit]]
    found = result.take(chosen, ["id", names[1]])
    return found.rename_columns(["id", "score"]), len(rows)


def name_of(number: int, words: list[str]) -> str:
    """What a cluster is called."""
    return ", ".join(words[:_NAME_WORDS]) or f"group {number + 1}"


def _cluster(level: int, number: int, one: dict[str, Any]) -> Cluster:
    name = name_of(number, one["words"])
    parent = f"{level - 1}-{one['parent']}" if one["parent"] >= 0 else None
    about = {key: value for key, value in one.items() if key != "parent"}
    return Cluster(cluster_id=f"{level}-{number}", name=name, parent=parent, **about)


def _place(cluster_id: str) -> tuple[int, int]:
    level, _, number = cluster_id.partition("-")
    if not (level.isdecimal() and number.isdecimal()):
        raise NotFound(f"no cluster {cluster_id!r}", hint="GET .../clusters lists them")
    return int(level), int(number)
