"""A catalog in a bucket: the same run, the same table, through a real S3 protocol."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rayograph.catalog import Catalog
from tests.buckets import BUCKET
from tests.working import Warm, names, opened, run_of, settings_for, touch


@pytest.mark.usefixtures("bucket")
def test_a_run_is_finished_by_the_next_one(tmp_path: Path) -> None:
    catalog = f"s3://{BUCKET}/catalog"
    settings = settings_for(tmp_path, catalog={"uri": catalog})
    row = opened(settings, touch(tmp_path / "pictures", *names(60)))
    first = run_of(settings, row)
    seen: list[str] = []

    def stop_early(stage: str, _: object) -> None:
        seen.append(stage)
        if stage == "embedding" and seen.count(stage) > 2:
            first.stop()

    first._warm.before = stop_early  # type: ignore[attr-defined]
    assert first.work().ready < 60
    progress = run_of(settings, row, Warm()).work()
    assert (progress.status, progress.ready, progress.error) == ("complete", 60, None)
    reader = Catalog(catalog).reader(row.dataset_id)
    assert len(reader.page(offset=0, limit=100)[0]) == 60
    found, _, searched, _ = reader.search(np.ones(8, np.float32), k=5)
    assert (len(found), searched) == (5, 60)
