"""A place in the plane for every vector: a projection of some, and the rest beside their likes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rayograph.analysis.cells import Vectors, kmeans, unit
from rayograph.analysis.groups import Floats, Ints, Tell, nothing

SAMPLE = 20_000
_PERPLEXITY = 30
_BESIDE = 5
_PROBES = 4
_BLOCK = 4_096
_FEW = 12


def sampled(count: int, seed: int) -> Ints:
    """The rows the projection is fitted to."""
    if count <= SAMPLE:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, SAMPLE, replace=False))


def fitted(vectors: Vectors, seed: int, tell: Tell = nothing) -> Floats:
    """The projection: ``float32 [n, 2]``, centred, most of it within -1 to 1."""
    if len(vectors) < _FEW:
        turn = 2 * np.pi * np.arange(len(vectors)) / max(1, len(vectors))
        ring: Floats = (np.stack([np.cos(turn), np.sin(turn)], 1) / 2).astype(np.float32)
        return ring
    # It brings scikit-learn, which takes a second to load.
    from openTSNE import TSNE

    perplexity = min(_PERPLEXITY, (len(vectors) - 1) / 3)

    def step(iteration: int, _: float, __: object) -> None:
        tell(iteration, 750)

    found = TSNE(
        perplexity=perplexity,
        metric="cosine",
        n_jobs=-1,
        random_state=seed,
        callbacks=step,
        callbacks_every_iters=25,
    ).fit(unit(vectors).astype(np.float64))
    return scaled(np.asarray(found))


def scaled(places: npt.NDArray[np.floating]) -> Floats:
    """Centred on the median, 99 of 100 within -1 to 1."""
    middle = np.median(places, axis=0)
    reach = float(np.quantile(np.abs(places - middle), 0.99)) or 1.0
    near: Floats = ((places - middle) / reach).astype(np.float32)
    return near


def placed(
    vectors: Vectors, known: Vectors, places: Floats, seed: int, tell: Tell = nothing
) -> Floats:
    """Places of vectors beside the nearest of those that have one.

    Each lands in the middle of its nearest, weighted by likeness, and a little off, so that those
    with the same neighbours do not lie on top of each other.
    """
    rng = np.random.default_rng(seed)
    cells = int(np.clip(len(known) // 150, 1, 256))
    centroids = kmeans(known, cells, seed)
    home = np.argmax(unit(known) @ centroids.T, axis=1)
    members = [np.flatnonzero(home == cell) for cell in range(len(centroids))]
    found = np.empty((len(vectors), 2), np.float32)
    probes = min(_PROBES, len(centroids))
    for start in range(0, len(vectors), _BLOCK):
        tell(start, len(vectors))
        block = unit(vectors[start : start + _BLOCK])
        found[start : start + _BLOCK] = _beside(
            block, known, places, members, np.argsort(-(block @ centroids.T), axis=1)[:, :probes]
        )
    scale = 0.25 * _gap(places)
    return found + rng.normal(scale=scale, size=found.shape).astype(np.float32)


def _beside(
    block: Floats, known: Vectors, places: Floats, members: list[Ints], cells: Ints
) -> Floats:
    near = np.full((len(block), _BESIDE), -2.0, np.float32)
    rows = np.zeros((len(block), _BESIDE), np.int64)
    for probe in range(cells.shape[1]):
        for cell in np.unique(cells[:, probe]).tolist():
            mine, there = np.flatnonzero(cells[:, probe] == cell), members[cell]
            if not len(there):
                continue
            both = np.concatenate([near[mine], block[mine] @ unit(known[there]).T], axis=1)
            whose = np.concatenate(
                [rows[mine], np.broadcast_to(there, (len(mine), len(there)))], axis=1
            )
            best = np.argpartition(-both, _BESIDE - 1, axis=1)[:, :_BESIDE]
            near[mine] = np.take_along_axis(both, best, 1)
            rows[mine] = np.take_along_axis(whose, best, 1)
    top = near.max(1, keepdims=True)
    weight = np.exp(np.clip((near - top) / 0.02, -50, 0)) * (near > -2)
    weight /= weight.sum(1, keepdims=True)
    middle: Floats = np.einsum("nk,nkd->nd", weight, places[rows]).astype(np.float32)
    return middle


def _gap(places: Floats) -> float:
    """How far apart neighbours on the map are, about."""
    rows = np.random.default_rng(0).permutation(len(places))[:500]
    apart = ((places[rows][:, None] - places[None]) ** 2).sum(2)
    apart[np.arange(len(rows)), rows] = np.inf
    return float(np.sqrt(np.median(apart.min(1))))
