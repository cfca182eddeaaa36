"""A small load generator: keep-alive connections on raw sockets, cheap beside what it measures."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from benchmarks.common import percentile


@dataclass
class Load:
    """What came back: one latency an answer, s."""

    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    size_bytes: int = 0
    took_s: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.took_s

    def at(self, share: float) -> float:
        return percentile(self.latencies, share)

    def check(self) -> Load:
        """Raises unless every answer was a 200: a refusal is fast and proves nothing."""
        if set(self.statuses) != {200}:
            raise RuntimeError(f"answers: {dict(self.statuses)}")
        return self


def fetch(url: str, paths: Iterable[str], *, connections: int = 6) -> Load:
    """Each path once, over so many connections (a browser opens 6)."""
    return _run(url, iter(list(paths)), connections, None)


def press(url: str, paths: Iterable[str], *, connections: int, seconds: float) -> Load:
    """The paths round and round for so many seconds."""
    return _run(url, itertools.cycle(list(paths)), connections, seconds)


def _run(url: str, paths: Iterator[str], connections: int, seconds: float | None) -> Load:
    load = Load()
    asyncio.run(_all(url, paths, connections, seconds, load))
    return load.check()


async def _all(
    url: str, paths: Iterator[str], connections: int, seconds: float | None, load: Load
) -> None:
    began = time.perf_counter()
    end = began + seconds if seconds else float("inf")
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(_connection(url, paths, end, load))
    load.took_s = time.perf_counter() - began


async def _connection(url: str, paths: Iterator[str], end: float, load: Load) -> None:
    host, port = urlsplit(url).hostname, urlsplit(url).port
    reader = writer = None
    try:
        for path in paths:
            began = time.perf_counter()
            if began >= end:
                return
            if reader is None or writer is None:
                reader, writer = await asyncio.open_connection(host, port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            status, size, stays = await _answer(reader)
            load.latencies.append(time.perf_counter() - began)
            load.statuses[status] += 1
            load.size_bytes += size
            if not stays:
                writer.close()
                reader = writer = None
    finally:
        if writer is not None:
            writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, int, bool]:
    """Read one answer: its status, the size of its body and whether the connection stays open."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in head[1:])
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    size = int(headers["content-length"])
    await reader.readexactly(size)
    return int(head[0].split()[1]), size, headers.get("connection", "").lower() != "close"
