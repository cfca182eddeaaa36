"""A download under way: its bytes so far, their checksum, and a record of what they are part of.

Three files: ``<target>.part`` grows, ``<target>.fetch.json`` says what it is part of, and the
target appears whole or not at all. A part whose record is not of this address, or which nothing
identifies, is never added to.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

from rayograph.errors import Conflict, FetchFailed

HEAD_BYTES = 4096
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Record:
    """What the bytes are part of; ``sha256`` is known when they are all there."""

    url: str
    final_url: str = ""
    content_type: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    total_bytes: int | None = None
    sha256: str | None = None

    @property
    def validator(self) -> str | None:
        """What an If-Range can ask with: a strong ETag, else the time of the last change."""
        for text in (self.etag, self.last_modified):
            if text and text.isascii() and not text.startswith("W/"):
                return text
        return None

    def is_same_version(self, other: Record) -> bool:
        """Whether both can be of one file: nothing that both of them know differs."""
        pairs = (
            (self.etag, other.etag),
            (self.last_modified, other.last_modified),
            (self.total_bytes, other.total_bytes),
        )
        return all(mine is None or theirs is None or mine == theirs for mine, theirs in pairs)


def part_of(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def record_of(target: Path) -> Path:
    return target.with_name(target.name + ".fetch.json")


def discard(target: Path) -> None:
    """Remove what a download left that was stopped or killed; the target itself stays."""
    part_of(target).unlink(missing_ok=True)
    record_of(target).unlink(missing_ok=True)


def finished(url: str, target: Path) -> Record | None:
    """The record of a download of ``url`` whose target is there in full."""
    record = _read_record(target)
    if record is None or record.url != url or record.sha256 is None:
        return None
    with contextlib.suppress(FileNotFoundError):
        if target.stat().st_size == record.total_bytes:
            return record
    return None


@contextlib.contextmanager
def _kept_on_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FetchFailed(
            f"it cannot be kept on the disk: {error.strerror}",
            hint="free some room, or move the catalog",
        ) from None


class Partial:
    """The part of one download, held against any other that would write to it.

    Attributes:
        size: bytes there, all of them in the checksum.
        head: the first ``HEAD_BYTES`` of them.
        record: what they are part of.
        folder: where they lie.
    """

    record: Record
    size: int
    head: bytes

    @_kept_on_disk()
    def __init__(self, url: str, target: Path, *, check: Callable[[], None]) -> None:
        """Go on with the part that is there if that can be; ``check`` is called while it is read.

        Raises:
            Conflict: another process or thread is at it.
        """
        self._target = target
        self.folder = target.parent
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file = _hold(part_of(target))
        try:
            if not self._resume(url, check):
                self.begin(Record(url))
        except BaseException:
            self.close()
            raise

    def _resume(self, url: str, check: Callable[[], None]) -> bool:
        there = _read_record(self._target)
        if there is None or there.url != url or not (there.validator or there.sha256):
            return False
        self._forget()
        self.record = there
        self._file.seek(0)
        while chunk := self._file.read(_CHUNK_BYTES):
            check()
            self._take(chunk)
        if there.sha256:
            return self.size == there.total_bytes and self._digest.hexdigest() == there.sha256
        return there.total_bytes is None or self.size <= there.total_bytes

    @_kept_on_disk()
    def begin(self, record: Record) -> None:
        """Start anew as part of ``record``."""
        # The bytes go before the record changes: no moment shows old bytes under a new record.
        self._file.truncate(0)
        self._forget()
        self.note(record)

    def _forget(self) -> None:
        self.size, self.head, self._digest = 0, b"", hashlib.sha256()

    def _take(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self.size += len(chunk)
        if len(self.head) < HEAD_BYTES:
            self.head += chunk[: HEAD_BYTES - len(self.head)]

    @_kept_on_disk()
    def add(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._take(chunk)

    @_kept_on_disk()
    def note(self, record: Record) -> None:
        """Say what the bytes are part of; a reader finds the old record or the new one."""
        path = record_of(self._target)
        scratch = path.with_name(path.name + ".new")
        scratch.write_text(json.dumps(asdict(record)), "utf-8")
        scratch.replace(path)
        self.record = record

    @_kept_on_disk()
    def finish(self) -> Record:
        """Move the bytes to the target; the record then has their checksum."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self.note(replace(self.record, total_bytes=self.size, sha256=self._digest.hexdigest()))
        part_of(self._target).replace(self._target)
        return self.record

    def discard(self) -> None:
        discard(self._target)

    def close(self) -> None:
        # What a full disk did not take any more is of no use; it is asked for again.
        with contextlib.suppress(OSError):
            self._file.close()


def _hold(path: Path) -> IO[bytes]:
    """Open the part for this download alone; the kernel lets go when its process ends."""
    import fcntl

    handle = path.open("a+b")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between the two the other may have made it the target: then it is not the part any more.
        if os.fstat(handle.fileno()).st_ino == path.stat().st_ino:
            return handle
    except (BlockingIOError, FileNotFoundError):
        pass
    handle.close()
    raise Conflict(f"{path.stem} is being downloaded already", hint="wait until it is there")


def _read_record(target: Path) -> Record | None:
    try:
        return Record(**json.loads(record_of(target).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
