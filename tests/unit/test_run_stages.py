"""One stage at rest while the others work: what is done, what is said, and how it goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from rayograph.catalog import Catalog, DatasetRow
from rayograph.settings import Settings
from tests.working import Warm, names, opened, run_of, settings_for, touch

COUNT = 20


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for(tmp_path)


@pytest.fixture
def row(settings: Settings, tmp_path: Path) -> DatasetRow:
    return opened(settings, touch(tmp_path / "pictures", *names(COUNT)), first=4)


@pytest.mark.parametrize(
    ("paused", "total", "read", "embedded"),
    [
        (("embedding",), COUNT, COUNT, 0),
        (("metadata",), COUNT, 0, COUNT),
        (("listing",), 4, 4, 4),
        (("embedding", "listing"), 4, 4, 0),
        (("embedding", "listing", "metadata"), 4, 0, 0),
    ],
)
def test_a_paused_stage_waits_and_the_others_do_not(
    settings: Settings,
    row: DatasetRow,
    paused: tuple[str, ...],
    total: int,
    read: int,
    embedded: int,
) -> None:
    catalog = Catalog(settings.catalog.uri)
    catalog.update(row.dataset_id, paused_stages=paused)
    progress = run_of(settings, row).work()
    assert (progress.status, progress.paused, progress.total) == ("in_progress", False, total)
    assert progress.stages["metadata"].done == read
    assert progress.stages["embedding"].done == embedded
    assert sum(progress.counts) == progress.total
    states = {name for name, stage in progress.stages.items() if stage.state == "paused"}
    assert states == set(paused)

    catalog.update(row.dataset_id, paused_stages=())
    progress = run_of(settings, row).work()
    assert (progress.status, progress.total, progress.ready) == ("complete", COUNT, COUNT)


def test_what_is_on_screen_does_not_wake_a_paused_stage(
    settings: Settings, row: DatasetRow
) -> None:
    catalog, looked = Catalog(settings.catalog.uri), []
    catalog.update(row.dataset_id, paused_stages=("embedding",))
    first = catalog.reader(row.dataset_id).column("id").to_pylist()
    warm = Warm()
    run = run_of(settings, row, warm)

    def look(stage: str, _: object) -> None:
        if not looked:
            looked.append(stage)
            run.attend(first)

    warm.before = look
    run.work()
    assert looked == ["metadata"]
    assert {stage for stage, _ in warm.seen} == {"metadata"}
