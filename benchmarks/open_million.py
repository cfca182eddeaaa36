"""A running server: POST of one folder with a million files -> first page, and whole listing."""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks import common
from benchmarks.common import ratio, seconds


def main() -> None:
    options = common.arguments(__doc__, 1_000_000)
    common.machine()
    with common.scratch() as work:
        folder = common.empty_files(work / "million", options.count)
        common.say(f"{options.count:,} empty files made")
        scanned, floor = bare(folder, work / "floor.lance")
        with common.Server(work / "catalog", model="none") as server:
            server.warm(work / "warm")
            began = time.perf_counter()
            key = server.add(folder)
            accepted = time.perf_counter() - began
            page = server.get(f"/api/datasets/{key}/images?limit=100")
            paged = time.perf_counter() - began
            listed = server.stage_done(key, "listing")
            took = time.perf_counter() - began
            meanwhile = listed["stages"]["metadata"]
            server.http.post(f"/api/datasets/{key}/cancel").raise_for_status()
    if len(page["items"]) != min(100, options.count) or listed["total"] != options.count:
        raise RuntimeError(f"{len(page['items'])} rows paged, {listed['total']} listed")
    rows = [
        ("POST answered", seconds(accepted), "", ""),
        ("first page of 100 rows", seconds(paged), "<= 0.5 s", ratio(paged, floor)),
        (f"all {options.count:,} listed", seconds(took), "<= 2.5 x", ratio(took, floor)),
        ("floor: scandir + stat", seconds(scanned), "", ratio(scanned, floor)),
        ("floor: ... + one Lance write", seconds(floor), "", "1.00 x"),
    ]
    common.table(("since the POST", "took", "reach", "of the floor"), rows)
    tried = meanwhile["done"] + meanwhile["failed"]
    print(f"meanwhile metadata looked at {tried:,} of the files: it never waits for listing")


def bare(folder: Path, table: Path) -> tuple[float, float]:
    """Seconds to name and stat every file, and the same with one write of one table."""
    import lance
    import pyarrow as pa

    began = time.perf_counter()
    names, sizes, times = [], [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            facts = entry.stat()
            names.append(entry.name)
            sizes.append(facts.st_size)
            times.append(facts.st_mtime)
    scanned = time.perf_counter() - began
    rows = pa.table({"uri": names, "size": sizes, "mtime": times})
    lance.write_dataset(rows, str(table), data_storage_version="2.2")
    return scanned, time.perf_counter() - began


if __name__ == "__main__":
    main()
