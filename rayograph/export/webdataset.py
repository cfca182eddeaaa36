"""WebDataset: tar shards in which an image and what is known of it share a key."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from rayograph.errors import ImageFault
from rayograph.export.marks import check_usable
from rayograph.export.names import safe_part
from rayograph.export.plain import to_json
from rayograph.export.rows import Rows
from rayograph.export.staging import Staging
from rayograph.sources import open_uri

SHARD_BYTES, SHARD_IMAGES = 1_000_000_000, 10_000


def write_webdataset(rows: Rows, staging: Staging, name: str) -> None:
    """``NAME-000000.tar`` and on: ``KEY.jpg``, ``KEY.json`` and, with a caption, ``KEY.txt``."""
    shards = _Shards(staging, name)
    with shards.writing():
        for row in rows.records():
            try:
                check_usable(row)
                with open_uri(row["uri"]) as file:
                    data = file.read()
            except ImageFault as fault:
                staging.fail(row, fault.fault, fault.message)
                staging.step(1)
            except OSError as error:
                staging.fail(row, "unreadable", error.strerror or "cannot be read")
                staging.step(1)
            else:
                staging.step(1, shards.add(row, data))


class _Shards:
    def __init__(self, staging: Staging, name: str) -> None:
        self._staging, self._name = staging, name
        self._number = self._images = self._bytes = 0
        self._file: IO[bytes] | None = None
        self._tar: tarfile.TarFile | None = None

    @contextmanager
    def writing(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._close()

    def add(self, row: Mapping[str, Any], data: bytes) -> int:
        """Put an image into the present shard; returns the bytes it took."""
        if self._tar is None or self._bytes >= SHARD_BYTES or self._images >= SHARD_IMAGES:
            self._open()
        assert self._tar is not None
        members = [(_suffix(row["file_name"]), data), ("json", to_json(row).encode())]
        if row["caption"]:
            members.append(("txt", row["caption"].encode()))
        before = self._tar.offset
        for suffix, content in members:
            info = tarfile.TarInfo(f"{row['id']}.{suffix}")
            info.size, info.mtime = len(content), int(row["mtime"] or 0)
            self._tar.addfile(info, io.BytesIO(content))
        self._images += 1
        self._bytes += self._tar.offset - before
        return self._tar.offset - before

    def _open(self) -> None:
        self._close()
        self._file = self._staging.open(f"{self._name}-{self._number:06d}.tar")
        self._tar = tarfile.TarFile(fileobj=self._file, mode="w", format=tarfile.PAX_FORMAT)
        self._number += 1
        self._images = self._bytes = 0

    def _close(self) -> None:
        if self._tar is not None and self._file is not None:
            self._tar.close()
            self._file.close()
        self._tar = self._file = None


def _suffix(name: str) -> str:
    return safe_part(name.rpartition(".")[2].lower()) if "." in name else "img"
