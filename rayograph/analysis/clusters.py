"""Clusters at several granularities, each level nested in the one above it, and their words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.analysis.cells import Vectors, assign, kmeans, unit
from rayograph.analysis.groups import Floats, Ints, Tell, nothing

LEVELS = (8, 32, 128)
# A cluster that is finer than a handful of images tells nobody anything.
_LEAST_ROWS = 6
WORDS = 6
# Two words may well mean the same; with more that are so near, a model knows none of them.
_SAME, _TWINS = 0.98, 2
_CAPTIONS = 200_000
_TOKEN = re.compile(r"[^\W\d_]{3,}")
_STOP = frozenset(
    """the and with for from that this are was were has have its his her their one two three into
    over under above below near next very some more other than who what which while being
    been""".split()  # noqa: SIM905
)


_NAME_WORDS = 3


def name_of(number: int, words: Sequence[str]) -> str:
    """What a cluster is called."""
    return ", ".join(words[:_NAME_WORDS]) or f"group {number + 1}"


def default_level(levels: int) -> int:
    """Of so many levels the one that is meant where nobody says which: the middle one."""
    return min(1, levels - 1)


@dataclass(frozen=True, slots=True)
class Tree:
    """Centroids ``float32 [n, dim]`` of each level, coarse first, and each cluster's parent."""

    centroids: list[Floats]
    parents: list[Ints]


def tree(vectors: Vectors, seed: int, tell: Tell = nothing) -> Tree:
    """The finest level by k-means; coarser ones by joining what is nearest (Ward)."""
    sizes = [k for k in LEVELS if k * _LEAST_ROWS <= len(vectors)] or [1]
    fine = kmeans(vectors, sizes[-1], seed, tell)
    label, _ = assign(vectors, fine)
    weight = np.bincount(label, minlength=len(fine)).astype(np.float64)
    return joined(fine, weight, sizes[:-1])


def joined(fine: Floats, weight: npt.NDArray[np.float64], sizes: Sequence[int]) -> Tree:
    """The tree whose finest level is given; ``sizes`` are those of the coarser ones."""
    wanted = sorted((k for k in set(sizes) if k < len(fine)), reverse=True)
    part = np.arange(len(fine))
    cuts = [part.copy()]
    middle, heavy = fine.astype(np.float64).copy(), np.maximum(weight, 1.0)
    alive = np.ones(len(fine), bool)
    for left in range(len(fine) - 1, 0, -1):
        if not wanted:
            break
        one, other = _nearest(middle, heavy, alive)
        both = heavy[one] + heavy[other]
        middle[one] = (heavy[one] * middle[one] + heavy[other] * middle[other]) / both
        heavy[one], alive[other] = both, False
        part[part == other] = one
        if left == wanted[0]:
            cuts.insert(0, part.copy())
            wanted.pop(0)
    return _levels(fine, weight, cuts)


def _nearest(
    middle: npt.NDArray[np.float64], heavy: npt.NDArray[np.float64], alive: npt.NDArray[np.bool_]
) -> tuple[int, int]:
    """The two whose joining costs least (Ward's criterion), the lower number first."""
    rows = np.flatnonzero(alive)
    points, mass = middle[rows], heavy[rows]
    square = (points**2).sum(1)
    apart = square[:, None] + square[None] - 2 * points @ points.T
    cost = apart * (mass[:, None] * mass[None] / (mass[:, None] + mass[None]))
    np.fill_diagonal(cost, np.inf)
    one, other = np.unravel_index(int(cost.argmin()), cost.shape)
    return int(rows[min(one, other)]), int(rows[max(one, other)])


def _levels(fine: Floats, weight: npt.NDArray[np.float64], cuts: list[Ints]) -> Tree:
    centroids, parents = list[Floats](), list[Ints]()
    numbers: list[Ints] = []
    for cut in cuts:
        names, number = np.unique(cut, return_inverse=True)
        sums = np.zeros((len(names), fine.shape[1]))
        np.add.at(sums, number, fine * np.maximum(weight, 1e-3)[:, None])
        centroids.append(unit(sums))
        parent = np.full(len(names), -1, np.int64)
        if numbers:
            parent[number] = numbers[-1]
        numbers.append(number)
        parents.append(parent)
    return Tree(centroids, parents)


def labels(vectors: Vectors, found: Tree, tell: Tell = nothing) -> tuple[Ints, Floats]:
    """Each vector's clusters ``[n, levels]``, nested, and its distances from their middles."""
    label = np.empty((len(vectors), len(found.centroids)), np.int64)
    far = np.empty(label.shape, np.float32)
    label[:, -1], near = assign(vectors, found.centroids[-1], tell)
    far[:, -1] = 1 - near
    for level in range(len(found.centroids) - 2, -1, -1):
        label[:, level] = found.parents[level + 1][label[:, level + 1]]
        for start in range(0, len(vectors), 16_384):
            block = slice(start, start + 16_384)
            mine = found.centroids[level][label[block, level]]
            far[block, level] = 1 - np.einsum("nd,nd->n", unit(vectors[block]), mine)
    return label, np.maximum(far, 0)


@cache
def vocabulary() -> tuple[str, ...]:
    """Words that say what pictures show, as somebody would call them."""
    text = (files("rayograph.analysis") / "vocabulary.txt").read_text("utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


def nearest_words(
    centroids: Floats, weight: npt.NDArray[np.float64], words: Vectors
) -> list[list[int]]:
    """For each centroid the words nearest to what sets it apart, best first.

    Pictures and texts lie in two different parts of a model's space: both are taken from their own
    mean, else the words nearest to everything would name every cluster.
    """
    mean = np.average(centroids, axis=0, weights=np.maximum(weight, 1e-9))
    apart = unit(centroids - mean) if len(centroids) > 1 else unit(centroids)
    texts = unit(words)
    known = known_words(texts)
    texts = unit(texts - texts[known].mean(0))
    score = np.where(known, apart @ texts.T, -2)
    best: list[list[int]] = np.argsort(-score, axis=1, kind="stable")[:, :WORDS].tolist()
    return best


def known_words(texts: Floats) -> npt.NDArray[np.bool_]:
    """Words that a model tells from others: those it has never met all get the same vector."""
    twins = (texts @ texts.T > _SAME).sum(1) - 1
    known: npt.NDArray[np.bool_] = twins < _TWINS
    return known if int(known.sum()) >= WORDS else np.ones(len(texts), bool)


def caption_words(captions: pa.ChunkedArray, label: Ints, count: int, seed: int) -> list[list[str]]:
    """For each cluster the words that its captions have and others have not, best first."""
    rows = np.flatnonzero(captions.is_valid().to_numpy())
    if len(rows) > _CAPTIONS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, _CAPTIONS, replace=False))
    if not len(rows):
        return [[] for _ in range(count)]
    lower = pc.utf8_lower(captions.take(pa.array(rows))).combine_chunks()
    split = pc.split_pattern_regex(lower, r"[^\p{L}]+")
    words = pc.dictionary_encode(pc.list_flatten(split))
    names = words.dictionary.to_pylist()
    row, word = pc.list_parent_indices(split).to_numpy(), words.indices.to_numpy()
    # A word counts once in a caption.
    pairs = np.unique(row.astype(np.int64) * len(names) + word)
    row, word = pairs // len(names), pairs % len(names)
    table = np.zeros((count, len(names)), np.float32)
    np.add.at(table, (label[rows][row], word), 1)
    usable = np.array([bool(_TOKEN.fullmatch(n)) and n not in _STOP for n in names], bool)
    captioned = np.bincount(label[rows], minlength=count)
    share = table / np.maximum(captioned[:, None], 1)
    common = table.sum(0) / len(rows)
    score = np.where(usable, share * np.log(np.maximum(share, 1e-9) / common), -1)
    best = np.argsort(-score, axis=1, kind="stable")[:, :WORDS]
    return [[names[w] for w in line if score[c, w] > 0.05] for c, line in enumerate(best.tolist())]
