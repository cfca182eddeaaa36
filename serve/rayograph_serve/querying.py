"""What is asked for, as one vector of the model that made the dataset's."""

from __future__ import annotations

import asyncio
import base64
import binascii
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rayograph import ids
from rayograph.catalog import DatasetReader, DatasetRow
from rayograph.errors import ImageNotFound, InvalidRequest, NotReady
from rayograph.fetch import FetchLimits, fetch
from rayograph.schema import SearchRequest, Weighted
from rayograph.settings import Settings
from rayograph.sources import open_uri
from rayograph_serve.engine import Located
from rayograph_serve.work import Work

Query = npt.NDArray[np.float32]
# What a picture that is named by its address may take: somebody is waiting for the answer.
_MOST_BYTES, _MOST_TRIES = 50_000_000, 1
# What one is less like counts half, unless it says how much.
_LESS = 0.5


@dataclass(frozen=True, slots=True)
class Space:
    """Vectors to compare with, and the model that made them."""

    reader: DatasetReader
    model: str
    key: str | None


class Asker:
    """Makes query vectors.

    Args:
        locate: where an image's bytes are.
    """

    def __init__(
        self, work: Work, settings: Settings, *, locate: Callable[[str], Awaitable[Located]]
    ) -> None:
        self._work = work
        self._settings = settings
        self._locate = locate

    async def query(self, row: DatasetRow, space: Space, request: SearchRequest) -> Query:
        """The direction to look in, of length 1.

        Raises:
            InvalidRequest: the examples cancel each other out.
        """
        vector = await self._asked(row, space, request)
        for example in _weighted(request.more_like, 1.0):
            more = await self._own_vector(row, space, example.image_id)
            vector = (0 if vector is None else vector) + example.weight * more
        for example in _weighted(request.less_like, _LESS):
            less = await self._own_vector(row, space, example.image_id)
            vector = (0 if vector is None else vector) - example.weight * less
        length = 0.0 if vector is None else float(np.linalg.norm(vector))
        if vector is None or length < 1e-6:
            raise InvalidRequest(
                "the examples cancel each other out", hint="take one away, or change the weights"
            )
        return vector / length

    async def _asked(self, row: DatasetRow, space: Space, request: SearchRequest) -> Query | None:
        if request.text is not None:
            return _float(await self._work.text(space.model, space.key, request.text))
        if request.image_id is not None:
            return await self._own_vector(row, space, request.image_id)
        if request.image_base64 is not None:
            return await self._picture(space, _from_base64(request.image_base64))
        if request.image_url is not None:
            return await self._picture(space, await self._fetched(request.image_url))
        if request.box is not None:
            box = request.box
            data = await self._bytes(box.image_id)
            return await self._picture(space, data, (box.x, box.y, box.width, box.height))
        return None

    async def _own_vector(self, row: DatasetRow, space: Space, image_id: str) -> Query:
        if ids.dataset_of(image_id) != row.dataset_id:
            raise ImageNotFound(f"no image {image_id!r} in this dataset")
        try:
            return _float(await asyncio.to_thread(space.reader.vector, image_id))
        except NotReady:
            # Not embedded yet: the picture itself still is a query.
            return await self._picture(space, await self._bytes(image_id))

    async def _picture(
        self,
        space: Space,
        data: bytes,
        corners: tuple[float, float, float, float] | None = None,
    ) -> Query:
        return _float(await self._work.picture(space.model, space.key, data, corners))

    async def _bytes(self, image_id: str) -> bytes:
        located = await self._locate(image_id)
        return await asyncio.to_thread(_read_all, located.preview or located.uri)

    async def _fetched(self, url: str) -> bytes:
        download = self._settings.download.model_copy(
            update={"max_gb": _MOST_BYTES / 1e9, "tries": _MOST_TRIES}
        )
        return await asyncio.to_thread(
            _download, url, FetchLimits.of(download), self._settings.sources.allowed_hosts
        )


def _weighted(examples: Sequence[str | Weighted] | None, usual: float) -> list[Weighted]:
    return [
        each if isinstance(each, Weighted) else Weighted(image_id=each, weight=usual)
        for each in examples or ()
    ]


def _float(vector: npt.NDArray[Any]) -> Query:
    return np.asarray(vector, dtype=np.float32)


def _read_all(uri: str) -> bytes:
    with open_uri(uri) as file:
        return file.read()


def _download(url: str, limits: FetchLimits, allowed_hosts: Sequence[str]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="rayograph-query-") as folder:
        fetched = fetch(url, Path(folder) / "picture", limits=limits, allowed_hosts=allowed_hosts)
        return fetched.path.read_bytes()


def _from_base64(text: str) -> bytes:
    _, _, body = text.partition(",") if text.startswith("data:") else ("", "", text)
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("image_base64 is not base64") from None
