"""Some images that stand for all of them, in an order whose every beginning is a sample too."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rayograph.analysis.cells import Vectors, assign, kmeans, unit
from rayograph.analysis.groups import Floats, Ints, Tell, nothing

VECTORS_MOST = 10_000
_POOL = 50_000
# The first are chosen one by one, later ones in lots out of a few candidates.
_ONE_BY_ONE = 64
_LOT, _CANDIDATES = 64, 512
_CELLS = 2_048


def drawn(count: int, n: int, seed: int) -> Ints:
    """Rows at random."""
    return np.random.default_rng(seed).permutation(count)[:n].astype(np.int64)


def balanced(values: npt.NDArray[np.int64], n: int, seed: int) -> Ints:
    """As many rows of each value as there are, in turn; a negative value is left out."""
    rows = np.random.default_rng(seed).permutation(len(values))
    rows = rows[values[rows] >= 0]
    of = values[rows]
    order = np.argsort(of, kind="stable")
    starts = np.searchsorted(of[order], of[order])
    turn = np.empty(len(rows), np.int64)
    turn[order] = np.arange(len(rows)) - starts
    return rows[np.lexsort((of, turn))][:n]


def diverse(vectors: Vectors, n: int, seed: int, tell: Tell = nothing) -> tuple[Ints, Floats]:
    """Rows as far from each other as can be (k-centre), and how far each was when chosen.

    Of many vectors those farthest from each other in a random part, which is large beside ``n``.
    """
    rng = np.random.default_rng(seed)
    pool = np.sort(rng.permutation(len(vectors))[: max(_POOL, 4 * n)])
    block = unit(vectors[pool])
    # It begins with the most typical: the nearest to the mean.
    first = int(np.argmax(block @ unit(block.mean(0, keepdims=True))[0]))
    chosen, far = [first], [0.0]
    apart = 1 - block @ block[first]
    while len(chosen) < min(n, len(pool)):
        tell(len(chosen), n)
        if len(chosen) < _ONE_BY_ONE:
            picks = [int(apart.argmax())]
            far.append(float(apart[picks[0]]))
        else:
            picks, steps = _lot(block, apart, min(_LOT, n - len(chosen)))
            far += steps
        chosen += picks
        np.minimum(apart, 1 - (block @ block[picks].T).max(1), out=apart)
        # One that is chosen is never chosen again, also where rounding leaves a distance.
        apart[picks] = -1
    return pool[chosen], np.maximum(np.array(far, np.float32), 0)


def _lot(block: Floats, apart: Floats, most: int) -> tuple[list[int], list[float]]:
    """The next few, the farthest first, each far from those before it in the lot too."""
    few = min(_CANDIDATES, len(apart))
    candidates = np.argpartition(-apart, few - 1)[:few]
    near, left = block[candidates] @ block[candidates].T, apart[candidates].copy()
    picks, far = [], []
    for _ in range(min(most, few)):
        best = int(left.argmax())
        if left[best] < 0:
            break
        picks.append(int(candidates[best]))
        far.append(float(left[best]))
        np.minimum(left, 1 - near[best], out=left)
        left[best] = -1
    return picks, far


def typical(vectors: Vectors, n: int, seed: int, tell: Tell = nothing) -> tuple[Ints, Floats]:
    """The middle of each of ``n`` cells, the largest cell first, and each cell's share of all."""
    centroids = kmeans(vectors, min(n, _CELLS), seed, tell)
    label, near = assign(vectors, centroids, tell)
    size = np.bincount(label, minlength=len(centroids))
    # The nearest of each cell first, then, where more are wanted than there are cells, the second.
    order = np.lexsort((-near, label))
    starts = np.searchsorted(label[order], label[order])
    turn = np.arange(len(order)) - starts
    picked = order[np.lexsort((-size[label[order]], turn))][:n]
    share: Floats = (size[label[picked]] / len(vectors)).astype(np.float32)
    return picked, share
