"""Cached thumbnails a second at 32 connections: the public port, and uvicorn alone."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import common, load
from benchmarks.common import ratio, seconds

REACH = ">= 2,000"


def main() -> None:
    options = common.arguments(__doc__, 1000, seconds=10.0, connections=32, alone="")
    if options.alone:
        serve_alone(options.alone)
        return
    common.machine()
    with common.scratch() as work:
        folder = common.photographs(work / "photographs", options.count)
        with common.Server(work / "catalog", model="none") as server:
            key = server.add(folder)
            server.complete(key)
            paths = _paths(server, key, options.count)
            made = load.fetch(server.url, paths, connections=options.connections)
            found = load.press(
                server.url, paths, connections=options.connections, seconds=options.seconds
            )
        with alone(work / "catalog") as url:
            load.fetch(url, paths, connections=options.connections)
            floor = load.press(url, paths, connections=options.connections, seconds=options.seconds)
    rows = [
        _row("rayograph up: front, HAProxy, Serve, app", found, REACH, floor),
        _row("floor: the same app under uvicorn alone", floor, "", floor),
        _row(f"not made before ({len(paths):,} of them)", made, "", floor),
    ]
    kilobytes = found.size_bytes / len(found.latencies) / 1000
    title = f"{options.connections} connections, {kilobytes:.1f} kB each"
    common.table((title, "a second", "p50", "p95", "reach", "of the floor"), rows)


def _row(name: str, found: load.Load, reach: str, floor: load.Load) -> tuple[str, ...]:
    p50, p95 = seconds(found.at(0.5)), seconds(found.at(0.95))
    return name, f"{found.rate:,.0f}", p50, p95, reach, ratio(found.rate, floor.rate)


def _paths(server: common.Server, key: str, count: int) -> list[str]:
    paths: list[str] = []
    for offset in range(0, count, 1000):
        page = server.get(f"/api/datasets/{key}/images?limit=1000&offset={offset}")
        paths += common.thumbnails_of(page)
    return paths


@contextmanager
def alone(catalog: Path) -> Iterator[str]:
    """The same application over the same catalog in one process without Ray."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.thumbnails", "--alone", str(catalog)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=common.environ(),
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield next(line for line in process.stdout if line.startswith("http")).strip()
    finally:
        process.terminate()
        process.wait(30)
        process.stdin.close()
        process.stdout.close()


def serve_alone(catalog: str) -> None:
    """Serve thumbnails of a catalog until terminated; prints the address once it listens."""
    import uvicorn

    from rayograph.catalog import Catalog
    from rayograph.settings import load as load_settings
    from rayograph_pipelines.remote import RayWork
    from rayograph_serve.app import create_app
    from rayograph_serve.catalog_engine import CatalogEngine

    settings, _ = load_settings(flags={"catalog.uri": catalog})
    # Its actors are looked for on first use: a thumbnail uses none.
    engine = CatalogEngine(Catalog(catalog), RayWork(settings), settings)
    app = create_app(engine, settings)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()
