"""Search in 100,000 and 1,000,000 vectors: latency and recall, against exact scans."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks import common, synthetic
from benchmarks.common import percentile, seconds
from rayograph.catalog import Catalog
from rayograph.catalog.columns import SPACES
from rayograph.settings import Settings

DIM = 512
K = 10
RERANKED = 50
WARM = 20
FLOOR_QUERIES = 20
BLOCK = 100_000
Rows = npt.NDArray[np.int64]


def main() -> None:
    options = common.arguments(__doc__, 0, queries=200)
    common.machine()
    for count in [options.count] if options.count else [100_000, 1_000_000]:
        with common.scratch() as work:
            measure(work, count, options.queries)


def measure(work: Path, count: int, how_many: int) -> None:
    catalog = Catalog(str(work / "catalog"))
    key = synthetic.write(catalog, count, dim=DIM, index=False)
    writer, settings = catalog.writer(key), Settings()
    began = time.perf_counter()
    indexed = count >= settings.index.min_rows
    if indexed:
        writer.keep_index(SPACES[0], settings.index)
    build_s = time.perf_counter() - began
    queries = synthetic.Clouds(DIM).draw(how_many + WARM, seed=10**9)
    reader = catalog.reader(key)

    def ours(query: npt.NDArray[np.float16]) -> Rows:
        rows, _, searched, _ = reader.search(query, k=K, refine=settings.index.refine)
        if searched != count:
            raise RuntimeError(f"{searched} of {count} searched")
        return np.array([int(row["file_name"][:-4]) for row in rows])

    for query in queries[how_many:]:
        ours(query)
    queries = queries[:how_many]
    our_times, our_rows = timed(ours, queries)
    vectors = synthetic.vectors_of(catalog, key, DIM)
    truth = exact(vectors, queries)
    what = f"rayograph, index of {seconds(build_s)}" if indexed else "rayograph, no index: exact"
    reach = "<= 15 / 30 ms, >= 0.99" if count >= 1_000_000 else ""
    rows = [(what, *_columns(our_times, our_rows, truth), reach)]
    for name, peer in (("numpy f32 exact", numpy_exact), ("torch f16 + f32 of 50", torch_half)):
        times, found = timed(peer(vectors), queries[:FLOOR_QUERIES])
        rows.append((name, *_columns(times, found, truth), ""))
    common.table((f"{count:,} x {DIM}, one at a time", "p50", "p95", f"recall@{K}", "reach"), rows)
    megabytes = synthetic.size_bytes(work / "catalog") / 1e6
    print(
        f"the catalog takes {megabytes:,.0f} MB; ours returns whole records, the others row numbers"
    )


def timed(
    search: Callable[[npt.NDArray[np.float16]], Rows], queries: npt.NDArray[np.float16]
) -> tuple[list[float], list[Rows]]:
    """Seconds of each query, and what it found."""
    times, found = [], []
    for query in queries:
        began = time.perf_counter()
        rows = search(query)
        times.append(time.perf_counter() - began)
        found.append(rows)
    return times, found


def _columns(times: list[float], found: list[Rows], truth: Rows) -> tuple[str, str, str]:
    share = [len(np.intersect1d(rows, truth[at])) / K for at, rows in enumerate(found)]
    recall = f"{sum(share) / len(share):.4f}"
    return seconds(percentile(times, 0.5)), seconds(percentile(times, 0.95)), recall


def exact(vectors: npt.NDArray[np.float16], queries: npt.NDArray[np.float16]) -> Rows:
    """The true ``K`` nearest rows of each query by cosine, in float32."""
    asked = _unit(queries)
    scores = np.full((len(queries), 0), 0, np.float32)
    rows = np.empty((len(queries), 0), np.int64)
    for start in range(0, len(vectors), BLOCK):
        found = asked @ _unit(vectors[start : start + BLOCK]).T
        best = np.argpartition(-found, min(K, found.shape[1] - 1), axis=1)[:, :K]
        scores = np.hstack([scores, np.take_along_axis(found, best, 1)])
        rows = np.hstack([rows, best + start])
    order = np.argsort(-scores, axis=1)[:, :K]
    return np.take_along_axis(rows, order, 1)


def numpy_exact(vectors: npt.NDArray[np.float16]) -> Callable[[npt.NDArray[np.float16]], Rows]:
    """Every vector as float32 in memory."""
    unit = _unit(vectors)

    def search(query: npt.NDArray[np.float16]) -> Rows:
        scores = unit @ query.astype(np.float32)
        return np.argpartition(-scores, K)[:K]

    return search


def torch_half(vectors: npt.NDArray[np.float16]) -> Callable[[npt.NDArray[np.float16]], Rows]:
    """Half precision in memory, the best few ranked again in float32."""
    import torch

    half = torch.from_numpy(vectors)

    def search(query: npt.NDArray[np.float16]) -> Rows:
        scores = torch.mv(half, torch.from_numpy(query))
        few = torch.topk(scores, RERANKED).indices.numpy()
        again = _unit(vectors[few]) @ query.astype(np.float32)
        return np.asarray(few[np.argsort(-again)[:K]])

    return search


def _unit(vectors: npt.NDArray[np.float16]) -> npt.NDArray[np.float32]:
    wide = vectors.astype(np.float32)
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    return wide


if __name__ == "__main__":
    main()
