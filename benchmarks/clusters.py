"""Clusters and outliers of many vectors: time, memory, and how near they are to the exact answer.

Images that are like no others are planted; the exact answer is a scan over all for some of them.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from benchmarks.common import say

Vectors = npt.NDArray[np.float16]
T = TypeVar("T")
_BLOCK = 50_000
_KINDS = 2_000
_STRANGE = 1_000
_ASKED = 500


def vectors(count: int, dim: int) -> Vectors:
    """Kinds of pictures of very different frequency around middles of their own; the last
    thousandth lies by itself."""
    rng = np.random.default_rng(0)
    # Kinds lie in a part of the space, as pictures do, and are not equally tight.
    basis = rng.normal(size=(64, dim)).astype(np.float32) / 8
    middles = rng.normal(size=(_KINDS, 64)).astype(np.float32) @ basis
    spread = rng.uniform(0.4, 1.0, _KINDS).astype(np.float32)
    often = 1 / np.arange(1, _KINDS + 1) ** 0.7
    found = np.empty((count, dim), np.float16)
    for start in range(0, count, _BLOCK):
        rows = min(_BLOCK, count - start)
        kind = rng.choice(_KINDS, rows, p=often / often.sum())
        block = middles[kind] + rng.normal(size=(rows, dim)) * spread[kind][:, None]
        found[start : start + rows] = block / np.linalg.norm(block, axis=1, keepdims=True)
    strange = rng.normal(size=(count // _STRANGE, dim))
    found[-len(strange) :] = strange / np.linalg.norm(strange, axis=1, keepdims=True)
    return found


def timed(name: str, work: Callable[[], T]) -> T:
    began, cpu = time.perf_counter(), time.process_time()
    found = work()
    took, used = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    say(f"{name}: {took:.0f} s ({used:.0f} s of processor time), peak so far {peak} MB")
    return found


def exact(data: Vectors, rows: npt.NDArray[np.int64], k: int) -> npt.NDArray[np.float32]:
    """The mean distance of some rows to their ``k`` nearest, by looking at all."""
    asked = data[rows].astype(np.float32)
    best = np.full((len(rows), k + 1), -1.0, np.float32)
    for start in range(0, len(data), _BLOCK):
        near = asked @ data[start : start + _BLOCK].astype(np.float32).T
        best = np.partition(np.hstack([best, near]), -(k + 1), axis=1)[:, -(k + 1) :]
    # The nearest is the row itself.
    found: npt.NDArray[np.float32] = 1 - np.sort(best, axis=1)[:, :-1].mean(1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--parts", default="clusters,outliers")
    options = parser.parse_args()
    from rayograph.analysis import cells, clusters

    data = timed("vectors", lambda: vectors(options.count, options.dim))
    if "clusters" in options.parts:
        tree = timed("clusters", lambda: clusters.tree(data, 0))
        label, far = timed("assigning", lambda: clusters.labels(data, tree))
        for level in range(label.shape[1]):
            sizes = np.bincount(label[:, level])
            say(
                f"level {level}: {len(sizes)} clusters of {sizes.min()} to {sizes.max()}, mean "
                f"distance {far[:, level].mean():.3f}"
            )
    if "outliers" in options.parts:
        near = timed("outliers", lambda: cells.neighbours(data, 10))
        score = cells.mean_distance(near)
        planted = options.count // _STRANGE
        top = np.argsort(-score)[:planted]
        rows = np.random.default_rng(1).choice(options.count, _ASKED, replace=False)
        right = exact(data, rows, 10)
        say(
            f"{int((top >= options.count - planted).sum())} of {planted} planted are strangest; "
            f"scores are {np.abs(score[rows] - right).mean() / right.mean():.2%} off the exact ones"
        )


if __name__ == "__main__":
    main()
