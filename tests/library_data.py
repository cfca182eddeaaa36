"""A real catalog with a dataset whose rows hold different things, and the real service over it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from fastapi import FastAPI

from rayograph import ids
from rayograph.catalog import LISTING, Catalog, columns
from rayograph.progress import at_rest
from rayograph.schema import Progress, StageState
from rayograph.settings import Settings
from rayograph.sources import Source
from rayograph_serve.app import create_app
from rayograph_serve.catalog_engine import CatalogEngine
from tests.working import settings_for

FORMATS = ("JPEG", "PNG", "WEBP")
FAULTS = ("truncated", "empty")


class QuietWork:
    """Nobody is at work; commands are noted."""

    def __init__(self, catalog: Catalog, settings: Settings) -> None:
        self._catalog, self._settings = catalog, settings
        self.commands: list[tuple[Any, ...]] = []
        self._news = asyncio.Event()

    async def start(self, dataset_id: str) -> None:
        self.commands.append(("start", dataset_id))

    async def command(self, dataset_id: str, command: str, *more: str) -> None:
        self.commands.append((command, dataset_id, *more))

    async def retry(self, dataset_id: str, *chosen: Any) -> None:
        self.commands.append(("retry", dataset_id, *chosen))

    async def restore(self, dataset_id: str, name: str) -> None:
        self.commands.append(("restore", dataset_id, name))

    async def forget(self, dataset_id: str) -> None:
        self._catalog.delete(dataset_id)

    async def attend(self, dataset_id: str, image_ids: list[str]) -> None: ...

    async def show(self, progress: Progress) -> None: ...

    async def amend(self, progress: Progress) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def newest(self, dataset_id: str) -> tuple[int, Progress] | None:
        row = self._catalog.dataset(dataset_id)
        counts = self._catalog.reader(dataset_id).counts()
        return 1, at_rest(row, counts, self._settings, active=False)

    async def wait(
        self, dataset_id: str, version: int, timeout_s: float
    ) -> tuple[int, Progress] | None:
        # There is no news but what edits bring.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), timeout_s)
        return await self.newest(dataset_id)


@dataclass
class Shelved:
    """The service and its parts."""

    catalog: Catalog
    work: QuietWork
    engine: CatalogEngine
    settings: Settings
    dataset_id: str

    def app(self, **options: Any) -> FastAPI:
        return create_app(self.engine, self.settings, **options)


def shelve(home: Path, count: int = 120, *, pictures: Path | None = None) -> Shelved:
    """A dataset ``shelf`` of ``count`` images, every tenth of them failed."""
    settings = settings_for(home)
    catalog = Catalog(settings.catalog.uri)
    folder = str(pictures or home / "shelf")
    source = Source("folder", f"file://{folder}", folder)
    row = catalog.create(source, "shelf")[0]
    writer = catalog.writer(row.dataset_id)
    writer.append(listing(row.dataset_id, folder, count), fragment_rows=max(1, count // 3))
    start = 0
    for fragment, length in catalog.reader(row.dataset_id).fragments():
        if length:
            writer.fill({fragment: metadata(start, length)})
        start += length
    catalog.update(row.dataset_id, listed=True)
    work = QuietWork(catalog, settings)
    return Shelved(catalog, work, CatalogEngine(catalog, work, settings), settings, row.dataset_id)


def listing(key: str, folder: str, count: int, start: int = 0) -> pa.Table:
    numbers = range(start, start + count)
    names = [f"IMG_{n:05d}.jpg" for n in numbers]
    folders = ["" if n % 12 == 11 else f"{2019 + n % 5}/{n % 3:02d} trip" for n in numbers]
    uris = [f"file://{folder}/{f}/{n}" for f, n in zip(folders, names, strict=True)]
    values = {
        "id": [ids.image_id(key, uri) for uri in uris],
        "uri": uris,
        "file_name": names,
        "folder": folders,
        "size": [1000 + 37_000 * (n % 50) for n in numbers],
        "mtime": [1.5e9 + 4e6 * (n % 40) for n in numbers],
        "caption": [f"number {n}" if n % 2 else None for n in numbers],
    }
    return pa.table(values, schema=LISTING)


def metadata(start: int, count: int) -> pa.Table:
    numbers = range(start, start + count)
    bad = [n % 10 == 9 for n in numbers]

    def good(values: list[Any]) -> list[Any]:
        return [None if failed else value for failed, value in zip(bad, values, strict=True)]

    done, failed = int(StageState.DONE), int(StageState.FAILED)
    values = {
        "width": good([640 + 160 * (n % 9) for n in numbers]),
        "height": good([480 + 120 * (n % 7) for n in numbers]),
        "format": good([FORMATS[n % 7 // 3] for n in numbers]),
        "mode": good(["RGB"] * count),
        "taken_at": good([f"{2019 + n % 5}-0{1 + n % 9}-11T10:00:00" for n in numbers]),
        "meta_state": [failed if b else done for b in bad],
        "meta_error_code": [
            FAULTS[n // 10 % 2] if b else None for n, b in zip(numbers, bad, strict=True)
        ],
        "meta_error": [
            f'it broke, "{n}",\nreally' if b else None for n, b in zip(numbers, bad, strict=True)
        ],
    }
    arrays = [
        pa.array(values[f.name], f.type) if f.name in values else pa.nulls(count, f.type)
        for f in columns.METADATA
    ]
    return pa.table(arrays, schema=columns.METADATA)
