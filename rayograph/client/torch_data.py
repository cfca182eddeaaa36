"""A dataset's pictures for a torch ``DataLoader``. The only client module that imports torch."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image, ImageOps
from torch.utils.data import Dataset as TorchDataset

from rayograph.client import calls
from rayograph.client.transport import Transport
from rayograph.schema import ImageRecord


class Pictures(TorchDataset[Any]):  # type: ignore[misc]
    """``self[i]`` is ``(picture, image_id)``; the picture is RGB, upright, then ``transform``-ed.

    ``records[i]`` is the record behind it. ``size`` fetches thumbnails of that width, px, instead
    of the original files.
    """

    def __init__(
        self,
        records: Sequence[ImageRecord],
        transport: Transport,
        *,
        transform: Callable[[Image.Image], Any] | None = None,
        size: int | None = None,
    ) -> None:
        self.records = list(records)
        self._transform, self._size = transform, size
        self._connection = transport.connection
        self._transport: tuple[int, Transport] | None = (os.getpid(), transport)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> tuple[Any, str]:
        record = self.records[index]
        call = (
            calls.file(record.id) if self._size is None else calls.thumbnail(record.id, self._size)
        )
        with Image.open(io.BytesIO(self._open().send(call))) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
        return (self._transform(picture) if self._transform else picture), record.id

    def _open(self) -> Transport:
        # A connection must not be shared with the workers a DataLoader forks.
        if self._transport is None or self._transport[0] != os.getpid():
            self._transport = (os.getpid(), Transport(*self._connection))
        return self._transport[1]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_transport": None}
