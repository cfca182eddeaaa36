"""A giant on its way to the disk; a JPEG is looked at while it comes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rayograph import giants
from rayograph.catalog import DatasetRow
from rayograph.errors import ImageFault, SourceError
from rayograph.fetch import FetchLimits, fetch
from rayograph.guard import Guard
from rayograph.headers import sniff_giant
from rayograph.partial import part_of
from rayograph.progress import Pace
from rayograph.schema import StageMode, StageProgress
from rayograph.settings import Settings
from rayograph.tiles.store import TileStore, used_bytes

_HEAD_BYTES = 64


class Download:
    """One giant's download.

    Args:
        stop: set from outside to end soon.
        show: called when there is progress to be shown; with True for what must not be missed.
    """

    def __init__(
        self,
        row: DatasetRow,
        settings: Settings,
        store: TileStore,
        path: Path,
        *,
        stop: threading.Event,
        show: Callable[[bool], object],
    ) -> None:
        self._row, self._settings = row, settings
        self._store, self._path = store, path
        self._stop, self._show = stop, show
        self._bytes: tuple[int, int | None] | None = None
        self._glance: _Glance | None = None

    def run(self, child: Guard[Any]) -> bool:
        """Have the file on the disk; whether its coarse levels were made on the way.

        Raises:
            SourceError: it cannot be had.
            FetchStopped: told to stop.
        """
        if self._path.exists():
            self._fetch(lambda done, total: None)
            return False
        self._note(0, None)
        with self._watched(child) as glance:
            self._fetch(self._came)
            size = self._path.stat().st_size
            self._note(size, size)
            return glance.is_good()

    def stage(self, pace: Pace) -> StageProgress:
        """Where it is; bytes."""
        if self._bytes is None:
            return giants.stages_at_rest(self._row, self._settings)["download"]
        done, total = self._bytes
        pace.note("download", done)
        if total is not None and done >= total:
            return stage_of(done, total, None, "done")
        stage = stage_of(done, total or done, pace.rate("download"), "running")
        if total is None:
            return stage.model_copy(update={"note": "the sender does not say how much it is"})
        return stage

    def _fetch(self, on_progress: Callable[[int, int | None], None]) -> None:
        fetch(
            self._row.source.uri,
            self._path,
            limits=FetchLimits.of(self._settings.download),
            allowed_hosts=self._settings.sources.allowed_hosts,
            on_progress=on_progress,
            stop=self._stop,
        )

    def _came(self, done: int, total: int | None) -> None:
        before, known = self._bytes or (0, None)
        if total != known:
            check_disk(self._store, self._settings, more_bytes=(total or done) - done)
        if self._glance is not None and total is not None:
            self._glance.came(before, done, total)
        self._note(done, total)

    def _note(self, done: int, total: int | None) -> None:
        first = self._bytes is None or total != self._bytes[1]
        self._bytes = (done, total)
        self._show(first)

    @contextlib.contextmanager
    def _watched(self, child: Guard[Any]) -> Iterator[_Glance]:
        self._glance = _Glance(child, self._store, part_of(self._path))
        try:
            yield self._glance
        finally:
            self._glance.close()


class _Glance:
    """The coarse levels of a JPEG, made from what has come of it so far."""

    def __init__(self, child: Guard[Any], store: TileStore, part: Path) -> None:
        self._child, self._part = child, part
        self._flag = store.folder / "coming"
        self._thread: threading.Thread | None = None
        self._found: object = None
        self._is_other = False

    def came(self, before: int, done: int, total: int) -> None:
        """So much is there now; less than before means that it was begun anew."""
        self._is_other = self._is_other or done < before
        if self._thread is None and done >= _HEAD_BYTES and self._is_jpeg():
            self._flag.touch()
            self._thread = threading.Thread(target=self._look, args=(total,), name="glance")
            self._thread.start()

    def is_good(self) -> bool:
        """Wait for it, now that everything has come; whether it is of this very file."""
        if self._thread is None:
            return False
        if self._is_other:
            self._flag.unlink(missing_ok=True)
        self._thread.join()
        return self._found is True and not self._is_other

    def close(self) -> None:
        """End it."""
        self._flag.unlink(missing_ok=True)
        if self._thread is not None:
            self._thread.join()

    def _look(self, total: int) -> None:
        step = ("stream", str(self._part), total, str(self._flag))
        (self._found,) = self._child.map([step])

    def _is_jpeg(self) -> bool:
        with contextlib.suppress(OSError, ImageFault), self._part.open("rb") as file:
            return sniff_giant(file.read(_HEAD_BYTES)) == "JPEG"
        return False


def check_disk(store: TileStore, settings: Settings, *, more_bytes: int = 0) -> None:
    """Keep to ``tiles.max_disk_gb``.

    Raises:
        SourceError: giants would take more.
    """
    limit = settings.tiles.max_disk_gb
    if used_bytes(store.folder.parent) + more_bytes > limit * 1e9:
        raise SourceError(
            f"giants would take more disk than the limit of {limit:g} GB",
            hint="delete some, or raise tiles.max_disk_gb",
        )


def stage_of(done: int, total: int, rate: float | None, state: StageMode) -> StageProgress:
    """A stage of a giant, with the time left at its rate."""
    eta = round((total - done) / rate, 1) if rate and total > done else None
    return StageProgress(done=done, failed=0, total=total, rate=rate, eta_s=eta, state=state)
