"""Which datasets are watched: every local folder, as long as it is a dataset."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from rayograph.catalog import Catalog, DatasetRow
from rayograph.errors import DatasetNotFound
from rayograph.settings import Settings
from rayograph_pipelines.watching import Watch


class Watches:
    """A watch for each dataset of a local folder.

    Args:
        touched: called with a dataset's id and paths of it that something happened to.
    """

    def __init__(
        self, catalog: Catalog, settings: Settings, touched: Callable[[str, set[str]], object]
    ) -> None:
        self._catalog = catalog
        self._settings = settings
        self._touched = touched
        self._all: dict[str, Watch] = {}
        self._lock = threading.Lock()

    def keep(self, row: DatasetRow) -> bool:
        """Watch a dataset's source from now on; False where it is none to be watched."""
        if not self._settings.watch.enabled or row.source.kind != "folder":
            return False
        with self._lock:
            known = self._all.get(row.dataset_id)
            if known is not None and known.source == row.source:
                return True
            if known is not None:
                known.close()
            key = row.dataset_id
            self._all[key] = Watch(
                row.source,
                self._settings.watch,
                touched=lambda paths: self._touched(key, paths),
                note=lambda note: self._noted(key, note),
            )
        return True

    def forget(self, dataset_id: str) -> None:
        """The dataset is gone."""
        with self._lock:
            watch = self._all.pop(dataset_id, None)
        if watch is not None:
            watch.close()

    def _noted(self, dataset_id: str, note: str | None) -> None:
        with contextlib.suppress(DatasetNotFound):
            if self._catalog.dataset(dataset_id).watch_note != note:
                self._catalog.update(dataset_id, watch_note=note)
