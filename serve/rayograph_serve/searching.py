"""Search: a query becomes a vector of the model that made the dataset's, and the nearest win."""

from __future__ import annotations

import asyncio
import base64
import binascii
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rayograph import ids
from rayograph.catalog import Catalog, DatasetReader, DatasetRow
from rayograph.catalog.filters import Filter
from rayograph.errors import (
    ImageNotFound,
    InvalidRequest,
    ModelUnavailable,
    NotReady,
    WeightsChanged,
)
from rayograph.progress import embeds
from rayograph.schema import Coverage, Hit, ImageRecord, SearchRequest, SearchResponse
from rayograph.settings import Settings
from rayograph.sources import open_uri
from rayograph_serve.engine import Located
from rayograph_serve.filters import chosen_by
from rayograph_serve.work import Work

Query = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Space:
    """Vectors to compare with, and the model that made them."""

    reader: DatasetReader
    model: str
    key: str | None


class Searcher:
    """Ranks a dataset's images.

    Args:
        locate: where an image's bytes are.
        records: table rows as the API's records.
    """

    def __init__(
        self,
        catalog: Catalog,
        work: Work,
        settings: Settings,
        *,
        locate: Callable[[str], Awaitable[Located]],
        records: Callable[[DatasetRow, list[dict[str, Any]]], list[ImageRecord]],
    ) -> None:
        self._catalog = catalog
        self._work = work
        self._settings = settings
        self._locate = locate
        self._records = records

    async def search(self, row: DatasetRow, request: SearchRequest) -> SearchResponse:
        """The nearest images to what is asked for, among those that have vectors."""
        began = time.perf_counter()
        where = chosen_by(row, request.where)
        if not embeds(row):
            raise ModelUnavailable(
                f"this dataset cannot be searched: {row.embed_note or 'no model'}",
                hint="GET /api/models says which models there are",
            )
        if row.model is None:
            raise NotReady("a model is still being chosen", hint="try again in a moment")
        try:
            found = await self._search_in(row, self._serving(row), request, where)
        except ModelUnavailable as error:
            if isinstance(error, WeightsChanged):
                # The vectors are made anew, from now on.
                await self._work.start(row.dataset_id)
            making = self._making(row)
            if making is None:
                raise
            found = await self._search_in(row, making, request, where)
        except NotReady:
            newest = await asyncio.to_thread(self._catalog.dataset, row.dataset_id)
            if newest.space == row.space:
                raise
            # Another model began to serve while this one was being asked.
            return await self.search(newest, request)
        took_ms = round((time.perf_counter() - began) * 1000, 2)
        return found.model_copy(update={"took_ms": took_ms})

    def _serving(self, row: DatasetRow) -> _Space:
        reader = self._catalog.reader(row.dataset_id, row.serving)
        return _Space(reader, str(row.model), row.model_key)

    def _making(self, row: DatasetRow) -> _Space | None:
        """The vectors of a model that is to serve later."""
        if row.next_model is None or row.next_model_key is None:
            return None
        reader = self._catalog.reader(row.dataset_id, row.serving.other)
        return _Space(reader, row.next_model, row.next_model_key)

    async def _search_in(
        self, row: DatasetRow, space: _Space, request: SearchRequest, where: Filter | None
    ) -> SearchResponse:
        vector = await self._query(row, space, request)
        rows, scores, searched, total = await asyncio.to_thread(
            space.reader.search,
            vector,
            k=request.k,
            refine=self._settings.index.refine,
            where=where,
        )
        if not searched and where is None:
            raise NotReady("no image has a vector yet", hint="try again in a moment")
        hits = [
            Hit(image=record, score=round(score, 6))
            for record, score in zip(self._records(row, rows), scores, strict=True)
            # A vector of zeros has no direction, so no similarity either.
            if math.isfinite(score) and (request.cutoff is None or score >= request.cutoff)
        ]
        coverage = Coverage(searched=searched, total=total)
        return SearchResponse(items=hits, coverage=coverage, took_ms=0.0, model=space.model)

    async def _query(self, row: DatasetRow, space: _Space, request: SearchRequest) -> Query:
        vector: Query | None = None
        if request.text is not None:
            vector = _float(await self._work.text(space.model, space.key, request.text))
        elif request.image_id is not None:
            vector = await self._own_vector(row, space, request.image_id)
        elif request.image_base64 is not None:
            vector = await self._picture(space, _from_base64(request.image_base64))
        elif request.box is not None:
            box = request.box
            data = await self._bytes(box.image_id)
            vector = await self._picture(space, data, (box.x, box.y, box.width, box.height))
        for image_id in request.more_like or ():
            more = await self._own_vector(row, space, image_id)
            vector = more if vector is None else vector + more
        for image_id in request.less_like or ():
            less = await self._own_vector(row, space, image_id)
            vector = (0 if vector is None else vector) - 0.5 * less
        if vector is None:
            raise InvalidRequest("nothing to search for")
        return vector / max(float(np.linalg.norm(vector)), 1e-12)

    async def _own_vector(self, row: DatasetRow, space: _Space, image_id: str) -> Query:
        if ids.dataset_of(image_id) != row.dataset_id:
            raise ImageNotFound(f"no image {image_id!r} in this dataset")
        try:
            return _float(await asyncio.to_thread(space.reader.vector, image_id))
        except NotReady:
            # Not embedded yet: the picture itself still is a query.
            return await self._picture(space, await self._bytes(image_id))

    async def _picture(
        self,
        space: _Space,
        data: bytes,
        corners: tuple[float, float, float, float] | None = None,
    ) -> Query:
        return _float(await self._work.picture(space.model, space.key, data, corners))

    async def _bytes(self, image_id: str) -> bytes:
        located = await self._locate(image_id)
        return await asyncio.to_thread(_read_all, located.preview or located.uri)


def _float(vector: npt.NDArray[Any]) -> Query:
    return np.asarray(vector, dtype=np.float32)


def _read_all(uri: str) -> bytes:
    with open_uri(uri) as file:
        return file.read()


def _from_base64(text: str) -> bytes:
    _, _, body = text.partition(",") if text.startswith("data:") else ("", "", text)
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("image_base64 is not base64") from None
