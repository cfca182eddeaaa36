"""The engine on a real catalog, with the actors played in this process."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np

from rayograph.catalog import Catalog
from rayograph.catalog.returning import go_back
from rayograph.errors import (
    WeightsChanged,
)
from rayograph.progress import build
from rayograph.schema import NewDataset, Progress
from rayograph.settings import Settings
from rayograph.sources import Source
from rayograph_pipelines.progress import ProgressBoard
from rayograph_serve.catalog_engine import CatalogEngine
from rayograph_serve.work import Vector
from tests.fake_engine import draw_pictures
from tests.working import hash_of, run_of, settings_for

COUNT = 12


class Work:
    """A real progress board, and a note of everything that was asked for."""

    def __init__(self, catalog: Catalog) -> None:
        self.board = ProgressBoard()
        self.shown = asyncio.Event()
        self.catalog = catalog
        self.calls: list[tuple[Any, ...]] = []
        self.keys: dict[str, str] = {}

    async def start(self, dataset_id: str) -> None:
        self.calls.append(("start", dataset_id))

    async def command(self, dataset_id: str, command: str, *more: str) -> None:
        self.calls.append((command, dataset_id, *more))
        if command == "pause":
            row = self.catalog.update(dataset_id, paused=True)
            counts = self.catalog.reader(dataset_id).counts()
            await self.tell(build(row, counts))

    async def retry(self, dataset_id: str, *chosen: Any) -> None:
        self.calls.append(("retry", dataset_id, *chosen))

    async def restore(self, dataset_id: str, name: str) -> None:
        with self.catalog.lock(dataset_id):
            go_back(self.catalog, dataset_id, name)

    async def forget(self, dataset_id: str) -> None:
        self.catalog.delete(dataset_id)
        await self.board.forget(dataset_id)

    async def attend(self, dataset_id: str, image_ids: list[str]) -> None:
        self.calls.append(("attend", dataset_id, image_ids))

    def check(self, model: str, key: str | None) -> None:
        if key not in (None, self.keys.get(model, "fake-1")):
            raise WeightsChanged(f"other weights of {model}")

    async def tell(self, progress: Progress) -> None:
        await self.board.update(progress.dataset_id, progress.model_dump())

    async def show(self, progress: Progress) -> None:
        self.shown.set()
        await self.board.offer(progress.dataset_id, progress.model_dump())

    async def newest(self, dataset_id: str) -> tuple[int, Progress] | None:
        return parsed(await self.board.newest(dataset_id))

    async def wait(
        self, dataset_id: str, version: int, timeout_s: float
    ) -> tuple[int, Progress] | None:
        self.calls.append(("wait", dataset_id))
        return parsed(await self.board.wait(dataset_id, version, timeout_s))

    async def change_model(self, dataset_id: str, model: str) -> None:
        self.calls.append(("change_model", dataset_id, model))
        self.catalog.update(dataset_id, next_model=model, next_model_key=None)

    async def relocate(self, dataset_id: str, source: Source) -> None:
        self.calls.append(("relocate", dataset_id, source))

    async def text(self, model: str, key: str | None, text: str) -> Vector:
        self.check(model, key)
        return np.array(hash_of(text), np.float16)

    async def picture(
        self,
        model: str,
        key: str | None,
        data: bytes,
        box: tuple[float, float, float, float] | None,
    ) -> Vector:
        self.check(model, key)
        self.calls.append(("picture", len(data), box))
        return np.array(hash_of(repr(data[:64])), np.float16)


def parsed(found: tuple[int, dict[str, Any]] | None) -> tuple[int, Progress] | None:
    return None if found is None else (found[0], Progress.model_validate(found[1]))


class Service:
    """An engine and a folder of pictures; ``run`` does the pipelines' part."""

    def __init__(self, home: Path) -> None:
        self.settings: Settings = settings_for(home)
        self.folder = home / "pictures"
        draw_pictures(self.folder, COUNT)
        self.catalog = Catalog(self.settings.catalog.uri)
        self.work = Work(self.catalog)
        self.engine = CatalogEngine(self.catalog, self.work, self.settings)

    async def add(self) -> str:
        accepted = await self.engine.add(NewDataset(path=str(self.folder)))
        return accepted.dataset_id

    async def run(self, dataset_id: str) -> None:
        progress: list[Progress] = []
        run = run_of(self.settings, self.catalog.dataset(dataset_id), report=progress.append)
        await asyncio.to_thread(run.work)
        for step in progress:
            await self.work.tell(step)

    async def ready(self) -> str:
        dataset_id = await self.add()
        await self.run(dataset_id)
        return dataset_id

    async def ids(self, dataset_id: str) -> list[str]:
        page = await self.engine.images(dataset_id, limit=99, cursor=None, offset=None, sort=None)
        return [record.id for record in page.items]

    def started(self) -> int:
        return sum(call[0] == "start" for call in self.work.calls)
