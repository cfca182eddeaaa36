"""A picture that is still being downloaded, read by libvips from its top through a pipe."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Any

import pyvips

from rayograph.errors import ImageFault
from rayograph.headers import RawHeader, Window, read_jpeg

# Another process writes the file, so there is nothing to wait for but its size.
_POLL_S = 0.02
_CHUNK_BYTES = 1 << 16
# A JPEG's size stands in here, unless somebody put a novel before it.
_HEADER_BYTES = 1 << 20


class Growing:
    """Reads a file as it grows to ``total_bytes``, for as long as ``flag`` is there."""

    def __init__(self, path: Path, total_bytes: int, flag: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self._total = total_bytes
        self._flag = flag
        self._feeder: threading.Thread | None = None
        self.error: ImageFault | None = None

    def header(self) -> RawHeader | None:
        """The JPEG's header once it has come; None where it is not where headers are."""
        at = min(self._total, _HEADER_BYTES) - 1
        self._read(at, 1)
        if self.error is not None:
            raise self.error
        with contextlib.suppress(ImageFault):
            return read_jpeg(Window(self._file))
        return None

    def source(self) -> Any:
        """The bytes from the first on, as they come."""
        reads, writes = os.pipe()
        try:
            source = pyvips.Source.new_from_descriptor(reads)
        finally:
            os.close(reads)
        self._feeder = threading.Thread(target=self._feed, args=(writes,), name="feed")
        self._feeder.start()
        return source

    def close(self) -> None:
        """Let go of the file; the source, if any, has been let go of before."""
        if self._feeder is not None:
            self._feeder.join()
        self._file.close()

    def _feed(self, pipe: int) -> None:
        at = 0
        # The reader's end may be gone: libvips stops at the end of the picture, or at an error.
        with contextlib.suppress(BrokenPipeError), os.fdopen(pipe, "wb", buffering=0) as out:
            while data := self._read(at, _CHUNK_BYTES):
                at += len(data)
                view = memoryview(data)
                while view:
                    view = view[out.write(view) :]

    def _read(self, at: int, count: int) -> bytes:
        while True:
            data = os.pread(self._file.fileno(), count, at)
            if data or at >= self._total or not self._may_come():
                return data
            time.sleep(_POLL_S)

    def _may_come(self) -> bool:
        if not self._flag.exists():
            self.error = ImageFault("nobody waits for it any more", fault="changed")
        return self.error is None
