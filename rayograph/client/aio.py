"""The asyncio client: the same methods and the same arguments as the blocking one."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rayograph.annotations.answers import Annotation, AnnotationDetails
from rayograph.client import calls
from rayograph.client.discovery_async import AsyncDiscovery
from rayograph.client.exports import AsyncExportMethods
from rayograph.client.follow import POLL_S, READ_MAX_S, Follow, find
from rayograph.client.labels import AsyncLabelMethods
from rayograph.client.library import AsyncLibrary
from rayograph.client.snapshots import AsyncSnapshotMethods
from rayograph.client.transport import AsyncTransport, Transport
from rayograph.errors import NotFound, RayographError, ServerError, Unavailable
from rayograph.schema import (
    Box,
    Cutoff,
    DatasetStatus,
    Examples,
    FailurePage,
    FieldInfo,
    Health,
    ImageRecord,
    ModelList,
    Priority,
    Progress,
    SearchBy,
    SearchResponse,
    StageName,
)
from rayograph.schema import Dataset as DatasetInfo

if TYPE_CHECKING:
    import pyarrow as pa
    from PIL import Image

    from rayograph.client.torch_data import Pictures


class AsyncClient:
    """Talks to a rayograph server. Every HTTP error is raised as a ``RayographError``.

    Args:
        url: the server's address.
        token: its bearer token; needed when it listens beyond loopback.
        timeout_s: the longest wait for one answer, s.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        token: str | None = None,
        timeout_s: float = 30.0,
        **http: Any,
    ) -> None:
        self.url = url.rstrip("/")
        self._transport = AsyncTransport(self.url, token, timeout_s, **http)

    async def add(
        self,
        source: str | os.PathLike[str],
        *,
        name: str | None = None,
        annotations: str | os.PathLike[str] | None = None,
        recursive: bool = True,
        model: str | None = None,
        description: str | None = None,
        category: str | None = None,
        subject: str | None = None,
    ) -> AsyncDataset:
        """Open a source (a folder, a file, a glob, a URL) and return at once.

        The same source under the same name is the same dataset: adding it twice adds it once.
        """
        call = calls.add(
            source,
            name=name,
            annotations=annotations,
            recursive=recursive,
            model=model,
            description=description,
            category=category,
            subject=subject,
        )
        accepted = await self._transport.send(call)
        return AsyncDataset(self, await self._transport.send(calls.dataset(accepted.dataset_id)))

    async def datasets(self) -> list[AsyncDataset]:
        """Every dataset, as handles."""
        answer = await self._transport.send(calls.datasets())
        return [AsyncDataset(self, item) for item in answer.items]

    async def dataset(self, key: str) -> AsyncDataset:
        """The dataset with this id, or else this name."""
        answer = await self._transport.send(calls.datasets())
        return AsyncDataset(self, find(answer.items, key))

    async def image(self, image_id: str) -> ImageRecord:
        """One image's record."""
        return await self._transport.send(calls.image(image_id))

    async def thumbnail(self, image_id: str, size: int = 256) -> bytes:
        """An encoded small picture, about ``size`` px wide."""
        return await self._transport.send(calls.thumbnail(image_id, size))

    async def file(self, image_id: str) -> bytes:
        """The original file's bytes."""
        return await self._transport.send(calls.file(image_id))

    async def models(self) -> ModelList:
        """The models that can be chosen, and which is in use and why."""
        return await self._transport.send(calls.models())

    async def health(self) -> Health:
        """Whether the server is alive, its version and its phase."""
        return await self._transport.send(calls.health())

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class AsyncDataset(
    AsyncDiscovery, AsyncLabelMethods, AsyncExportMethods, AsyncSnapshotMethods, AsyncLibrary
):
    """A dataset on a server. ``info`` is what the server said when the handle was made."""

    def __init__(self, client: AsyncClient, info: DatasetInfo) -> None:
        self.client, self.info = client, info
        self._transport = client._transport

    @property
    def id(self) -> str:  # type: ignore[override]
        return self.info.dataset_id

    @property
    def name(self) -> str:
        return self.info.name

    def __repr__(self) -> str:
        return f"<AsyncDataset {self.name!r} {self.id} at {self.client.url}>"

    async def status(self) -> DatasetStatus:
        """Queued, processing, ready or failed, and what is being done."""
        return await self._transport.send(calls.status(self.id))

    async def get_loading_progress(self) -> Progress:
        """The counts now; the five add up to ``total``."""
        return await self._transport.send(calls.progress(self.id))

    async def is_ready(self) -> bool:
        """Whether every stage is over: each image is ready or failed."""
        progress = await self.get_loading_progress()
        return progress.status == "complete" and progress.error is None

    async def progress_stream(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 (as in the blocking client)
    ) -> AsyncIterator[Progress]:
        """The progress now, then whenever it changes, until complete.

        Raises:
            TimeoutError: not complete within ``timeout`` seconds.
        """
        follow = Follow(timeout, self._transport.timeout_s)
        while not follow.done:
            try:
                path = calls.events(self.id)
                events = self._transport.events(path, follow.left_s(READ_MAX_S))
                async with contextlib.aclosing(events):
                    async for heard in events:
                        if follow.news(heard) and heard is not None:
                            yield heard
                        if follow.done:
                            return
            except (Unavailable, ServerError, NotFound):
                pass  # no stream: the poll below says what is really the matter
            try:
                polled = await self.get_loading_progress()
            except RayographError as error:
                follow.forgive(error)
            else:
                if follow.news(polled):
                    yield polled
            if not follow.done:
                await asyncio.sleep(follow.left_s(POLL_S))

    async def wait(
        self,
        timeout: float | None = None,  # noqa: ASYNC109
        on_progress: Callable[[Progress], object] | None = None,
    ) -> Progress:
        """Wait until complete and return the last progress; failed images do not raise.

        Raises:
            TimeoutError: not complete within ``timeout`` seconds.
        """
        last: Progress | None = None
        async for last in self.progress_stream(timeout):
            if on_progress is not None:
                on_progress(last)
        return last if last is not None else await self.get_loading_progress()

    async def search(
        self,
        text: str | None = None,
        *,
        image: str | os.PathLike[str] | bytes | Image.Image | None = None,
        image_id: str | None = None,
        image_url: str | None = None,
        box: Box | Mapping[str, Any] | None = None,
        more_like: Examples | None = None,
        less_like: Examples | None = None,
        by: SearchBy = "both",
        k: int = 20,
        offset: int = 0,
        where: str | None = None,
        cutoff: Cutoff | None = None,
    ) -> SearchResponse:
        """Rank images by a text, a picture, an image of the dataset, a box or examples.

        ``coverage`` of the answer says how many of the images could be searched yet, and
        ``next_offset`` where its next page begins.
        """
        call = calls.search(
            self.id,
            text=text,
            image=image,
            image_id=image_id,
            image_url=image_url,
            box=box,
            more_like=more_like,
            less_like=less_like,
            by=by,
            k=k,
            offset=offset,
            where=where,
            cutoff=cutoff,
        )
        return await self._transport.send(call)

    async def images(
        self, where: str | None = None, sort: str | None = None, limit: int | None = None
    ) -> AsyncIterator[ImageRecord]:
        """Records, page by page; ``limit`` stops after so many."""
        cursor, left = None, limit
        while left is None or left > 0:
            size = calls.PAGE if left is None else min(calls.PAGE, left)
            call = calls.images(self.id, limit=size, cursor=cursor, sort=sort, where=where)
            page = await self._transport.send(call)
            for item in page.items:
                yield item
            cursor, left = page.next_cursor, None if left is None else left - len(page.items)
            if cursor is None:
                return

    async def failures(
        self,
        code: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
        where: str | None = None,
    ) -> FailurePage:
        """One page of failed images, with ``reasons``: each error code and how often."""
        call = calls.failures(self.id, limit=limit, cursor=cursor, code=code, where=where)
        return await self._transport.send(call)

    async def fields(self) -> list[FieldInfo]:
        """What a ``where`` can name here, and the values of what has few."""
        return (await self._transport.send(calls.fields(self.id))).items

    async def annotation_report(self) -> AnnotationDetails:
        """Where the annotations are from, how they fit, and the first of what did not.

        Raises:
            NotFound: there are none.
        """
        return await self._transport.send(calls.annotation_report(self.id))

    async def annotations(self, ids: str | Iterable[str]) -> dict[str, list[Annotation]]:
        """Boxes, polygons, masks and keypoints of up to 500 images that have any, by id."""
        return (await self._transport.send(calls.annotations_of(self.id, ids))).items

    async def rescan(self, source: str | os.PathLike[str] | None = None) -> Progress:
        """Look for new, changed, moved and removed files; in ``source`` if they lie there now."""
        if source is not None:
            self.info = await self._transport.send(calls.relocate(self.id, source))
            return await self.get_loading_progress()
        return await self._transport.send(calls.command(self.id, "rescan"))

    async def purge(self) -> Progress:
        """Remove the images whose files are gone. No file is touched."""
        return await self._transport.send(calls.command(self.id, "purge"))

    async def pause(self, stage: StageName | None = None) -> Progress:
        """Stop computing, all or one stage; what is done stays and can be searched."""
        return await self._transport.send(calls.command(self.id, "pause", stage))

    async def resume(self, stage: StageName | None = None) -> Progress:
        """Go on after ``pause``, with all or with one stage."""
        return await self._transport.send(calls.command(self.id, "resume", stage))

    async def cancel(self, stage: StageName | None = None) -> Progress:
        """End the work on this dataset, or ``embedding`` alone; what is done stays."""
        return await self._transport.send(calls.command(self.id, "cancel", stage))

    async def prioritise(self, priority: Priority) -> None:
        """Let it go before others at the model (``high``), or after them (``low``)."""
        self.info = await self._transport.send(calls.prioritise(self.id, priority))

    async def use_model(self, name: str) -> None:
        """Embed with another model; the present one's vectors serve until its are all there."""
        self.info = await self._transport.send(calls.use_model(self.id, name))

    async def delete(self) -> None:
        """Remove the dataset from the catalog. Source files are never touched."""
        await self._transport.send(calls.delete(self.id))

    async def tag(self, ids: str | Iterable[str], *tags: str) -> int:
        """Add tags to images."""
        return (await self._transport.send(calls.edit(self.id, ids, tags_add=list(tags)))).matched

    async def untag(self, ids: str | Iterable[str], *tags: str) -> int:
        """Take tags off images."""
        return (
            await self._transport.send(calls.edit(self.id, ids, tags_remove=list(tags)))
        ).matched

    async def rate(self, ids: str | Iterable[str], rating: int | None) -> int:
        """Rate images; None takes the rating off."""
        return (await self._transport.send(calls.edit(self.id, ids, rating=rating))).matched

    async def favorite(self, ids: str | Iterable[str], value: bool = True) -> int:
        """Mark images as favourites, or no longer."""
        return (await self._transport.send(calls.edit(self.id, ids, favorite=value))).matched

    async def hide(self, ids: str | Iterable[str], value: bool = True) -> int:
        """Put images out of sight with all copies of their content, or back in sight."""
        return (await self._transport.send(calls.edit(self.id, ids, hidden=value))).matched

    async def to_arrow(self, where: str | None = None) -> pa.Table:
        """The records as one Arrow table."""
        from rayograph.client import frames

        return frames.to_arrow([item async for item in self.images(where)])

    async def to_pandas(self, where: str | None = None) -> Any:
        """The records as a pandas DataFrame."""
        from rayograph.client import frames

        return frames.to_pandas(await self.to_arrow(where))

    async def to_torch(
        self,
        transform: Callable[[Image.Image], Any] | None = None,
        *,
        size: int | None = None,
        where: str | None = None,
    ) -> Pictures:
        """A torch map-style dataset of ``(picture, image_id)``; failed images are left out.

        ``size`` fetches thumbnails of that width, px, instead of the original files.
        """
        from rayograph.client.torch_data import Pictures

        records = [record async for record in self.images(where) if record.status != "failed"]
        return Pictures(
            records, Transport(*self._transport.connection), transform=transform, size=size
        )
