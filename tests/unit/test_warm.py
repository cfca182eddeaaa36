"""The warm path: every row answered once, and what is on screen waits for no batch of the rest."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from rayograph.settings import Settings
from rayograph_pipelines.facts import ModelFacts
from rayograph_pipelines.stages.read_metadata import ReadMetadata
from rayograph_pipelines.warm import WarmPath
from tests.pictures import write_pictures

WAIT_S = 20.0


class NoModel:
    """Stands where no model is wanted."""

    def load(self, model: str) -> ModelFacts:
        raise AssertionError(model)

    def embed(self, batch: pa.Table, model: str) -> pa.Table:
        raise AssertionError(model)


@pytest.fixture
def warm() -> Iterator[WarmPath]:
    path = WarmPath(Settings(model="none"), NoModel())
    yield path
    path.close()


def _rows(folder: Path) -> pa.Table:
    return pa.table({"uri": [f"file://{path}" for path in sorted(folder.rglob("*.jpg"))]})


def test_answers_every_row_once(warm: WarmPath, tmp_path: Path) -> None:
    rows = _rows(write_pictures(tmp_path, 40))
    many = pa.concat_tables([rows] * 20)
    found = pa.concat_tables(warm.headers(many))
    assert sorted(found["uri"].to_pylist()) == sorted(many["uri"].to_pylist())
    assert found["width"].null_count == 0
    assert list(warm.headers(rows.slice(0, 0))) == []


def test_the_screen_does_not_wait_for_the_rest(
    warm: WarmPath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = _rows(write_pictures(tmp_path, 8))
    go = threading.Event()
    on_screen, real = warm._reader, ReadMetadata.__call__

    def slow(stage: ReadMetadata, batch: pa.Table) -> pa.Table:
        if stage is not on_screen:
            assert go.wait(WAIT_S)
        return real(stage, batch)

    monkeypatch.setattr(ReadMetadata, "__call__", slow)
    rest = warm.headers(rows)
    reading = threading.Thread(target=lambda: list(rest))
    reading.start()
    assert warm.metadata(rows)["width"].null_count == 0
    assert reading.is_alive()
    go.set()
    reading.join(WAIT_S)
    assert not reading.is_alive()
