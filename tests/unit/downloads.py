"""What the tests of downloads share: a picture, a server, and a short way to fetch from it."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

from rayograph.fetch import Fetched, FetchLimits, fetch
from rayograph.settings import DownloadSettings
from tests.web_server import WebServer

# What follows a signature does not matter to a download; it must differ from place to place.
PICTURE = b"\xff\xd8\xff\xe0" + b"".join(n.to_bytes(4, "big") for n in range(75_000))
OTHER = b"\xff\xd8\xff\xe1" + PICTURE[:3:-1]
LIMITS = replace(FetchLimits.of(DownloadSettings()), backoff_s=0.0)
YESTERDAY = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)


class Waits(threading.Event):
    """A stop that is never set, and that takes no time to wait for but remembers how long."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.asked.append(timeout or 0.0)
        return self.is_set()


def get(web: WebServer, url: str, target: Path, **kwargs: object) -> Fetched:
    fields = {"limits": LIMITS, "allowed_hosts": [web.host], **kwargs}
    return fetch(url, target, **fields)  # type: ignore[arg-type]


def ranges(web: WebServer) -> list[str | None]:
    return [request.range for request in web.requests]


def left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir() if path != target)
