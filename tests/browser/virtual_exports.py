"""Exports that are as far as a test says, in place of children that make them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from rayograph.errors import NotFound
from rayograph.export.formats import FORMATS, is_one_file, with_images
from rayograph.export.words import Export, ExportFormat, ExportList, ExportRequest
from rayograph.where import parse
from rayograph_serve.exporting import Sent


class Shelf:
    """Stands in for ``rayograph_serve.exporting.Exports``."""

    def __init__(self) -> None:
        self.asked: list[ExportRequest] = []
        self.tables: list[tuple[str, str | None, bool]] = []
        self.items: dict[str, Export] = {}

    def start(self, dataset_id: str, asked: ExportRequest) -> Export:
        with_images(asked.format, asked.images)
        if asked.where:
            parse(asked.where)
        self.asked.append(asked)
        key = f"{len(self.asked):016x}"
        self.items[key] = Export(
            export_id=key,
            dataset_id=dataset_id,
            format=asked.format,
            where=asked.where,
            state="queued",
            done=0,
            total=10_000,
            one_file=is_one_file(asked.format, asked.images),
            created_at="2026-01-01T00:00:00Z",
        )
        return self.items[key]

    def change(self, **values: Any) -> None:
        """Change the newest one."""
        key = list(self.items)[-1]
        self.items[key] = self.items[key].model_copy(update=values)

    def listed(self, dataset_id: str) -> ExportList:
        formats = [
            ExportFormat(name=f.name, about=f.about, images=f.images) for f in FORMATS.values()
        ]
        return ExportList(items=list(self.items.values())[::-1], formats=formats)

    def one(self, dataset_id: str, export_id: str) -> Export:
        if export_id not in self.items:
            raise NotFound("no such export")
        return self.items[export_id]

    def remove(self, dataset_id: str, export_id: str) -> None:
        self.one(dataset_id, export_id)
        del self.items[export_id]

    def forget(self, dataset_id: str) -> None:
        self.items.clear()

    async def sent(self, dataset_id: str, export_id: str, kind: str) -> Sent:
        return Sent(f"{self.one(dataset_id, export_id).format}.{kind}", chunks=_chunks(b"packed"))

    async def table(
        self,
        dataset_id: str,
        form: str,
        where: str | None,
        *,
        vectors: bool,
        labels: str | None = None,
    ) -> Sent:
        self.tables.append((form, where, vectors))
        return Sent(f"table.{form}", chunks=_chunks(b"id,uri\n"))

    def close(self) -> None:
        """Nothing is under way."""


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    await asyncio.sleep(0)
    yield data
