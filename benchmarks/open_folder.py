"""A running server: POST of a folder of photographs -> first page of rows and 60 thumbnails."""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks import common, load, peer
from benchmarks.common import median, percentile, ratio, seconds
from rayograph import imaging

SHOWN = 60


def main() -> None:
    options = common.arguments(__doc__, 10_000, repeats=5, no_peer=False)
    common.machine()
    with common.scratch() as work:
        folder = common.photographs(work / "photographs", options.count)
        common.say(f"{options.count:,} photographs made")
        floor = bare(folder)
        found = None if options.no_peer else peer.add_images(folder, work / "peer")
        with common.Server(work / "catalog", model="none") as server:
            server.warm(work / "warm")
            opened = [once(server, folder, f"run {at}") for at in range(options.repeats)]
    accepted, paged, shown = zip(*opened, strict=True)
    peer_s = found["add_s"] if found else None
    rows = [
        ("POST answered", seconds(median(accepted)), seconds(max(accepted)), "", ""),
        ("first page of 100 rows", seconds(median(paged)), seconds(max(paged)), "", ""),
        (f"... and {SHOWN} thumbnails", *_both(shown), "<= 0.3 s", ratio(median(shown), peer_s)),
        ("floor: bare scandir, stat, Pillow", seconds(floor), "", "", ratio(floor, peer_s)),
        ("peer: lightly-studio, embed=False", seconds(peer_s), "", "", "1.00 x"),
    ]
    common.table(("since the POST", "median", "worst", "reach", "of the peer"), rows)


def _both(values: tuple[float, ...]) -> tuple[str, str]:
    return seconds(median(values)), seconds(percentile(values, 1.0))


def once(server: common.Server, folder: Path, name: str) -> tuple[float, float, float]:
    """Seconds from the POST to its answer, the first page, and the thumbnails on it."""
    began = time.perf_counter()
    key = server.add(folder, name=name)
    accepted = time.perf_counter() - began
    page = server.get(f"/api/datasets/{key}/images?limit=100")
    paged = time.perf_counter() - began
    load.fetch(server.url, common.thumbnails_of(page)[:SHOWN])
    shown = time.perf_counter() - began
    server.complete(key)
    return accepted, paged, shown


def bare(folder: Path) -> float:
    """Names and stats of all files, then 60 thumbnails one after another, in this process."""
    began = time.perf_counter()
    paths: list[str] = []
    for home in os.scandir(folder):
        for entry in os.scandir(home):
            entry.stat()
            paths.append(entry.path)
    for path in sorted(paths)[:SHOWN]:
        data = Path(path).read_bytes()
        imaging.thumbnail(data, width=256, quality=78, max_pixels=500_000_000)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
