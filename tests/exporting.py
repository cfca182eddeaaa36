"""A catalog of a few real pictures with odd names, one of them broken, and the API over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from rayograph.catalog import Catalog, DatasetReader
from rayograph.catalog.curation import Edit
from rayograph.export.jobs import Jobs
from rayograph.export.rows import Rows
from rayograph.settings import Settings
from rayograph_serve.app import create_app
from rayograph_serve.catalog_engine import CatalogEngine
from rayograph_serve.exporting import Exports, exports_folder
from tests.working import opened, run_of, settings_for

NAMES = ("a/one.jpg", "b/one.jpg", "b/one.png", "b/ONE.jpg", "con.jpg", 'q "é" 雪?.jpg', "bad.jpg")

WAIT_S = 60.0


@dataclass
class Shop:
    """The catalog and what lies in it."""

    settings: Settings
    catalog: Catalog
    folder: Path
    dataset: str

    @property
    def reader(self) -> DatasetReader:
        return self.catalog.reader(self.dataset)

    def rows(self, **options: object) -> Rows:
        row = self.catalog.dataset(self.dataset)
        return Rows(row, self.reader, **options)  # type: ignore[arg-type]

    def tag(self, name: str, *tags: str, **values: int | bool | None) -> None:
        edit = Edit(tags_add=tags, values=values)
        quoted = name.replace("'", "''")
        self.catalog.curator(self.dataset).apply(edit, lambda _: f"file_name = '{quoted}'")


def shop(home: Path) -> Shop:
    """Seven images: six that can be had and a broken one."""
    folder = home / "pictures"
    for number, name in enumerate(NAMES):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.new("RGB", (640, 480), (number * 30, 90, 120))
        picture.save(path, "PNG" if name.endswith("png") else "JPEG")
    settings = settings_for(home)
    row = opened(settings, folder, first=100)
    run_of(settings, row).work()
    made = Shop(settings, Catalog(settings.catalog.uri), folder, row.dataset_id)
    made.tag("one.png", "sea", "blue, deep", rating=4)
    made.tag("con.jpg", "sea", favorite=True)
    return made


class Counter:
    """The API over a shop."""

    def __init__(self, made: Shop, http: httpx.AsyncClient, app: Any) -> None:
        self.shop, self.http, self.app = made, http, app
        self.url = f"/api/datasets/{made.dataset}"

    @property
    def exports(self) -> Exports:
        exports: Exports = self.app.state.exports
        return exports

    @property
    def jobs(self) -> Jobs:
        return Jobs(exports_folder(self.shop.settings))

    async def start(self, **body: Any) -> dict[str, Any]:
        answer = await self.http.post(f"{self.url}/exports", json=body)
        assert answer.status_code == 202, answer.text
        started: dict[str, Any] = answer.json()
        return started

    async def ended(self, export_id: str) -> dict[str, Any]:
        async with asyncio.timeout(WAIT_S):
            while True:
                answer = await self.http.get(f"{self.url}/exports/{export_id}")
                now: dict[str, Any] = answer.json()
                if now["state"] not in ("queued", "running"):
                    return now
                await asyncio.sleep(0.02)

    async def taken(self, export_id: str, **params: str) -> bytes:
        answer = await self.http.get(f"{self.url}/exports/{export_id}/file", params=params)
        assert answer.status_code == 200, answer.text
        return answer.content


@asynccontextmanager
async def counting(home: Path) -> AsyncIterator[Counter]:
    """The API over a new shop."""
    made = shop(home)
    engine = CatalogEngine(made.catalog, NoWork(), made.settings)  # type: ignore[arg-type]
    app = create_app(engine, made.settings)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    base = "http://127.0.0.1:8000"
    async with httpx.AsyncClient(transport=transport, base_url=base, timeout=WAIT_S) as http:
        yield Counter(made, http, app)
    await asyncio.to_thread(app.state.exports.close)
    app.state.thumbnails.close()


class NoWork:
    """Nobody works on the dataset."""

    async def newest(self, _: str) -> None:
        return None

    async def show(self, _: object) -> None:
        return None
