"""What `search` asks, asked of faiss and usearch, by a Python that has nothing else."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

PACKAGES = ("faiss-cpu==1.15.1", "usearch==2.26.6")
METHODS = ("faiss IVF", "faiss HNSW", "usearch HNSW")
K = 10
REACH = 0.99
EFFORTS = (32, 64, 128, 256, 512)
FILES = ("vectors.npy", "queries.npy", "truth.npy", "picked.npy")
_BLOCK = 100_000
_TRAINED = 200_000
Vectors = npt.NDArray[np.float16]
Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
# Given a query, a selector of what may be found (None: everything) and an effort.
Search = Callable[[npt.NDArray[np.float32], Any, int], Rows]


def faiss_ivf(vectors: Vectors) -> Search:
    """Cells of about 250 vectors in half precision; the effort is how many cells are looked at."""
    import faiss

    dim, cells = vectors.shape[1], max(16, len(vectors) // 250)
    flat = faiss.IndexFlatIP(dim)
    index = faiss.IndexIVFScalarQuantizer(
        flat, dim, cells, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    index.cp.niter = 10
    every = max(1, len(vectors) // _TRAINED)
    index.train(vectors[::every].astype(np.float32))
    _add(index, vectors)

    return _asking(index, lambda effort, sel: faiss.SearchParametersIVF(nprobe=effort, sel=sel))


def faiss_hnsw(vectors: Vectors) -> Search:
    """A graph of 32 links a vector, half precision; the effort is the length of its list."""
    import faiss

    index = faiss.IndexHNSWSQ(
        vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, 32, faiss.METRIC_INNER_PRODUCT
    )
    index.hnsw.efConstruction = 80
    index.train(vectors[:1000].astype(np.float32))
    _add(index, vectors)

    return _asking(index, lambda effort, sel: faiss.SearchParametersHNSW(efSearch=effort, sel=sel))


def usearch_hnsw(vectors: Vectors) -> Search:
    """The same graph by usearch; its Python cannot filter."""
    from usearch.index import Index

    index = Index(
        ndim=vectors.shape[1], metric="ip", dtype="f16", connectivity=32, expansion_add=80
    )
    for start in range(0, len(vectors), _BLOCK):
        part = vectors[start : start + _BLOCK]
        index.add(np.arange(start, start + len(part)), np.ascontiguousarray(part))

    def search(query: npt.NDArray[np.float32], picked: Any, effort: int) -> Rows:
        index.expansion_search = effort
        return np.asarray(index.search(query.astype(np.float16), K).keys, np.int64)

    return search


BUILDERS = dict(zip(METHODS, (faiss_ivf, faiss_hnsw, usearch_hnsw), strict=True))


def measure(folder: Path, method: str) -> dict[str, Any]:
    """At the least effort that reaches the recall without a filter, or the most there is."""
    vectors, queries, truth, picked = (np.load(folder / name, mmap_mode="r") for name in FILES)
    began = time.perf_counter()
    search = BUILDERS[method](vectors)
    built_s = time.perf_counter() - began
    for effort in EFFORTS:
        whole = _timed(search, queries, None, effort, truth[0])
        if whole["recall"] >= REACH:
            break
    rows = []
    if method.startswith("faiss"):
        for right, mask in zip(truth[1:], picked, strict=True):
            rows.append(_timed(search, queries, _selector(mask), effort, right))
    return {
        "effort": effort,
        "built_s": built_s,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "rows": [whole, *rows],
    }


def recall(found: Sequence[Rows], truth: Rows) -> float:
    shares = [len(np.intersect1d(*pair)) / K for pair in zip(found, truth, strict=True)]
    return float(np.mean(shares))


def _timed(
    search: Search, queries: Vectors, picked: Any, effort: int, truth: Rows
) -> dict[str, float]:
    found, taken = [], []
    for query in queries:
        began = time.perf_counter()
        found.append(search(query.astype(np.float32), picked, effort))
        taken.append(time.perf_counter() - began)
    p50, p95 = np.percentile(taken, (50, 95))
    return {"p50": float(p50), "p95": float(p95), "recall": recall(found, truth)}


def _asking(index: Any, parameters: Callable[[int, Any], Any]) -> Search:
    def search(query: npt.NDArray[np.float32], picked: Any, effort: int) -> Rows:
        found: Rows = index.search(query[None], K, params=parameters(effort, picked))[1][0]
        return found

    return search


def _add(index: Any, vectors: Vectors) -> None:
    for start in range(0, len(vectors), _BLOCK):
        index.add(vectors[start : start + _BLOCK].astype(np.float32))


def _selector(mask: Mask) -> Any:
    import faiss

    return faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), sys.argv[2])))
