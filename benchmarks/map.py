"""Maps of vectors: openTSNE, UMAP and PaCMAP by time, memory and how many neighbours they keep.

The projections are installed on first use in ``.bench-venv/map``, apart.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np
import numpy.typing as npt

PEERS = ("openTSNE>=1,<2", "umap-learn>=0.5", "pacmap>=0.8", "pillow", "pyarrow", "pydantic")
Matrix = npt.NDArray[np.float32]


def vectors(count: int, dim: int, seed: int, more: int = 0) -> Matrix:
    """Unit vectors like CLIP's: a tree of clusters of very different sizes, and noise.

    With ``more`` other ones of the same tree.
    """
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(12, dim))
    fine = coarse[rng.integers(0, 12, 150)] + 0.8 * rng.normal(size=(150, dim))
    weights = rng.pareto(1.0, 150) + 0.2
    label = rng.choice(150, count, p=weights / weights.sum())
    # Within a cluster pictures differ in a few ways, not in all dimensions.
    ways = rng.normal(size=(150, 6, dim)) / 2
    if more:
        rng = np.random.default_rng(more)
        label = rng.choice(150, count, p=weights / weights.sum())
    inner = np.einsum("nw,nwd->nd", rng.normal(size=(count, 6)), ways[label])
    found = fine[label] + inner + 0.25 * rng.normal(size=(count, dim))
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found.astype(np.float32)


def kept(high: Matrix, low: Matrix, k: int, probe: int = 2000) -> float:
    """The mean share of the k nearest that are among the k nearest on the map."""
    rows = np.random.default_rng(0).choice(len(high), min(probe, len(high)), replace=False)
    far = -(high[rows] @ high.T)
    flat = ((low[rows][:, None] - low[None]) ** 2).sum(2)
    far[np.arange(len(rows)), rows] = np.inf
    flat[np.arange(len(rows)), rows] = np.inf
    near = np.argpartition(far, k, axis=1)[:, :k]
    there = np.argpartition(flat, k, axis=1)[:, :k]
    return float(np.mean([len(np.intersect1d(a, b)) / k for a, b in zip(near, there, strict=True)]))


def spread(high: Matrix, low: Matrix) -> float:
    """Rank correlation of distances between pairs far and near: what is left of the large shape."""
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, len(high), (2, 20_000))
    far = 1 - (high[a] * high[b]).sum(1)
    flat = np.linalg.norm(low[a] - low[b], axis=1)
    ranks = [np.argsort(np.argsort(values)) for values in (far, flat)]
    return float(np.corrcoef(*ranks)[0, 1])


def fit(method: str, data: Matrix) -> Matrix:
    """The map one method makes with its own defaults, seeded."""
    if method == "openTSNE":
        import openTSNE

        return np.asarray(openTSNE.TSNE(n_jobs=2, random_state=0, metric="cosine").fit(data))
    if method == "UMAP":
        import umap

        return np.asarray(umap.UMAP(metric="cosine", random_state=0).fit_transform(data))
    if method == "PaCMAP":
        import pacmap

        return np.asarray(pacmap.PaCMAP(random_state=0).fit_transform(data))
    from rayograph.analysis.places import fitted

    return fitted(data.astype(np.float16), 0)


def one(method: str, count: int, dim: int) -> dict[str, Any]:
    data = vectors(count, dim, 0)
    warm = vectors(500, dim, 1)
    if method in ("UMAP", "PaCMAP"):
        fit(method, warm)  # what numba compiles is not the method's own time
    began, cpu = time.perf_counter(), time.process_time()
    low = fit(method, data)
    return {
        "method": method,
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_s": round(time.process_time() - cpu, 1),
        "kept@15": round(kept(data, low, 15), 3),
        "kept@100": round(kept(data, low, 100), 3),
        "shape": round(spread(data, low), 3),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def whole(count: int, dim: int) -> None:
    """The map of a whole dataset as the analysis makes it: a sample is fitted, the rest placed."""
    from rayograph.analysis import clusters, places

    data, made = np.empty((count, dim), np.float16), 100_000
    for start in range(0, count, made):
        rows = min(made, count - start)
        # One tree of clusters for all: other pictures of the same kinds.
        data[start : start + rows] = vectors(rows, dim, 0, start)
    print(f"{count} vectors of {dim}, {data.nbytes // 2**20} MB")
    began = time.perf_counter()
    rows_ = places.sampled(count, 0)
    fitted = places.fitted(data[rows_], 0)
    took = {"fitting": time.perf_counter() - began}
    rest = np.setdiff1d(np.arange(count), rows_)
    began = time.perf_counter()
    xy = np.empty((count, 2), np.float32)
    xy[rows_], xy[rest] = fitted, places.placed(data[rest], data[rows_], fitted, 0)
    took["placing"] = time.perf_counter() - began
    began = time.perf_counter()
    clusters.labels(data, clusters.tree(data, 0))
    took["clustering"] = time.perf_counter() - began
    some = np.random.default_rng(2).choice(count, min(count, 20_000), replace=False)
    high = data[some].astype(np.float32)
    print(
        json.dumps(
            {
                **{name: round(seconds, 1) for name, seconds in took.items()},
                "kept@15 among 20,000": round(kept(high, xy[some], 15), 3),
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--python", default=None, help="an interpreter that has the projections")
    parser.add_argument("--methods", default="ours,openTSNE,UMAP,PaCMAP")
    parser.add_argument("--whole", action="store_true", help="a dataset, not the methods")
    options = parser.parse_args()
    if options.whole:
        whole(options.count, options.dim)
        return
    if options.only:
        print(json.dumps(one(options.only, options.count, options.dim)))
        return
    python = options.python or _peer_python()
    print(f"{options.count} vectors of {options.dim}")
    for method in options.methods.split(","):
        own = sys.executable if method == "ours" else python
        command = [own, "-W", "ignore", "-m", "benchmarks.map", "--only", method]
        command += ["--count", str(options.count), "--dim", str(options.dim)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = done.stdout.strip().splitlines()
        print(lines[-1] if done.returncode == 0 else f"{method}: {done.stderr.strip()[-300:]}")


def _peer_python() -> str:
    # Not above: the peer's own Python runs this file too, and has nothing else.
    from benchmarks.common import peer_python

    return peer_python("map", PEERS)


if __name__ == "__main__":
    main()
