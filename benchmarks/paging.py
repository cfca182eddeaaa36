"""A page of 100 rows at any offset, and the stage counts, in a table of a million rows."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable

import numpy as np

from benchmarks import common, load, synthetic
from benchmarks.common import percentile, ratio, seconds
from rayograph.catalog import Catalog, DatasetReader, DatasetWriter

LIMIT = 100


def main() -> None:
    options = common.arguments(__doc__, 1_000_000, queries=200, dim=512)
    common.machine()
    rng = random.Random(3)
    offsets = [rng.randrange(options.count - LIMIT) for _ in range(options.queries)]
    with common.scratch() as work:
        catalog = Catalog(str(work / "catalog"))
        key = synthetic.write(catalog, options.count, dim=options.dim, index=False)
        reader = catalog.reader(key)
        reader.page(offset=0, limit=LIMIT)
        page = times(lambda at: reader.page(offset=at, limit=LIMIT), offsets)
        began = time.perf_counter()
        reader.page(offset=0, limit=LIMIT, sort="-size")
        sort_s = time.perf_counter() - began
        sorted_page = times(lambda at: reader.page(offset=at, limit=LIMIT, sort="-size"), offsets)

        def counts(_: int) -> None:
            reader._counting.forget()
            reader.counts()

        counted = times(counts, offsets)
        live = after_commits(reader, catalog.writer(key))
        floor_page, floor_counts = floors(reader, offsets)
        with common.Server(work / "catalog", model="none") as server:
            paths = [f"/api/datasets/{key}/images?limit={LIMIT}&offset={at}" for at in offsets]
            through = load.fetch(server.url, paths, connections=1)
            progress = load.fetch(
                server.url, [f"/api/progress/{key}"] * len(offsets), connections=1
            )
    rows = [
        _row("page, any offset, in process", page, "<= 20 ms", floor_page),
        _row("page, any offset, over HTTP", through.latencies, "<= 20 ms", floor_page),
        _row(f"page, sorted (first: {seconds(sort_s)})", sorted_page, "", floor_page),
        _row("floor: rows in memory to JSON", floor_page, "", floor_page),
        _row("stage counts, after a commit", live, "<= 15 ms", floor_counts),
        _row("stage counts, nothing known", counted, "", floor_counts),
        _row("progress, over HTTP", progress.latencies, "<= 15 ms", floor_counts),
        _row("floor: numpy count of two columns", floor_counts, "", floor_counts),
    ]
    common.table((f"{options.count:,} rows", "p50", "p95", "reach", "of the floor"), rows)


def after_commits(reader: DatasetReader, writer: DatasetWriter) -> list[float]:
    """Seconds of the counts right after one fragment's metadata was written again."""
    found = []
    for fragment, _ in reader.fragments():
        writer.fill({fragment: writer.read_group("metadata", fragment)})
        found += times(lambda _: reader.counts(), [0])
    return found


def _row(name: str, found: list[float], reach: str, beside: list[float]) -> tuple[str, ...]:
    middle, late = percentile(found, 0.5), percentile(found, 0.95)
    return name, seconds(middle), seconds(late), reach, ratio(middle, percentile(beside, 0.5))


def times(call: Callable[[int], object], offsets: list[int]) -> list[float]:
    """Seconds of a call for each offset."""
    found = []
    for offset in offsets:
        began = time.perf_counter()
        call(offset)
        found.append(time.perf_counter() - began)
    return found


def floors(reader: object, offsets: list[int]) -> tuple[list[float], list[float]]:
    """The same answers out of Arrow and numpy in memory: no table, no disk."""
    dataset = reader.snapshot()  # type: ignore[attr-defined]
    names = [n for n in dataset.schema.names if n != "vector"]
    rows = dataset.to_table(columns=names)
    page = times(lambda at: json.dumps(rows.slice(at, LIMIT).to_pylist()), offsets)
    pairs = [rows[name].to_numpy().astype(np.int64) for name in ("meta_state", "embed_state")]
    counts = times(lambda _: np.bincount(pairs[0] * 5 + pairs[1]), offsets[:50])
    return page, counts


if __name__ == "__main__":
    main()
