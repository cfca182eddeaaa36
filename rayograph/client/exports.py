"""What a dataset of either client can export."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rayograph.client import export_calls as calls
from rayograph.client.taking import OnProgress, Taking
from rayograph.client.transport import AsyncTransport, Transport
from rayograph.export.words import Export
from rayograph.schema import Dataset as DatasetInfo

if TYPE_CHECKING:
    from rayograph.export.outcome import Link


class ExportMethods:
    """What a ``Dataset`` can export."""

    _transport: Transport
    info: DatasetInfo

    def export(
        self,
        format: str,  # noqa: A002
        path: str | os.PathLike[str],
        *,
        where: str | None = None,
        ids: Iterable[str] | None = None,
        include: Iterable[Literal["vectors"]] = (),
        labels: str | None = None,
        images: bool | None = None,
        link: Link = "copy",
        overwrite: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Path:
        """Write the dataset, what ``where`` picks or these ids in another format to ``path``.

        Args:
            labels: with the classes and scores of these labels by words.
            images: with the image files; None as the format does.
            link: ``symlink`` or ``hardlink`` to files that this machine sees too, not copies.
            overwrite: replace an export that is there; nothing else ever is.
            on_progress: called with the export as it is made and as it arrives.
        """
        taking = Taking(self._transport, self.info, on_progress)
        asked: dict[str, Any]
        asked = {"where": where, "ids": ids, "include": include, "labels": labels}
        return taking.run(format, path, link=link, overwrite=overwrite, images=images, **asked)

    def start_export(
        self,
        format: str,  # noqa: A002
        *,
        where: str | None = None,
        ids: Iterable[str] | None = None,
        include: Iterable[Literal["vectors"]] = (),
        labels: str | None = None,
        images: bool | None = None,
    ) -> Export:
        """Have the server make an export; ``take_export`` fetches it later."""
        asked: dict[str, Any]
        asked = {"where": where, "ids": ids, "include": include, "labels": labels, "images": images}
        return self._transport.send(calls.start(self.info.dataset_id, format, **asked))

    def exports(self) -> list[Export]:
        """The exports the server still has, newest first."""
        return self._transport.send(calls.listed(self.info.dataset_id)).items

    def take_export(
        self,
        export_id: str,
        path: str | os.PathLike[str],
        *,
        link: Link = "copy",
        overwrite: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Path:
        """Wait for an export and put it at ``path``; the server keeps it for a while."""
        taking = Taking(self._transport, self.info, on_progress)
        return taking.take(export_id, path, link=link, overwrite=overwrite)

    def remove_export(self, export_id: str) -> None:
        """Cancel an export, or remove its result from the server."""
        self._transport.send(calls.remove(self.info.dataset_id, export_id))

    def stream_table(
        self,
        format: str = "csv",  # noqa: A002
        where: str | None = None,
        include: Iterable[Literal["vectors"]] = (),
        labels: str | None = None,
    ) -> Iterator[bytes]:
        """The bytes of a ``csv``, ``jsonl`` or ``parquet`` as the server writes it."""
        path = f"/api/datasets/{self.info.dataset_id}/export"
        with self._transport.stream(path, calls.table(format, where, include, labels)) as chunks:
            yield from chunks


class AsyncExportMethods:
    """The same, to be awaited; ``on_progress`` is called from a thread."""

    _transport: AsyncTransport
    info: DatasetInfo

    async def export(
        self,
        format: str,  # noqa: A002
        path: str | os.PathLike[str],
        *,
        where: str | None = None,
        ids: Iterable[str] | None = None,
        include: Iterable[Literal["vectors"]] = (),
        labels: str | None = None,
        images: bool | None = None,
        link: Link = "copy",
        overwrite: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Path:
        """Write the dataset, what ``where`` picks or these ids in another format to ``path``."""
        asked: dict[str, Any]
        asked = {"where": where, "ids": ids, "include": include, "labels": labels}

        def run(taking: Taking) -> Path:
            return taking.run(format, path, link=link, overwrite=overwrite, images=images, **asked)

        return await self._in_thread(on_progress, run)

    async def start_export(
        self,
        format: str,  # noqa: A002
        *,
        where: str | None = None,
        ids: Iterable[str] | None = None,
        include: Iterable[Literal["vectors"]] = (),
        labels: str | None = None,
        images: bool | None = None,
    ) -> Export:
        """Have the server make an export; ``take_export`` fetches it later."""
        asked: dict[str, Any]
        asked = {"where": where, "ids": ids, "include": include, "labels": labels, "images": images}
        return await self._transport.send(calls.start(self.info.dataset_id, format, **asked))

    async def exports(self) -> list[Export]:
        """The exports the server still has, newest first."""
        return (await self._transport.send(calls.listed(self.info.dataset_id))).items

    async def take_export(
        self,
        export_id: str,
        path: str | os.PathLike[str],
        *,
        link: Link = "copy",
        overwrite: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Path:
        """Wait for an export and put it at ``path``; the server keeps it for a while."""
        return await self._in_thread(
            on_progress,
            lambda taking: taking.take(export_id, path, link=link, overwrite=overwrite),
        )

    async def remove_export(self, export_id: str) -> None:
        """Cancel an export, or remove its result from the server."""
        await self._transport.send(calls.remove(self.info.dataset_id, export_id))

    async def stream_table(
        self,
        format: str = "csv",  # noqa: A002
        where: str | None = None,
        include: Iterable[Literal["vectors"]] = (),
        labels: str | None = None,
    ) -> AsyncIterator[bytes]:
        """The bytes of a ``csv``, ``jsonl`` or ``parquet`` as the server writes it."""
        path = f"/api/datasets/{self.info.dataset_id}/export"
        async for chunk in self._transport.stream(
            path, calls.table(format, where, include, labels)
        ):
            yield chunk

    async def _in_thread(
        self, on_progress: OnProgress | None, work: Callable[[Taking], Path]
    ) -> Path:
        transport = Transport(*self._transport.connection)
        taking = Taking(transport, self.info, on_progress)

        def run() -> Path:
            with contextlib.closing(transport):
                return work(taking)

        try:
            return await asyncio.to_thread(run)
        finally:
            # Not awaited any more, the thread must not go on for nobody.
            taking.stop.set()
