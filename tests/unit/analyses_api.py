"""Analyses over HTTP for tests: the actors' part is done when a test says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from rayograph.analysis.asked import from_text
from rayograph.catalog import Catalog
from rayograph.catalog.analyses import Wanted
from rayograph_pipelines.analysis_work import work
from rayograph_serve.app import create_app
from rayograph_serve.catalog_engine import CatalogEngine
from tests.analysed import Hashed, Place

ARROW = "application/vnd.apache.arrow.stream"


class Foreman:
    """Notes what it is asked for; ``do`` works it out."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.catalog: Catalog = place.catalog
        self.running: dict[str, Wanted] = {}
        self.cancelled: list[tuple[str, str]] = []

    async def analyse(self, dataset_id: str, asked: str) -> None:
        wanted = Wanted(dataset_id, from_text(asked))
        self.catalog.analyses.note(wanted)
        self.running[wanted.key] = wanted

    async def cancel_analyses(self, dataset_id: str, kind: str) -> None:
        self.cancelled.append((dataset_id, kind))

    async def analysis(self, key: str) -> dict[str, Any] | None:
        return {"stage": "comparing", "done": 3, "total": 9} if key in self.running else None

    def do(self, error: str | None = None) -> None:
        """What was asked for is done, or failed."""
        for key in [*self.running]:
            wanted = self.running.pop(key)
            if error is None:
                work(self.place.bench, wanted)
            state = "failed" if error else "done"
            self.catalog.analyses.note(Wanted(wanted.dataset_id, wanted.asked, state, error))


class Api:
    def __init__(self, place: Place, http: httpx.AsyncClient, foreman: Foreman) -> None:
        self.place, self.http, self.foreman = place, http, foreman
        self.root = f"/api/datasets/{place.row.dataset_id}"

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        answer = await self.http.get(f"{self.root}/{path}", headers=headers)
        return answer.status_code, answer.json()

    async def there(self, path: str) -> Any:
        """The answer, worked out if need be."""
        json = {"Accept": "application/json"}
        status, _ = await self.get(path, **json)
        if status == 202:
            self.foreman.do()
        status, body = await self.get(path, **json)
        assert status == 200, body
        return body


@asynccontextmanager
async def served(home: Path) -> AsyncIterator[Api]:
    """24 images, embedded, behind the real application."""
    place = Place(home, Hashed(), count=24)
    foreman = Foreman(place)
    engine = CatalogEngine(place.catalog, foreman, place.settings)  # type: ignore[arg-type]
    app = create_app(engine, place.settings)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
        yield Api(place, http, foreman)
        app.state.thumbnails.close()
