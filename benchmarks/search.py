"""Search in 100,000 and 1,000,000 vectors, also behind filters: latency and recall, beside exact
scans, faiss and usearch."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import common, synthetic
from benchmarks.common import percentile, say, seconds
from benchmarks.search_peers import FILES, METHODS, PACKAGES, K, recall
from rayograph.catalog import Catalog, DatasetReader
from rayograph.catalog.columns import SPACES
from rayograph.catalog.counts import status_of
from rayograph.catalog.filters import Filter
from rayograph.settings import Settings
from rayograph.where import parse

DIM = 512
RERANKED = 50
WARM = 20
FLOOR_QUERIES = 20
BLOCK = 100_000
# Sizes go from 0 to 99,999 and begin again, so this many in a hundred are picked.
WHERES: dict[int, str | None] = {
    100: None, 50: "size<50000", 10: "size<10000", 1: "size<1000"
}  # fmt: skip
Rows = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float16]
Scan = Callable[[Vectors], Rows]


def main() -> None:
    options = common.arguments(__doc__, 0, queries=200, no_peer=False)
    common.machine()
    for count in [options.count] if options.count else [100_000, 1_000_000]:
        with common.scratch() as work:
            measure(work, count, options.queries, peers=not options.no_peer)


def measure(work: Path, count: int, how_many: int, *, peers: bool) -> None:
    catalog = Catalog(str(work / "catalog"))
    key = synthetic.write(catalog, count, dim=DIM, index=False)
    writer, settings = catalog.writer(key), Settings()
    writer.index_fields(SPACES[0], settings.index)
    began = time.perf_counter()
    indexed = count >= settings.index.min_rows
    if indexed:
        writer.keep_index(SPACES[0], settings.index)
    build_s = time.perf_counter() - began
    queries = synthetic.Clouds(DIM).draw(how_many + WARM, seed=10**9)
    reader = catalog.reader(key)
    for query in queries[how_many:]:
        for where in WHERES.values():
            ours(reader, settings, where, query)
    queries = queries[:how_many]
    what = f"rayograph, index of {seconds(build_s)}" if indexed else "rayograph, no index: exact"
    found = {
        share: timed(partial(ours, reader, settings, where), queries)
        for share, where in WHERES.items()
    }
    vectors = synthetic.vectors_of(catalog, key, DIM)
    say("exact answers")
    sizes = np.arange(count) % 100_000
    masks = np.array([sizes < 1000 * share for share in list(WHERES)[1:]])
    picks = [np.arange(count), *(np.flatnonzero(mask) for mask in masks)]
    truth = [exact(vectors, queries, picked) for picked in picks]
    rows: list[tuple[str, ...]] = [
        (what, f"{share} %", *_columns(*found[share], right))
        for share, right in zip(WHERES, truth, strict=True)
    ]
    floors = (("numpy f32 exact", numpy_exact), ("torch f16, 50 again in f32", torch_half))
    for name, floor in floors:
        times, rows_found = timed(floor(vectors), queries[:FLOOR_QUERIES])
        rows.append((name, "100 %", *_columns(times, rows_found, truth[0][:FLOOR_QUERIES])))
    if peers:
        for name, array in zip(FILES, (vectors, queries, np.array(truth), masks), strict=True):
            np.save(work / name, array)
        del vectors
        python = common.peer_python("search", PACKAGES)
        for method in METHODS:
            rows += asked(python, work, method)
    heads = (f"{count:,} x {DIM}, one at a time", "picked", "p50", "p95", f"recall@{K}")
    common.table(heads, rows)
    megabytes = synthetic.size_bytes(work / "catalog") / 1e6
    print(
        f"the catalog takes {megabytes:,.0f} MB; ours reads filters and returns whole records, "
        "the others get masks and return row numbers"
    )


def ours(reader: DatasetReader, settings: Settings, where: str | None, query: Vectors) -> Rows:
    chosen = Filter(parse(where), partial(status_of, embeds=True)) if where else None
    rows, _, searched, total = reader.search(query, k=K, refine=settings.index.refine, where=chosen)
    if searched != total:
        raise RuntimeError(f"{searched} of {total} searched")
    return np.array([int(row["file_name"][:-4]) for row in rows])


def asked(python: str, work: Path, method: str) -> list[tuple[str, ...]]:
    """The rows of a peer, in a process of its own."""
    say(method)
    command = [python, "-W", "ignore", "-m", "benchmarks.search_peers", str(work), method]
    done = subprocess.run(command, cwd=common.REPO, capture_output=True, text=True, check=False)
    if done.returncode:
        return [(f"{method} failed: {done.stderr.strip()[-80:]}", *[""] * 4)]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    name = f"{method}, effort {told['effort']}, built in {seconds(told['built_s'])}"
    return [
        (f"{name}, {told['peak_mb']:,} MB" if share == 100 else method, f"{share} %",
         seconds(row["p50"]), seconds(row["p95"]), f"{row['recall']:.4f}")
        for share, row in zip(WHERES, told["rows"], strict=False)
    ]  # fmt: skip


def timed(search: Scan, queries: Vectors) -> tuple[list[float], list[Rows]]:
    """Seconds of each query, and what it found."""
    times, found = [], []
    for query in queries:
        began = time.perf_counter()
        rows = search(query)
        times.append(time.perf_counter() - began)
        found.append(rows)
    return times, found


def _columns(times: list[float], found: list[Rows], truth: Rows) -> tuple[str, str, str]:
    p50, p95 = percentile(times, 0.5), percentile(times, 0.95)
    return seconds(p50), seconds(p95), f"{recall(found, truth):.4f}"


def exact(vectors: Vectors, queries: Vectors, picked: Rows) -> Rows:
    """The true ``K`` nearest of the picked rows to each query by cosine, in float32."""
    asked_for = _unit(queries)
    scores = np.full((len(queries), 0), 0, np.float32)
    rows = np.empty((len(queries), 0), np.int64)
    for start in range(0, len(picked), BLOCK):
        part = picked[start : start + BLOCK]
        found = asked_for @ _unit(vectors[part]).T
        best = np.argpartition(-found, min(K, found.shape[1] - 1), axis=1)[:, :K]
        scores = np.hstack([scores, np.take_along_axis(found, best, 1)])
        rows = np.hstack([rows, part[best]])
    order = np.argsort(-scores, axis=1)[:, :K]
    return np.take_along_axis(rows, order, 1)


def numpy_exact(vectors: Vectors) -> Scan:
    """Every vector as float32 in memory."""
    unit = _unit(vectors)

    def search(query: Vectors) -> Rows:
        scores = unit @ query.astype(np.float32)
        return np.argpartition(-scores, K)[:K]

    return search


def torch_half(vectors: Vectors) -> Scan:
    """Half precision in memory, the best few ranked again in float32."""
    import torch

    half = torch.from_numpy(vectors)

    def search(query: Vectors) -> Rows:
        scores = torch.mv(half, torch.from_numpy(query))
        few = torch.topk(scores, RERANKED).indices.numpy()
        again = _unit(vectors[few]) @ query.astype(np.float32)
        return np.asarray(few[np.argsort(-again)[:K]])

    return search


def _unit(vectors: Vectors) -> npt.NDArray[np.float32]:
    wide = vectors.astype(np.float32)
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    return wide


if __name__ == "__main__":
    main()
