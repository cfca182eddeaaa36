"""What the front can answer by itself: the page, and the first rows of the sources just given."""

from __future__ import annotations

import asyncio
import json
import mimetypes
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from rayograph import __version__, ids
from rayograph.access import Access
from rayograph.errors import InvalidRequest, RayographError
from rayograph.first_look import first_page, require_images
from rayograph.listing import read_captions
from rayograph.schema import Dataset, DatasetStatus, Health, ImageRecord, Progress, StageProgress
from rayograph.sources import Source, display, local_path
from rayograph_serve.engine import Located
from rayograph_serve.thumbnails import ThumbnailStore

_BOOT_ROWS = 2000


@dataclass(frozen=True, slots=True)
class Request:
    """A request's head, as far as the front needs it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]

    @classmethod
    def parse(cls, data: bytes) -> Request:
        head = data.split(b"\r\n\r\n", 1)[0].decode("latin-1").split("\r\n")
        method, _, rest = head[0].partition(" ")
        try:
            url = urlsplit(rest.rpartition(" ")[0] or "/")
        except ValueError:
            raise InvalidRequest("this is no address") from None
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        pairs = (line.partition(":") for line in head[1:])
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        path = unquote(url.path)
        if "\0" in path:
            raise InvalidRequest("this is no address")
        return cls(method, path, query, headers)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that closes its connection."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, data: Any, status: int = 200, **headers: str) -> Answer:
        return cls(status, json.dumps(data).encode(), headers=headers)

    @classmethod
    def of_error(cls, error: RayographError) -> Answer:
        headers = {"Retry-After": "1"} if error.status == 503 else {}
        return cls(error.status, json.dumps(error.to_json()).encode(), headers=headers)

    def encode(self, *, head_only: bool = False) -> bytes:
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(self.body)}",
            "X-Content-Type-Options: nosniff",
            "Connection: close",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        return head if head_only else head + self.body


@dataclass(frozen=True, slots=True)
class _Opened:
    """The first rows of a source, with the ids the catalog will give them."""

    dataset: Dataset
    records: list[ImageRecord]
    is_download: bool = False


class BootPages:
    """Answers from the first page of each source; None for what only Serve can answer."""

    def __init__(
        self,
        access: Access,
        thumbnails: ThumbnailStore,
        *,
        shell: Callable[[], str],
        static: Path,
        phase: Callable[[], str],
    ) -> None:
        self._access = access
        self._thumbnails = thumbnails
        self._shell = shell
        self._static = static
        self._phase = phase
        self._began = time.monotonic()
        self._opened: dict[str, _Opened] = {}
        self._records: dict[str, ImageRecord] = {}

    def open(self, source: Source, name: str | None = None) -> str:
        """List a source's first page; returns its dataset id.

        Raises:
            SourceEmpty: there is no image in it.
        """
        name = name or source.name
        key = ids.dataset_id(source.uri, name)
        columns, _ = first_page(source, key, _BOOT_ROWS)
        if not columns.get("id"):
            require_images(source)
        captions = read_captions(source)
        rows = zip(*(columns.get(c, []) for c in _COLUMNS), strict=True)
        records = [_record(key, row, captions) for row in rows]
        dataset = Dataset(
            dataset_id=key,
            name=name,
            status="processing",
            total=len(records),
            source=display(local_path(source.uri) or source.uri),
            created_at=time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()),
        )
        self._opened[key] = _Opened(dataset, records, source.kind == "url")
        self._records.update((record.id, record) for record in records)
        return key

    async def answer(self, request: Request) -> Answer | None:
        """The answer, or None: hold the request until Serve is there.

        Raises:
            AccessDenied, OriginDenied: as the full API would.
        """
        self._access.check(request.method, request.path, request.headers)
        parts = [part for part in request.path.split("/") if part]
        if request.method == "POST" and parts[:1] == ["api"] and parts[-1:] == ["attention"]:
            return Answer(204, b"")
        if request.method not in ("GET", "HEAD"):
            return None
        if not parts:
            return Answer(200, self._shell().encode(), "text/html; charset=utf-8")
        if parts[0] == "static":
            return self._asset(parts[1:])
        if parts[0] != "api":
            return None
        return await self._api(parts[1:], request.query)

    async def _api(  # noqa: PLR0911 (one return a route)
        self, parts: list[str], query: dict[str, str]
    ) -> Answer | None:
        match parts:
            case ["healthz"]:
                return Answer.of_json(self._health("ok"))
            case ["readyz"]:
                return Answer.of_json(self._health("starting"), 503, **{"Retry-After": "1"})
            case ["datasets"] if self._opened:
                items = [o.dataset.model_dump() for o in self._opened.values()]
                return Answer.of_json({"items": items})
            case ["datasets", key, *rest] if key in self._opened:
                return self._of_dataset(self._opened[key], rest, query)
            case ["progress", key] if key in self._opened:
                return Answer.of_json(_progress(self._opened[key]).model_dump())
            case ["images", key] if key in self._records:
                return Answer.of_json(self._records[key].model_dump())
            case ["images", key, "thumbnail"] if key in self._records:
                return await self._thumbnail(self._records[key], query)
        return None

    def _of_dataset(self, opened: _Opened, rest: list[str], query: dict[str, str]) -> Answer | None:
        if not rest:
            return Answer.of_json(opened.dataset.model_dump())
        if rest == ["status"]:
            status = DatasetStatus(
                dataset_id=opened.dataset.dataset_id,
                status="processing",
                progress="downloading" if opened.is_download else "listing",
                started_at=opened.dataset.created_at,
            )
            return Answer.of_json(status.model_dump(exclude_none=True))
        known = {"limit", "offset"}
        if rest == ["images"] and set(query) <= known:
            start = _number(query, "offset", 0)
            end = start + min(1000, _number(query, "limit", 100))
            total = len(opened.records)
            items = [record.model_dump() for record in opened.records[start:end]]
            if not items and start:
                return None
            return Answer.of_json({"items": items, "next_cursor": None, "total": total})
        return None

    async def _thumbnail(self, record: ImageRecord, query: dict[str, str]) -> Answer:
        located = Located(record.uri, record.size, record.mtime)
        data = await asyncio.to_thread(
            self._thumbnails.get, record.id, located, _number(query, "size", 256)
        )
        headers = {"Cache-Control": "private, max-age=600"}
        return Answer(200, data, self._thumbnails.content_type, headers)

    def _asset(self, parts: list[str]) -> Answer:
        path = self._static.joinpath(*parts).resolve()
        if not path.is_file() or self._static.resolve() not in path.parents:
            return Answer.of_json({"error": {"code": "not_found", "message": "no such file"}}, 404)
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return Answer(200, path.read_bytes(), kind, {"Cache-Control": "no-cache"})

    def _health(self, status: str) -> dict[str, Any]:
        uptime = round(time.monotonic() - self._began, 1)
        health = Health(status=status, version=__version__, uptime_s=uptime, phase=self._phase())
        return health.model_dump()


_COLUMNS = ("id", "uri", "file_name", "folder", "size", "mtime")


def _record(dataset_id: str, row: tuple[Any, ...], captions: dict[str, str]) -> ImageRecord:
    key, uri, file_name, folder, size, mtime = row
    unknown = dict.fromkeys(("error_code", "error", "width", "height", "format", "rating"))
    return ImageRecord(
        id=key,
        dataset_id=dataset_id,
        uri=uri,
        file_name=file_name,
        folder=folder,
        size=size,
        mtime=mtime,
        status="pending",
        caption=captions.get(uri),
        tags=[],
        favorite=False,
        **unknown,
    )


def _progress(opened: _Opened) -> Progress:
    total = len(opened.records)
    waiting = StageProgress(done=0, failed=0, total=total, note="starting")
    return Progress(
        dataset_id=opened.dataset.dataset_id,
        total=total,
        pending=total,
        indexed=0,
        embedding=0,
        ready=0,
        failed=0,
        status="in_progress",
        stages={
            "listing": StageProgress(done=total, failed=0, total=total, state="running"),
            "metadata": waiting,
            "embedding": waiting,
        },
        bottleneck=None,
    )


def _number(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise InvalidRequest(f"{name} must be a number")
    return int(text)
