"""An export on its way from the server to where the user wants it.

What arrives lies beside the target until it is whole, and then takes its name.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayograph.client import export_calls as calls
from rayograph.client.transport import Transport
from rayograph.errors import ExportStopped, RayographError, ServerError
from rayograph.export.formats import is_one_file, with_images
from rayograph.export.words import Export
from rayograph.schema import Dataset as DatasetInfo

if TYPE_CHECKING:
    from rayograph.export.outcome import Link

OnProgress = Callable[[Export], object]
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 1.0
_TELL_S = 0.25


class Taking:
    """One export on its way from the server to a path."""

    def __init__(
        self, transport: Transport, info: DatasetInfo, on_progress: OnProgress | None
    ) -> None:
        self._transport = transport
        self._info = info
        self._tell = on_progress or (lambda _: None)
        self.stop = threading.Event()

    def run(
        self,
        form: str,
        path: str | os.PathLike[str],
        *,
        link: Link,
        overwrite: bool,
        images: bool | None,
        **asked: Any,
    ) -> Path:
        """All of it; the server keeps nothing, however it ends."""
        with_images(form, images)
        self._check(Path(path).expanduser(), overwrite, one_file=is_one_file(form, images))
        call = calls.start(self._info.dataset_id, form, images=images, **asked)
        begun = self._transport.send(call)
        try:
            return self.take(begun.export_id, path, link=link, overwrite=overwrite)
        finally:
            # If not, it goes by its age; what happened before is what matters.
            with contextlib.suppress(RayographError):
                self._transport.send(calls.remove(self._info.dataset_id, begun.export_id))

    def take(
        self, export_id: str, path: str | os.PathLike[str], *, link: Link, overwrite: bool
    ) -> Path:
        """Wait for one, fetch it, and give it its name."""
        from rayograph.export import outcome

        target = Path(path).expanduser()
        made = self._made(export_id)
        self._check(target, overwrite, one_file=made.one_file)
        partial = outcome.beside(target)
        try:
            place = partial / (made.file_name or "export")
            if made.one_file:
                with place.open("wb") as file:
                    for chunk in self._chunks(made, "zip"):
                        file.write(chunk)
            else:
                kind = "tar" if link == "copy" else "links"
                self._unpack(made, kind, place)
                if link != "copy":
                    outcome.link_listed(place, link)
            return outcome.publish(place, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _made(self, export_id: str) -> Export:
        pause = _FIRST_PAUSE_S
        while True:
            now = self._transport.send(calls.one(self._info.dataset_id, export_id))
            self._tell(now)
            if now.state == "done":
                return now
            if now.state == "failed":
                raise ExportStopped(now.error or "the export failed")
            if self.stop.wait(pause):
                raise ExportStopped("nobody waits for it any more")
            pause = min(_LONGEST_PAUSE_S, pause * 1.5)

    def _check(self, target: Path, overwrite: bool, *, one_file: bool) -> None:
        from rayograph.export import outcome

        source = self._info.source if Path(self._info.source).is_absolute() else None
        outcome.check_target(target, overwrite=overwrite, one_file=one_file, source=source)

    def _chunks(self, made: Export, kind: str) -> Iterator[bytes]:
        path = calls.of(self._info.dataset_id, made.export_id, "file")
        got, told = 0, 0.0
        with self._transport.stream(path, {"archive": kind}) as chunks:
            for chunk in chunks:
                if self.stop.is_set():
                    raise ExportStopped("nobody waits for it any more")
                got += len(chunk)
                if time.monotonic() - told > _TELL_S:
                    told = time.monotonic()
                    self._tell(made.model_copy(update={"state": "downloading", "bytes": got}))
                yield chunk
        self._tell(made.model_copy(update={"bytes": got}))

    def _unpack(self, made: Export, kind: str, root: Path) -> None:
        from rayograph.export import outcome, staging

        root.mkdir()
        stream = io.BufferedReader(_Chunks(self._chunks(made, kind)), 1 << 18)
        try:
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                for member in tar:
                    # Only files are ever packed: anything else is not from us.
                    file = tar.extractfile(member)
                    if not member.isreg() or file is None:
                        raise ServerError(
                            f"the archive holds something else than files: {member.name}"
                        )
                    path = outcome.inside(root, member.name)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with path.open("xb") as copy:
                        shutil.copyfileobj(file, copy, 1 << 20)
                    tar.members = []  # type: ignore[attr-defined]
            while stream.read(1 << 18):
                pass
        except tarfile.TarError:
            raise ServerError("the archive broke off") from None
        # It is packed last.
        if not (root / staging.ABOUT).exists():
            raise ServerError("the archive broke off")


class _Chunks(io.RawIOBase):
    """Chunks as they come, as a file to read from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._left = chunks, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._left = memoryview(chunk)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count
