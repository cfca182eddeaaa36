"""A dataset that is labelled over HTTP, its images' vectors near those of words; no Ray."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rayograph.analysis.asked import from_text
from rayograph.catalog.analyses import Wanted
from rayograph_pipelines.analysis_work import work
from rayograph_serve.app import create_app
from rayograph_serve.catalog_engine import CatalogEngine
from tests.analysed import Place
from tests.working import DIM, Warm, vectors_of

CLASSES = ("cat", "dog", "red car")


def direction(number: int) -> npt.NDArray[np.float32]:
    return np.eye(DIM, dtype=np.float32)[number]


def word_vector(text: str) -> npt.NDArray[np.float16]:
    """Texts about a class point where its images lie; all others anywhere else."""
    for number, word in enumerate(CLASSES):
        if word in text.lower():
            return direction(number).astype(np.float16)
    other = np.random.default_rng(sum(text.encode())).normal(size=DIM)
    other[: len(CLASSES)] *= 0.2
    return (other / np.linalg.norm(other)).astype(np.float16)


class Lettered(Warm):
    """Images by the number that ends a file's name: every fourth is of no class, and images 16 and
    more lie off the words' direction, all the same way."""

    def embedding(self, rows: pa.Table, model: str) -> pa.Table:
        table = vectors_of(rows)
        number = [int(Path(uri).stem) for uri in rows["uri"].to_pylist()]
        flat = np.array([picture_vector(n) for n in number], np.float16)
        columns = {
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), DIM),
            "content_hash": pa.array([f"content-{n}" for n in number]),
        }
        for name, column in columns.items():
            table = table.set_column(table.column_names.index(name), name, column)
        return table


def picture_vector(number: int) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(number)
    kind = number % 4
    found = rng.normal(size=DIM).astype(np.float32) * 0.05
    found += direction(kind if kind < 3 else 7)
    return found / np.float32(np.linalg.norm(found))


class WordPlace(Place):
    """The place of such a dataset."""

    def __init__(self, home: Path, count: int = 24, warm: Warm | None = None) -> None:
        super().__init__(home, warm or Lettered(), count)

    def texts(self, model: str, key: str | None, texts: list[str]) -> npt.NDArray[np.float16]:
        return np.array([word_vector(text) for text in texts], np.float16)


class Foreman:
    """Notes what it is asked for; ``do`` works it out."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.running: dict[str, Wanted] = {}
        self.cancelled: list[tuple[str, str, str | None]] = []

    async def analyse(self, dataset_id: str, asked: str) -> None:
        wanted = Wanted(dataset_id, from_text(asked))
        self.place.catalog.analyses.note(wanted)
        self.running[wanted.key] = wanted

    async def cancel_analyses(self, dataset_id: str, kind: str, name: str | None = None) -> None:
        self.cancelled.append((dataset_id, kind, name))
        if name is not None:
            self.running.pop(f"{dataset_id}.{name}", None)

    async def analysis(self, key: str) -> dict[str, Any] | None:
        return {"stage": "scoring", "done": 3, "total": 9} if key in self.running else None

    async def newest(self, dataset_id: str) -> None:
        return None

    async def show(self, progress: object) -> None:
        pass

    async def amend(self, progress: object) -> None:
        pass

    def do(self, error: str | None = None) -> None:
        """What was asked for is done, or failed."""
        for key in [*self.running]:
            wanted = self.running.pop(key)
            if error is None:
                work(self.place.bench, wanted)
            state: Any = "failed" if error else "done"
            self.place.catalog.analyses.note(Wanted(wanted.dataset_id, wanted.asked, state, error))


class Api:
    """The API over such a dataset; every answer that is refused raises."""

    def __init__(self, place: WordPlace, http: httpx.AsyncClient, foreman: Foreman) -> None:
        self.place, self.http, self.foreman = place, http, foreman
        self.root = f"/api/datasets/{place.row.dataset_id}"

    async def ask(self, method: str, path: str, status: int = 200, **body: Any) -> Any:
        answer = await self.http.request(method, f"{self.root}/{path}", json=body or None)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def made(self, *classes: str, name: str = "things", **more: Any) -> Any:
        """Labels with these classes, and every image scored."""
        body = {"name": name, "classes": list(classes or CLASSES), **more}
        await self.ask("POST", "labels", 202, **body)
        self.foreman.do()
        return await self.ask("GET", f"labels/{name}")

    async def numbers(self, where: str, sort: str = "listed") -> list[int]:
        """The numbers of the images that a filter picks."""
        params = {"where": where, "limit": 1000, "sort": sort}
        answer = await self.http.get(f"{self.root}/images", params=params)
        assert answer.status_code == 200, answer.text
        return [int(Path(item["file_name"]).stem) for item in answer.json()["items"]]

    async def ids(self, *numbers: int) -> list[str]:
        answer = await self.http.get(f"{self.root}/images", params={"limit": 1000})
        by = {int(Path(i["file_name"]).stem): i["id"] for i in answer.json()["items"]}
        return [by[number] for number in numbers]

    async def correct(self, numbers: list[int], of: str | None, verdict: bool | None) -> Any:
        body = {"ids": await self.ids(*numbers), "class": of, "is": verdict}
        return await self.ask("POST", "labels/things/corrections", **body)


@asynccontextmanager
async def served(home: Path, **more: Any) -> AsyncIterator[Api]:
    place = WordPlace(home, **more)
    foreman = Foreman(place)
    engine = CatalogEngine(place.catalog, foreman, place.settings)  # type: ignore[arg-type]
    app = create_app(engine, place.settings)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
        yield Api(place, http, foreman)
