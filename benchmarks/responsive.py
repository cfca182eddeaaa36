"""The page while both stages run flat out: p95 of a page and of a thumbnail, against idle."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import common, load
from benchmarks.common import percentile, ratio, scratch, seconds

BROWSED = 2000
LIMIT = 100
# One look every so often: a person scrolls, a load test would be its own flat-out work.
PAUSE_S = 0.02
KINDS = ("page of 100 rows", "thumbnail, cached", "thumbnail, made now")
Samples = dict[str, list[float]]


def main() -> None:
    options = common.arguments(
        __doc__, 100_000, seconds=20.0, model="random:ViT-B-32", embedded=5000
    )
    common.machine()
    with scratch() as work:
        browsed = common.photographs(work / "browsed", min(BROWSED, options.count))
        embedded = common.photographs(work / "embedded", options.embedded, first=10_000_000)
        many = common.photographs(work / "many", options.count, first=20_000_000, linked=True)
        common.say("photographs made")
        with common.Server(work / "catalog", model="none") as server:
            key = server.add(browsed)
            server.complete(key)
        with common.Server(work / "catalog", model=options.model) as server:
            looks = Looks(server, key)
            idle = looks.sample(options.seconds, lambda: True)
            common.say("idle measured")
            busy, both_s = under_load(server, looks, embedded, many, options.seconds)
    rows = []
    for kind in KINDS:
        quiet, loud = percentile(idle[kind], 0.95), percentile(busy[kind], 0.95)
        number = f"{len(idle[kind])}, {len(busy[kind])}"
        rows.append((kind, seconds(quiet), seconds(loud), "<= 3 x", ratio(loud, quiet), number))
    common.table(("p95", "idle", "both stages", "reach", "of idle", "samples"), rows)
    print(f"both stages ran side by side for the {both_s:.1f} s that were measured")


class Looks:
    """Pages and thumbnails of one dataset, one at a time."""

    def __init__(self, server: common.Server, key: str) -> None:
        self._server, self._key = server, key
        self._rng = random.Random(5)
        self._total = int(server.progress(key)["total"])
        paths = []
        for offset in range(0, self._total, 1000):
            page = server.get(f"/api/datasets/{key}/images?limit=1000&offset={offset}")
            paths += common.thumbnails_of(page)
        self._cached = paths[: len(paths) // 10]
        load.fetch(server.url, self._cached)
        self._fresh: Iterator[str] = iter(paths[len(paths) // 10 :])

    def sample(self, limit_s: float, while_true: Callable[[], bool]) -> Samples:
        """Look until the time or the thumbnails not made yet run out, or the condition ends."""
        found: Samples = defaultdict(list)
        end, pause = time.monotonic() + limit_s, threading.Event()
        for number in itertools.count():
            fresh = next(self._fresh, None) if number % 3 == 0 else None
            if time.monotonic() > end or (number % 3 == 0 and not while_true()):
                return found
            offset = self._rng.randrange(max(1, self._total - LIMIT))
            page = f"/api/datasets/{self._key}/images?limit={LIMIT}&offset={offset}"
            looks = [(KINDS[0], page), (KINDS[1], self._rng.choice(self._cached))]
            looks += [(KINDS[2], fresh)] if fresh else []
            for kind, path in looks:
                began = time.perf_counter()
                answer = self._server.http.get(path)
                answer.raise_for_status()
                found[kind].append(time.perf_counter() - began)
                pause.wait(PAUSE_S)
        raise AssertionError("unreachable")


def under_load(
    server: common.Server, looks: Looks, embedded: Path, many: Path, limit_s: float
) -> tuple[Samples, float]:
    """Samples while one dataset's bulk embedding and another's metadata run, and for how long."""
    first = server.add(embedded)

    def bulk() -> bool | None:
        return server.progress(first)["stages"]["embedding"]["done"] > 200 or None

    common.until(bulk, every_s=0.1)
    second = server.add(many)

    def both() -> bool:
        stages = (
            server.progress(first)["stages"]["embedding"],
            server.progress(second)["stages"]["metadata"],
        )
        return all(stage["state"] == "running" for stage in stages)

    began = time.perf_counter()
    found = looks.sample(limit_s, both)
    took = time.perf_counter() - began
    for key in (first, second):
        server.http.post(f"/api/datasets/{key}/cancel").raise_for_status()
    if any(len(found[kind]) < 5 for kind in KINDS):
        raise RuntimeError("the stages were over too soon: give it a larger --count")
    return found, took


if __name__ == "__main__":
    main()
