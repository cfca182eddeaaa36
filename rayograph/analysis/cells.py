"""Vectors in cells: k-means, and the neighbours of each vector without comparing all with all.

Everything works on blocks of unit vectors in float32; the whole stays float16.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rayograph.analysis.groups import Floats, Ints, Pairs, Tell, nothing, unique_pairs

Vectors = npt.NDArray[np.float16]
Flags = npt.NDArray[np.bool_]
_BLOCK = 16_384
_TRAINED_ON = 64
_ITERATIONS = 12
# Rows of one cell that are compared with all of it at once.
_ROWS = 2_048
# A vector is compared with those in so many of the cells nearest to it.
_PROBES = 3
# Rows a cell should hold: neighbours of a vector seldom lie further than the cells around it.
_CELL_ROWS = 1_000
_MOST_CELLS = 2_048


class Neighbours(NamedTuple):
    """The nearest of each vector: rows (-1: there is none), and cosine distances (0 to 2)."""

    rows: npt.NDArray[np.int32]
    distance: Floats


def unit(vectors: npt.NDArray[np.floating]) -> Floats:
    """float32, length 1; one without a direction stays 0."""
    block = vectors.astype(np.float32)
    block /= np.maximum(np.linalg.norm(block, axis=1, keepdims=True), 1e-12)
    return block


def kmeans(vectors: Vectors, count: int, seed: int, tell: Tell = nothing) -> Floats:
    """Spherical k-means on a sample; ``count`` centroids, fewer where there are fewer vectors."""
    rng = np.random.default_rng(seed)
    size = min(len(vectors), max(count * _TRAINED_ON, 10_000))
    chosen = np.sort(rng.choice(len(vectors), size, replace=False))
    sample = unit(vectors[chosen])
    count = min(count, len(np.unique(sample, axis=0)) if size < 5_000 else count)
    centroids = _spread(sample, count, rng)
    for step in range(_ITERATIONS):
        tell(step, _ITERATIONS)
        label, near = _closest(sample, centroids)
        order = np.argsort(label, kind="stable")
        held, starts = np.unique(label[order], return_index=True)
        sums = np.add.reduceat(sample[order], starts, axis=0)
        fresh = centroids.copy()
        fresh[held] = sums
        empty = np.setdiff1d(np.arange(count), held)
        # A centroid nobody is near to goes where somebody is far from theirs.
        fresh[empty] = sample[np.argsort(near)[: len(empty)]]
        centroids = unit(fresh)
    return centroids


def _spread(sample: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Beginnings far from each other (k-means++ on a few thousand)."""
    few = sample[rng.permutation(len(sample))[: max(4 * count, 2_000)]]
    if count > 256:
        return few[:count].copy()
    chosen, trials = [int(rng.integers(len(few)))], 2 + int(np.log(max(1, count)))
    far = 1 - few @ few[chosen[0]]
    for _ in range(1, count):
        weight = np.maximum(far, 0.0).astype(np.float64)
        if not weight.sum():
            chosen.append(len(chosen))
            continue
        # Of a few candidates the one that brings all others nearest.
        picks = rng.choice(len(few), trials, p=weight / weight.sum())
        closer = np.minimum(far, 1 - few[picks] @ few.T)
        best = int(closer.sum(1).argmin())
        chosen.append(int(picks[best]))
        far = closer[best]
    return few[chosen].copy()


def _closest(block: Floats, centroids: Floats) -> tuple[Ints, Floats]:
    near = block @ centroids.T
    label = near.argmax(1)
    return label, near[np.arange(len(block)), label]


def assign(vectors: Vectors, centroids: Floats, tell: Tell = nothing) -> tuple[Ints, Floats]:
    """Each vector's nearest centroid, and its cosine similarity to it."""
    label = np.empty(len(vectors), np.int64)
    near = np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), _BLOCK):
        tell(start, len(vectors))
        block = slice(start, start + _BLOCK)
        label[block], near[block] = _closest(unit(vectors[block]), centroids)
    return label, near


class Cells:
    """Vectors by the cells they lie in or next to.

    Each vector has a home; it is a member of the cells next to it as well, so that who lies across
    a border is found.
    """

    def __init__(self, vectors: Vectors, seed: int = 0, tell: Tell = nothing) -> None:
        self.vectors = vectors
        count = int(np.clip(len(vectors) // _CELL_ROWS, 1, _MOST_CELLS))
        self.centroids = kmeans(vectors, count, seed)
        count = len(self.centroids)
        probes = min(_PROBES, count)
        cells = np.empty((len(vectors), probes), np.int32)
        for start in range(0, len(vectors), _BLOCK):
            tell(start, len(vectors))
            near = unit(vectors[start : start + _BLOCK]) @ self.centroids.T
            part = np.argpartition(-near, probes - 1, axis=1)[:, :probes]
            order = np.argsort(-np.take_along_axis(near, part, 1), axis=1, kind="stable")
            cells[start : start + _BLOCK] = np.take_along_axis(part, order, 1)
        self._homes = _by_cell(cells[:, 0], count)
        self._members = _by_cell(cells, count)

    def blocks(
        self, tell: Tell = nothing, fresh: Flags | None = None
    ) -> Iterator[tuple[Ints, Ints, Floats]]:
        """(rows at home, members of the cell, their similarities), cell by cell.

        Args:
            fresh: only what touches one of these rows.
        """
        done = 0
        for home, members in zip(self._homes, self._members, strict=True):
            if not len(home):
                continue
            around = unit(self.vectors[members])
            for rows, others in _tasks(home, members, fresh):
                theirs = around if others is members else around[np.searchsorted(members, others)]
                for start in range(0, len(rows), _ROWS):
                    part = rows[start : start + _ROWS]
                    yield part, others, around[np.searchsorted(members, part)] @ theirs.T
            done += len(home)
            tell(done, len(self.vectors))


def _tasks(home: Ints, members: Ints, fresh: Flags | None) -> list[tuple[Ints, Ints]]:
    """Which rows of a cell are compared with which."""
    if fresh is None:
        return [(home, members)]
    new, old = home[fresh[home]], home[~fresh[home]]
    pairs = [(new, members), (old, members[fresh[members]])]
    return [(rows, others) for rows, others in pairs if len(rows) and len(others)]


def _by_cell(cells: npt.NDArray[np.int32], count: int) -> list[Ints]:
    """Rows of each cell, in order."""
    width = cells.size // len(cells) if len(cells) else 1
    order = np.argsort(cells.reshape(-1), kind="stable")
    edges = np.searchsorted(cells.reshape(-1)[order], np.arange(count + 1))
    return [np.sort(order[edges[i] : edges[i + 1]] // width) for i in range(count)]


def alike(
    vectors: Vectors, least: float, tell: Tell = nothing, fresh: Flags | None = None
) -> Pairs:
    """Pairs of vectors whose cosine similarity is at least ``least``; of two that are not
    ``fresh`` none."""
    if len(vectors) < 2:
        return Pairs.none()
    a, b, distance = [], [], []
    for rows, members, near in Cells(vectors).blocks(tell, fresh):
        i, j = np.nonzero(near >= least - 1e-6)
        other = rows[i] != members[j]
        i, j = i[other], j[other]
        a.append(rows[i])
        b.append(members[j])
        distance.append(np.maximum(0, 1 - near[i, j]).astype(np.float32))
    return unique_pairs(np.concatenate(a), np.concatenate(b), np.concatenate(distance))


def neighbours(vectors: Vectors, k: int, tell: Tell = nothing) -> Neighbours:
    """The k nearest of each vector, nearest first."""
    count = len(vectors)
    rows_of = np.full((count, k), -1, np.int32)
    distance = np.full((count, k), 2.0, np.float32)
    if count < 2:
        return Neighbours(rows_of, distance)
    for rows, members, near in Cells(vectors).blocks(tell):
        near[np.arange(len(rows)), np.searchsorted(members, rows)] = -np.inf
        most = min(k, len(members) - 1)
        if most < 1:
            continue
        part = np.argpartition(-near, most - 1, axis=1)[:, :most]
        values = np.take_along_axis(near, part, 1)
        order = np.argsort(-values, axis=1, kind="stable")
        rows_of[rows, :most] = members[np.take_along_axis(part, order, 1)]
        distance[rows, :most] = 1 - np.take_along_axis(values, order, 1)
    return Neighbours(rows_of, np.maximum(distance, 0))


def mean_distance(near: Neighbours) -> Floats:
    """How far each vector's neighbours are on average; of those it has."""
    there = near.rows >= 0
    total = np.where(there, near.distance, 0).sum(1)
    mean: Floats = np.where(there.any(1), total / np.maximum(there.sum(1), 1), 2.0)
    return mean.astype(np.float32)
