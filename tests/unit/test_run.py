"""A run without Ray: rows that arrive in lots, each as large as the last, are all worked on."""

from __future__ import annotations

import threading
from collections.abc import Generator
from pathlib import Path

import pyarrow as pa
import pytest

from rayograph.catalog import Catalog
from rayograph.datasets import open_dataset
from rayograph.schema import NewDataset, Progress
from rayograph.settings import Settings, load
from rayograph.sources import Source
from rayograph_pipelines import listing as listing_stage
from rayograph_pipelines.facts import ModelFacts
from rayograph_pipelines.run import Run
from rayograph_pipelines.warm import WarmPath
from tests.pictures import write_pictures


class NoModel:
    """No run of these tests gets as far as a model."""

    def load(self, model: str) -> ModelFacts:
        raise AssertionError(model)

    def embed(self, batch: pa.Table, model: str) -> pa.Table:
        raise AssertionError(model)


class Watcher:
    """Hears every report, so that a source can grow when what is there has been read."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._newest: Progress | None = None

    def report(self, progress: Progress) -> None:
        with self._changed:
            self._newest = progress
            self._changed.notify_all()

    def wait_for(self, ready: int) -> None:
        def done() -> bool:
            return self._newest is not None and self._newest.ready + self._newest.failed >= ready

        with self._changed:
            assert self._changed.wait_for(done, 60), self._newest


def test_lots_of_one_size_are_not_taken_for_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lots, lot = 5, 4
    drawn = write_pictures(tmp_path / "drawn", lots * lot)
    pictures = sorted(drawn.rglob("*.jpg"))
    folder = tmp_path / "pictures"
    folder.mkdir()
    watcher = Watcher()

    def place(number: int) -> None:
        for path in pictures[number * lot : (number + 1) * lot]:
            path.rename(folder / path.name)

    def growth(source: Source, settings: Settings) -> Generator[None]:
        for number in range(1, lots):
            yield
            watcher.wait_for(number * lot)
            place(number)
        yield

    monkeypatch.setattr(listing_stage, "growth", growth)
    catalog_uri = str(tmp_path / "catalog")
    settings, _ = load(flags={"catalog.uri": catalog_uri, "model": "none"})
    place(0)
    catalog = Catalog(catalog_uri)
    row, _ = open_dataset(catalog, NewDataset(path=str(folder)), settings)
    work = Run(
        catalog,
        row.dataset_id,
        settings,
        warm=WarmPath(settings, NoModel()),
        report=watcher.report,
    )
    progress = work.work()
    assert (progress.total, progress.ready, progress.failed) == (lots * lot, lots * lot, 0)
    assert catalog.dataset(row.dataset_id).listed
