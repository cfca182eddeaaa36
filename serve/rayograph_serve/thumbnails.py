"""Thumbnails, made once: memory in front of a folder in front of the picture itself.

No web framework and no event loop in here, so that the boot front serves the same thumbnails.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

from rayograph import ids
from rayograph.errors import ImageFault, ImageNotFound
from rayograph.folders import folder_beside
from rayograph.imaging import THUMBNAIL_TYPE
from rayograph_serve.rendering import Renderers

if TYPE_CHECKING:
    from rayograph.settings import Settings
    from rayograph_serve.engine import Located

__all__ = ["THUMBNAIL_TYPE", "ThumbnailStore"]

logger = logging.getLogger(__name__)
Render = Callable[[str, int], bytes]
CHILDREN = max(1, min(4, os.cpu_count() or 1))
_MARK_CHARS = 32
_ENTRY_OVERHEAD_BYTES = 300
_FAULTS_KEPT = 4096
# A disk or mount may come back; a broken picture stays broken until its file changes, and a
# changed file has another mark.
_FAULT_TTL_S = {"missing": 5.0, "unreadable": 5.0}
_BROKEN_TTL_S = 300.0


class ThumbnailStore:
    """Thumbnails by image id and size; every method may be called from any thread.

    Args:
        render: ``(uri, width in px) -> encoded picture``; default: in guarded child processes.
    """

    def __init__(self, settings: Settings, *, render: Render | None = None) -> None:
        self.counts: Counter[str] = Counter(memory=0, disk=0, made=0, failed=0)
        self._sizes = tuple(sorted(settings.thumbnails.sizes))
        self._quality = settings.thumbnails.quality
        self._folder = folder_beside(settings, "thumbnails")
        self._memory = _Memory(settings.thumbnails.memory_mb * 1_000_000)
        self._faults: OrderedDict[str, tuple[float, ImageFault]] = OrderedDict()
        self._flights: dict[str, Future[bytes]] = {}
        self._lock = threading.Lock()
        self._children = None if render else Renderers(settings, count=CHILDREN)
        self._render: Render = render or self._children  # type: ignore[assignment]
        self._disk_complained = False

    @property
    def content_type(self) -> str:
        """The media type of every thumbnail."""
        return THUMBNAIL_TYPE

    def width(self, size: int) -> int:
        """The width kept, in px, that shows ``size`` px without enlarging."""
        return next((width for width in self._sizes if width >= size), self._sizes[-1])

    def mark(self, image_id: str, located: Located, size: int) -> str:
        """32 hex digits that change whenever the thumbnail might; the ETag without quotes."""
        facts = (image_id, located.mtime, located.size, self.width(size), self._quality)
        return hashlib.blake2b(repr(facts).encode(), digest_size=_MARK_CHARS // 2).hexdigest()

    def get(self, image_id: str, located: Located, size: int) -> bytes:
        """The encoded thumbnail, made now if need be; blocks meanwhile.

        Raises:
            ImageFault: the picture is broken (remembered for a while) or gone.
        """
        mark = self.mark(image_id, located, size)
        found = self.remembered(mark) or self.stored(image_id, located, size)
        if found is not None:
            return found
        with self._lock:
            # Looked up again: whoever made it meanwhile remembered it before giving this up.
            found = self._memory.get(mark)
            if found is not None:
                return found
            flight = self._flights.get(mark)
            mine = flight is None
            if flight is None:
                flight = self._flights[mark] = Future()
        if mine:
            self._fly(flight, mark, image_id, located, self.width(size))
        return flight.result()

    def remembered(self, mark: str) -> bytes | None:
        """The thumbnail if it is in memory.

        Raises:
            ImageFault: it could not be made a moment ago.
        """
        found = self._memory.get(mark)
        if found is not None:
            self.counts["memory"] += 1
            return found
        with self._lock:
            until, fault = self._faults.get(mark, (0.0, None))
        if fault is not None and time.monotonic() < until:
            raise ImageFault(fault.message, hint=fault.hint, fault=fault.fault)
        return None

    def stored(self, image_id: str, located: Located, size: int) -> bytes | None:
        """The thumbnail if it is in the cache folder; reads a file."""
        path, mark = self._path(image_id, self.width(size)), self.mark(image_id, located, size)
        if path is None:
            return None
        try:
            data = path.read_bytes()
        except OSError:
            return None
        # The mark comes first in the file: a picture that changed overwrites its old thumbnail
        # instead of leaving it behind for good.
        if data[:_MARK_CHARS] != mark.encode() or len(data) == _MARK_CHARS:
            return None
        self.counts["disk"] += 1
        self._memory.put(mark, data[_MARK_CHARS:])
        return data[_MARK_CHARS:]

    def forget(self, dataset_id: str) -> None:
        """Drop a dataset's thumbnails from the cache folder."""
        if self._folder is not None and ids.is_dataset_id(dataset_id):
            shutil.rmtree(self._folder / dataset_id, ignore_errors=True)

    def close(self) -> None:
        """End the child processes."""
        if self._children is not None:
            self._children.close()

    def _fly(
        self, flight: Future[bytes], mark: str, image_id: str, located: Located, width: int
    ) -> None:
        """Make a thumbnail for everybody who waits for this flight."""
        try:
            body = self._render(located.preview or located.uri, width)
        except BaseException as error:  # noqa: BLE001 (whoever waits must hear of it)
            self.counts["failed"] += 1
            if isinstance(error, ImageFault):
                self._remember_fault(mark, error)
            self._land(mark)
            flight.set_exception(error)
            return
        self.counts["made"] += 1
        self._memory.put(mark, body)
        self._land(mark)
        flight.set_result(body)
        self._save(image_id, width, mark, body)

    def _land(self, mark: str) -> None:
        with self._lock:
            del self._flights[mark]

    def _remember_fault(self, mark: str, fault: ImageFault) -> None:
        until = time.monotonic() + _FAULT_TTL_S.get(fault.fault, _BROKEN_TTL_S)
        with self._lock:
            self._faults[mark] = (until, fault)
            self._faults.move_to_end(mark)
            while len(self._faults) > _FAULTS_KEPT:
                self._faults.popitem(last=False)

    def _path(self, image_id: str, width: int) -> Path | None:
        dataset = ids.dataset_of(image_id)
        if dataset is None:
            raise ImageNotFound(f"no image {image_id[:64]!r}")
        if self._folder is None:
            return None
        digest = image_id[len(dataset) + 1 :]
        return self._folder / dataset / digest[:2] / f"{digest[2:]}-{width}"

    def _save(self, image_id: str, width: int, mark: str, body: bytes) -> None:
        """Keep a thumbnail in the folder; a full or read-only disk only costs the cache."""
        path = self._path(image_id, width)
        if path is None:
            return
        part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(mark.encode() + body)
            part.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            if not self._disk_complained:
                self._disk_complained = True
                logger.warning("thumbnails are not kept on disk: %s", error)


class _Memory:
    """The thumbnails served last, up to a number of bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._used = 0
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, bytes] = OrderedDict()

    def get(self, mark: str) -> bytes | None:
        with self._lock:
            body = self._entries.get(mark)
            if body is not None:
                self._entries.move_to_end(mark)
            return body

    def put(self, mark: str, body: bytes) -> None:
        with self._lock:
            if mark not in self._entries:
                self._entries[mark] = body
                self._used += len(body) + _ENTRY_OVERHEAD_BYTES
            while self._used > self._limit and self._entries:
                _, gone = self._entries.popitem(last=False)
                self._used -= len(gone) + _ENTRY_OVERHEAD_BYTES
