"""What goes wrong with disks, buckets and networks, and which of it can pass by itself."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from rayograph.errors import ImageFault

# Failures of a mount or a network; a file that may not be read, or is none, stays as it is.
_PASSING = frozenset(
    getattr(errno, name)
    for name in (
        *("EIO", "ESTALE", "ENODEV", "ENXIO", "ENOTCONN", "ETIMEDOUT", "ECONNRESET", "EPIPE"),
        *("ECONNREFUSED", "ECONNABORTED", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN"),
        *("ENETUNREACH", "EREMOTEIO", "EMFILE", "ENFILE", "EAGAIN", "EBUSY"),
    )
    if hasattr(errno, name)
)


def fault_of(error: Exception, *, far: bool) -> ImageFault:
    """Why a file cannot be read: ``unavailable`` where that can pass.

    Args:
        far: it is in a bucket or behind a network, where whatever is not clear may pass.
    """
    if isinstance(error, ImageFault):
        return error
    if isinstance(error, FileNotFoundError):
        return ImageFault("the file is gone", fault="missing")
    if isinstance(error, IsADirectoryError):
        return ImageFault("a folder, not a file", fault="not_an_image")
    number = error.errno if isinstance(error, OSError) else None
    reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
    passing = number in _PASSING or (far and not isinstance(error, PermissionError))
    if passing:
        return ImageFault(f"the storage does not answer: {reason}", fault="unavailable")
    return ImageFault(f"cannot be read: {reason}", fault="unreadable")


@contextmanager
def told(*, far: bool) -> Iterator[None]:
    """Whatever fails inside is an ``ImageFault``; running out of memory stays what it is."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 (each store has its own)
        raise fault_of(error, far=far) from None


class FarFile:
    """A file in a bucket: bytes that do not come are the storage's fault, not the picture's.

    Every store has errors of its own, which decoders would take for a broken picture.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        with told(far=True):
            return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        with told(far=True):
            return self._file.seek(offset, whence)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> FarFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
