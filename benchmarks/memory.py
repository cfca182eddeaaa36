"""Memory of every process with a dataset of a million rows open and in use."""

from __future__ import annotations

import os
import re

import psutil

from benchmarks import bare_serve, common, load, synthetic
from rayograph.catalog import Catalog

MB = 1e6
_ACTOR = re.compile(r"ray::([\w:.]+)")
_KNOWN = (
    ("rayograph.backend", "backend: starts and stops Ray"),
    ("rayograph up", "front: holds the port"),
    ("rayograph.guard", "guarded child: reads pictures"),
    ("benchmarks.bare_serve", "driver"),
    ("haproxy", "HAProxy"),
    ("raylet", "raylet"),
    ("gcs_server", "gcs_server"),
)


def main() -> None:
    options = common.arguments(__doc__, 1_000_000, dim=512, model="random:ViT-B-32")
    common.machine()
    with common.scratch() as work:
        catalog = Catalog(str(work / "catalog"))
        key = synthetic.write(catalog, options.count, dim=options.dim, model=options.model)
        del catalog
        with common.Server(work / "catalog", model=options.model) as server:
            idle = by_name(server.processes())
            use(server, key, options.count)
            used = by_name(server.processes())
    with bare_serve.running() as (_, processes):
        floor = by_name(processes)
    rows = [_row(name, idle.get(name), used.get(name), floor.get(name)) for name in _order(used)]
    rows.append(_row("all of it", _sum(idle), _sum(used), _sum(floor)))
    headers = (
        f"{options.count:,} rows",
        "processes",
        "PSS at the start, MB",
        "PSS in use, MB",
        "RSS in use, MB",
        "bare Ray + Serve, PSS MB",
    )
    common.table(headers, rows)
    print("PSS counts a page shared by n processes as 1/n; RSS counts it n times.")


Found = tuple[int, float, float]


def use(server: common.Server, key: str, count: int) -> None:
    """What somebody does in the first minute: scroll, sort, look at progress, search."""
    pages = [
        f"/api/datasets/{key}/images?limit=100&offset={count * step // 50}" for step in range(50)
    ]
    load.fetch(server.url, [*pages, f"/api/progress/{key}"])
    server.get(f"/api/datasets/{key}/images?limit=100&sort=-size")
    for text in ("a red car", "the sea at night"):
        answer = server.http.post(f"/api/datasets/{key}/search", json={"text": text, "k": 50})
        answer.raise_for_status()
        if len(answer.json()["items"]) != min(50, count):
            raise RuntimeError("the search found too little")


def by_name(processes: list[psutil.Process]) -> dict[str, Found]:
    """Name -> how many processes, PSS and RSS in bytes."""
    found: dict[str, Found] = {}
    for process in processes:
        try:
            name, facts = _name(process), process.memory_full_info()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        number, pss, rss = found.get(name, (0, 0.0, 0.0))
        shared = getattr(facts, "pss", facts.rss)
        found[name] = (number + 1, pss + shared, rss + facts.rss)
    return found


def _name(process: psutil.Process) -> str:
    words = process.cmdline()
    line = " ".join(words)
    actor = _ACTOR.match(line)
    if actor:
        return f"ray: {actor.group(1)}"
    for sign, name in _KNOWN:
        if sign in line:
            return name
    scripts = [os.path.basename(word) for word in words if word.endswith(".py")]  # noqa: PTH119
    return f"ray: {scripts[0]}" if scripts else process.name()


def _order(found: dict[str, Found]) -> list[str]:
    return sorted(found, key=lambda name: -found[name][1])


def _sum(found: dict[str, Found]) -> Found:
    number, pss, rss = zip(*found.values(), strict=True)
    return sum(number), sum(pss), sum(rss)


def _row(name: str, idle: Found | None, used: Found | None, floor: Found | None) -> tuple[str, ...]:
    def megabytes(found: Found | None, at: int) -> str:
        return "-" if found is None else f"{found[at] / MB:,.0f}"

    processes = "-" if used is None else str(used[0])
    return (
        name,
        processes,
        megabytes(idle, 1),
        megabytes(used, 1),
        megabytes(used, 2),
        megabytes(floor, 1),
    )


if __name__ == "__main__":
    main()
