"""Metadata: images a second up to the commit, against the same reads in a bare process pool."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

from benchmarks import common
from benchmarks.common import ratio, seconds
from rayograph.imaging import read_header

CHUNK = 512
FIRST = 10_000


def main() -> None:
    options = common.arguments(__doc__, 100_000)
    common.machine()
    few = min(FIRST, options.count)
    with common.scratch() as work:
        folder = common.photographs(work / "many", options.count)
        small = common.photographs(work / "few", few, first=10_000_000)
        common.say(f"{options.count:,} and {few:,} photographs made")
        pool_s = bare_pool(folder)
        with common.Server(work / "catalog", model="none") as server:
            server.warm(work / "warm")
            first_s, few_s = timed(server, small)
            _, many_s = timed(server, folder)
    rate, floor = options.count / many_s, options.count / pool_s
    rows = [
        ("first metadata on the page", seconds(first_s), "", "<= 2 s", ""),
        (f"{few:,} complete", seconds(few_s), f"{few / few_s:,.0f}", "<= 3 s", ""),
        (
            f"{options.count:,} complete",
            seconds(many_s),
            f"{rate:,.0f}",
            ">= 0.6 x",
            ratio(rate, floor),
        ),
        ("floor: bare pool, reads alone", seconds(pool_s), f"{floor:,.0f}", "", "1.00 x"),
    ]
    common.table(("since the POST", "took", "images/s", "reach", "of the floor"), rows)


def timed(server: common.Server, folder: Path) -> tuple[float, float]:
    """Seconds from the POST to the first width on the page, and to the last commit."""
    began = time.perf_counter()
    key = server.add(folder)

    def first() -> bool | None:
        page = server.get(f"/api/datasets/{key}/images?limit=10")
        return any(item["width"] is not None for item in page["items"]) or None

    common.until(first)
    first_s = time.perf_counter() - began
    progress = server.stage_done(key, "metadata")
    took = time.perf_counter() - began
    done = progress["stages"]["metadata"]
    if done["failed"] or done["done"] != progress["total"]:
        raise RuntimeError(f"not every photograph was read: {done}")
    return first_s, took


def bare_pool(folder: Path) -> float:
    """The same header reads on every core: no listing, no table, no commit, pool already up."""
    paths = [os.path.join(home, n) for home, _, names in os.walk(folder) for n in names]  # noqa: PTH118
    chunks = [paths[at : at + CHUNK] for at in range(0, len(paths), CHUNK)]
    with multiprocessing.get_context("spawn").Pool() as pool:
        pool.map(read, chunks[: 2 * (os.cpu_count() or 1)], chunksize=1)
        began = time.perf_counter()
        found = sum(pool.imap_unordered(read, chunks))
        took = time.perf_counter() - began
    if found != len(paths):
        raise RuntimeError(f"{found} of {len(paths)} headers read")
    return took


def read(paths: list[str]) -> int:
    """Read these headers; how many."""
    for path in paths:
        with open(path, "rb") as file:  # noqa: PTH123
            read_header(file, max_pixels=500_000_000)
    return len(paths)


if __name__ == "__main__":
    main()
