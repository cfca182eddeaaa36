"""The blocking client."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rayograph.annotations.answers import Annotation, AnnotationDetails
from rayograph.client import calls
from rayograph.client.discovery import Discovery
from rayograph.client.exports import ExportMethods
from rayograph.client.follow import POLL_S, READ_MAX_S, Follow, find
from rayograph.client.labels import LabelMethods
from rayograph.client.library import Library
from rayograph.client.snapshots import SnapshotMethods
from rayograph.client.transport import Transport
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


class Client:
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
        self._transport = Transport(self.url, token, timeout_s, **http)

    def add(
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
    ) -> Dataset:
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
        accepted = self._transport.send(call)
        return Dataset(self, self._transport.send(calls.dataset(accepted.dataset_id)))

    def datasets(self) -> list[Dataset]:
        """Every dataset, as handles."""
        return [Dataset(self, item) for item in self._transport.send(calls.datasets()).items]

    def dataset(self, key: str) -> Dataset:
        """The dataset with this id, or else this name."""
        return Dataset(self, find(self._transport.send(calls.datasets()).items, key))

    def image(self, image_id: str) -> ImageRecord:
        """One image's record."""
        return self._transport.send(calls.image(image_id))

    def thumbnail(self, image_id: str, size: int = 256) -> bytes:
        """An encoded small picture, about ``size`` px wide."""
        return self._transport.send(calls.thumbnail(image_id, size))

    def file(self, image_id: str) -> bytes:
        """The original file's bytes."""
        return self._transport.send(calls.file(image_id))

    def models(self) -> ModelList:
        """The models that can be chosen, and which is in use and why."""
        return self._transport.send(calls.models())

    def health(self) -> Health:
        """Whether the server is alive, its version and its phase."""
        return self._transport.send(calls.health())

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Dataset(Discovery, LabelMethods, ExportMethods, SnapshotMethods, Library):
    """A dataset on a server. ``info`` is what the server said when the handle was made."""

    def __init__(self, client: Client, info: DatasetInfo) -> None:
        self.client, self.info = client, info
        self._transport = client._transport

    @property
    def id(self) -> str:  # type: ignore[override]
        return self.info.dataset_id

    @property
    def name(self) -> str:
        return self.info.name

    def __repr__(self) -> str:
        return f"<Dataset {self.name!r} {self.id} at {self.client.url}>"

    def status(self) -> DatasetStatus:
        """Queued, processing, ready or failed, and what is being done."""
        return self._transport.send(calls.status(self.id))

    def get_loading_progress(self) -> Progress:
        """The counts now; the five add up to ``total``."""
        return self._transport.send(calls.progress(self.id))

    def is_ready(self) -> bool:
        """Whether every stage is over: each image is ready or failed."""
        progress = self.get_loading_progress()
        return progress.status == "complete" and progress.error is None

    def progress_stream(self, timeout: float | None = None) -> Iterator[Progress]:
        """The progress now, then whenever it changes, until complete.

        Raises:
            TimeoutError: not complete within ``timeout`` seconds.
        """
        follow = Follow(timeout, self._transport.timeout_s)
        while not follow.done:
            try:
                path = calls.events(self.id)
                for heard in self._transport.events(path, follow.left_s(READ_MAX_S)):
                    if follow.news(heard) and heard is not None:
                        yield heard
                    if follow.done:
                        return
            except (Unavailable, ServerError, NotFound):
                pass  # no stream: the poll below says what is really the matter
            try:
                polled = self.get_loading_progress()
            except RayographError as error:
                follow.forgive(error)
            else:
                if follow.news(polled):
                    yield polled
            if not follow.done:
                time.sleep(follow.left_s(POLL_S))

    def wait(
        self,
        timeout: float | None = None,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> Progress:
        """Block until complete and return the last progress; failed images do not raise.

        Raises:
            TimeoutError: not complete within ``timeout`` seconds.
        """
        last: Progress | None = None
        for last in self.progress_stream(timeout):
            if on_progress is not None:
                on_progress(last)
        return last if last is not None else self.get_loading_progress()

    def search(
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
        return self._transport.send(call)

    def images(
        self, where: str | None = None, sort: str | None = None, limit: int | None = None
    ) -> Iterator[ImageRecord]:
        """Records, page by page; ``limit`` stops after so many."""
        cursor, left = None, limit
        while left is None or left > 0:
            size = calls.PAGE if left is None else min(calls.PAGE, left)
            call = calls.images(self.id, limit=size, cursor=cursor, sort=sort, where=where)
            page = self._transport.send(call)
            yield from page.items
            cursor, left = page.next_cursor, None if left is None else left - len(page.items)
            if cursor is None:
                return

    def failures(
        self,
        code: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
        where: str | None = None,
    ) -> FailurePage:
        """One page of failed images, with ``reasons``: each error code and how often."""
        call = calls.failures(self.id, limit=limit, cursor=cursor, code=code, where=where)
        return self._transport.send(call)

    def fields(self) -> list[FieldInfo]:
        """What a ``where`` can name here, and the values of what has few."""
        return self._transport.send(calls.fields(self.id)).items

    def annotation_report(self) -> AnnotationDetails:
        """Where the annotations are from, how they fit, and the first of what did not.

        Raises:
            NotFound: there are none.
        """
        return self._transport.send(calls.annotation_report(self.id))

    def annotations(self, ids: str | Iterable[str]) -> dict[str, list[Annotation]]:
        """Boxes, polygons, masks and keypoints of up to 500 images that have any, by id."""
        return self._transport.send(calls.annotations_of(self.id, ids)).items

    def rescan(self, source: str | os.PathLike[str] | None = None) -> Progress:
        """Look for new, changed, moved and removed files; in ``source`` if they lie there now."""
        if source is not None:
            self.info = self._transport.send(calls.relocate(self.id, source))
            return self.get_loading_progress()
        return self._transport.send(calls.command(self.id, "rescan"))

    def purge(self) -> Progress:
        """Remove the images whose files are gone. No file is touched."""
        return self._transport.send(calls.command(self.id, "purge"))

    def pause(self, stage: StageName | None = None) -> Progress:
        """Stop computing, all or one stage; what is done stays and can be searched."""
        return self._transport.send(calls.command(self.id, "pause", stage))

    def resume(self, stage: StageName | None = None) -> Progress:
        """Go on after ``pause``, with all or with one stage."""
        return self._transport.send(calls.command(self.id, "resume", stage))

    def cancel(self, stage: StageName | None = None) -> Progress:
        """End the work on this dataset, or ``embedding`` alone; what is done stays."""
        return self._transport.send(calls.command(self.id, "cancel", stage))

    def prioritise(self, priority: Priority) -> None:
        """Let it go before others at the model (``high``), or after them (``low``)."""
        self.info = self._transport.send(calls.prioritise(self.id, priority))

    def use_model(self, name: str) -> None:
        """Embed with another model; the present one's vectors serve until its are all there."""
        self.info = self._transport.send(calls.use_model(self.id, name))

    def delete(self) -> None:
        """Remove the dataset from the catalog. Source files are never touched."""
        self._transport.send(calls.delete(self.id))

    def tag(self, ids: str | Iterable[str], *tags: str) -> int:
        """Add tags to images."""
        return self._transport.send(calls.edit(self.id, ids, tags_add=list(tags))).matched

    def untag(self, ids: str | Iterable[str], *tags: str) -> int:
        """Take tags off images."""
        return self._transport.send(calls.edit(self.id, ids, tags_remove=list(tags))).matched

    def rate(self, ids: str | Iterable[str], rating: int | None) -> int:
        """Rate images; None takes the rating off."""
        return self._transport.send(calls.edit(self.id, ids, rating=rating)).matched

    def favorite(self, ids: str | Iterable[str], value: bool = True) -> int:
        """Mark images as favourites, or no longer."""
        return self._transport.send(calls.edit(self.id, ids, favorite=value)).matched

    def hide(self, ids: str | Iterable[str], value: bool = True) -> int:
        """Put images out of sight with all copies of their content, or back in sight."""
        return self._transport.send(calls.edit(self.id, ids, hidden=value)).matched

    def to_arrow(self, where: str | None = None) -> pa.Table:
        """The records as one Arrow table."""
        from rayograph.client import frames

        return frames.to_arrow(self.images(where))

    def to_pandas(self, where: str | None = None) -> Any:
        """The records as a pandas DataFrame."""
        from rayograph.client import frames

        return frames.to_pandas(self.to_arrow(where))

    def to_torch(
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

        records = [record for record in self.images(where) if record.status != "failed"]
        return Pictures(records, self._transport, transform=transform, size=size)
