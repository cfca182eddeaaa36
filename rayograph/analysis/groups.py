"""From pairs that are alike to groups, without the chains that pairs make."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
# Takes how many are done, and of how many.
Tell = Callable[[int, int], None]


def nothing(done: int, total: int) -> None:
    """For who does not want to be told."""


class Pairs(NamedTuple):
    """Pairs of rows that are alike, each once, and how far apart they are."""

    a: Ints
    b: Ints
    distance: Floats

    @classmethod
    def none(cls) -> Pairs:
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))

    def where(self, kept: npt.NDArray[np.bool_]) -> Pairs:
        return Pairs(self.a[kept], self.b[kept], self.distance[kept])

    def and_(self, more: Pairs) -> Pairs:
        """These and others, of which none is among these."""
        return Pairs(
            np.concatenate([self.a, more.a]),
            np.concatenate([self.b, more.b]),
            np.concatenate([self.distance, more.distance]),
        )


class Groups(NamedTuple):
    """Rows that are in a group, group by group; ``distance`` is from the group's centre."""

    rows: Ints
    group: Ints
    distance: Floats

    @classmethod
    def of_equal(cls, values: npt.NDArray[np.int64]) -> Groups:
        """Rows that have the same value with another; a negative value is none."""
        order = np.argsort(values, kind="stable")
        order = order[values[order] >= 0]
        ordered = values[order]
        fresh = np.r_[True, ordered[1:] != ordered[:-1]] if len(ordered) else np.zeros(0, bool)
        label = np.cumsum(fresh) - 1
        kept = np.bincount(label)[label] > 1 if len(label) else np.zeros(0, bool)
        return _renumbered(order[kept], label[kept], np.zeros(int(kept.sum()), np.float32))


def unique_pairs(a: Ints, b: Ints, distance: Floats) -> Pairs:
    """Each pair once, the lower row first."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    _, first = np.unique(low * (int(high.max(initial=0)) + 1) + high, return_index=True)
    return Pairs(low[first], high[first], distance[first])


def components(count: int, pairs: Pairs) -> Ints:
    """For each row the lowest row it is connected with."""
    label = np.arange(count, dtype=np.int64)
    a, b = pairs.a, pairs.b
    while len(a):
        low = np.minimum(label[a], label[b])
        np.minimum.at(label, label[a], low)
        np.minimum.at(label, label[b], low)
        # Each row points at its root before the next look.
        while True:
            shorter = label[label]
            if np.array_equal(shorter, label):
                break
            label = shorter
        open_ = label[a] != label[b]
        a, b = a[open_], b[open_]
    return label


def stars(count: int, pairs: Pairs) -> Groups:
    """Groups in which everybody is alike to the centre.

    Connected pairs alone would make one group of a long chain of small steps whose ends have
    nothing in common. Of a connected part the row with most neighbours becomes a centre and takes
    those with it, then the same with who is left.
    """
    if not len(pairs.a):
        return Groups(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
    label = components(count, pairs)
    size = np.bincount(label[np.unique(np.r_[pairs.a, pairs.b])], minlength=count)
    alone = size[label[pairs.a]] == 2
    couples, rest = pairs.where(alone), pairs.where(~alone)
    centres, rows, distance = _cover(rest)
    centre = np.concatenate([couples.a, couples.a, centres])
    rows = np.concatenate([couples.a, couples.b, rows])
    far = np.concatenate([np.zeros(len(couples.a), np.float32), couples.distance, distance])
    order = np.lexsort((rows, centre))
    return _renumbered(rows[order], centre[order], far[order])


def _cover(pairs: Pairs) -> tuple[Ints, Ints, Floats]:
    """(centre, member, distance) of the greedy stars."""
    a, b = np.r_[pairs.a, pairs.b], np.r_[pairs.b, pairs.a]
    distance = np.r_[pairs.distance, pairs.distance]
    order = np.lexsort((distance, a))
    a, b, distance = a[order], b[order], distance[order]
    nodes, starts, degree = np.unique(a, return_index=True, return_counts=True)
    ends = starts + degree
    place: Ints = np.searchsorted(nodes, b)  # type: ignore[assignment]
    taken = np.zeros(len(nodes), bool)
    centres, members, far = [], [], []
    for node in np.lexsort((nodes, -degree)).tolist():
        if taken[node]:
            continue
        at = slice(int(starts[node]), int(ends[node]))
        free = ~taken[place[at]]
        taken[node] = True
        if not free.any():
            continue
        found = place[at][free]
        taken[found] = True
        members += [nodes[node : node + 1], nodes[found]]
        far += [np.zeros(1, np.float32), distance[at][free]]
        centres.append(np.full(len(found) + 1, nodes[node]))
    if not centres:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
    return np.concatenate(centres), np.concatenate(members), np.concatenate(far)


def _renumbered(rows: Ints, label: Ints, distance: Floats) -> Groups:
    """Groups numbered from 0, the largest first; rows of a group stay together."""
    names, dense = np.unique(label, return_inverse=True)
    size = np.bincount(dense, minlength=len(names))
    rank = np.empty(len(names), np.int64)
    rank[np.lexsort((names, -size))] = np.arange(len(names))
    group = rank[dense]
    order = np.argsort(group, kind="stable")
    return Groups(rows[order], group[order], distance[order])
