"""The listing stage of one run: a source whole, then the places where something happened."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from rayograph.catalog import Catalog, DatasetRow
from rayograph.demo.source import growth
from rayograph.settings import Settings
from rayograph_pipelines.committer import Committer
from rayograph_pipelines.giant import Giant
from rayograph_pipelines.news import News
from rayograph_pipelines.scan import Scan
from rayograph_pipelines.touched import Touched
from rayograph_pipelines.upkeep import index_listing
from rayograph_pipelines.warm import WarmPath

# What one process gets done in this time it does alone. When a source is looked at again,
# comparing leaves the listing children more of the machine than appending does.
_ALONE_S = 10.0
_AGAIN_ALONE_S = 60.0


class Listing:
    """Brings what a source holds into the table.

    Args:
        row: the dataset's row as it is now.
        giant: what lists instead, where the source is one huge picture.
        again: called where rows are to be done again.
        change: changes the dataset's row.
        tell: shows how far all is.
    """

    def __init__(
        self,
        catalog: Catalog,
        settings: Settings,
        *,
        row: Callable[[], DatasetRow],
        warm: WarmPath,
        giant: Giant | None,
        committer: Committer,
        news: News,
        again: Callable[[], object],
        stopping: threading.Event,
        change: Callable[..., DatasetRow],
        tell: Callable[[], Any],
    ) -> None:
        self._catalog = catalog
        self._settings = settings
        self._row = row
        self._warm = warm
        self._giant = giant
        self._committer = committer
        self._news = news
        self._again = again
        self._stopping = stopping
        self._change = change
        self._tell = tell

    def work(self) -> None:
        """List what is not listed yet, then look where something happened until the run ends."""
        if not self._row().listed:
            self._whole()
        while self._row().source.kind == "folder" and (paths := self._news.next_touched()):
            self._look_at(paths)

    def _whole(self) -> None:
        row = self._row()
        if self._giant is not None:
            if self._giant.work():
                self._over({})
            return
        # What is listed from here on is found by its words too: an index covers rows to come.
        if row.scanned_at is None:
            self._index()
        skipped: Counter[str] = Counter()
        with closing(growth(row.source, self._settings)) as grown:
            for _ in grown:
                skipped = self._walk()
                if self._stopping.is_set():
                    return
        self._over(dict(skipped))

    def _look_at(self, paths: set[str]) -> None:
        source = self._row().source
        if source.root not in paths:
            follow = self._settings.sources.follow_symlinks
            self._scan().parts(Touched(paths, source, follow_symlinks=follow))
            return
        skipped = self._walk()
        if self._stopping.is_set():
            self._news.put_back(paths)
        else:
            self._over(dict(skipped))

    def _over(self, skipped: dict[str, int]) -> None:
        now = datetime.now(UTC).isoformat()
        self._change(listed=True, skipped=skipped, scanned_at=now)
        self._news.listed()
        # Before the indices: they may take longer than the look did.
        self._tell()
        self._index()

    def _index(self) -> None:
        index_listing(self._catalog.writer(self._row().dataset_id))

    def _walk(self) -> Counter[str]:
        alone = _ALONE_S if self._row().scanned_at is None else _AGAIN_ALONE_S
        return self._scan().whole(alone_until=time.monotonic() + alone)

    def _scan(self) -> Scan:
        return Scan(
            self._catalog,
            self._row(),
            self._settings,
            warm=self._warm,
            committer=self._committer,
            found=self._news.found,
            again=self._again,
            stopping=self._stopping,
        )
