"""What was exported, opened again: the same images with the same boxes, captions and fields."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rayograph.catalog import Catalog
from rayograph.datasets import open_dataset
from rayograph.export.local import export
from rayograph.export.rows import Rows
from rayograph.schema import NewDataset
from tests.exporting import NAMES, Shop, shop
from tests.working import run_of

annotating = pytest.importorskip("rayograph_pipelines.annotating")
reading = pytest.importorskip("rayograph.annotations.reading")

BOXES = [
    {"label": "cat", "box": [10, 20, 100, 50], "polygons": [[10, 20, 110, 20, 110, 70]]},
    {"label": "dog", "box": [320, 240, 64, 48], "iscrowd": False},
]
WHOLE = len(NAMES) - 1


class Here:
    """Stands in for the guarded child: reads in this process."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def map(self, jobs: Sequence[Any]) -> list[Any]:
        return [reading.read(job, None) for job in jobs]

    def close(self) -> None: ...


@pytest.fixture
def boxed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Every image has two boxes."""
    one = shop(tmp_path)
    monkeypatch.setattr(annotating, "Guard", Here)
    table = one.reader.snapshot()
    values = {"annotations": json.dumps(BOXES), "described": "a cat and a dog"}
    table.add_columns(pa.schema([(n, pa.string()) for n in values if n not in table.schema.names]))
    one.reader.snapshot().update({name: f"'{text}'" for name, text in values.items()})
    return one


def opened_again(one: Shop, path: Path, **about: Any) -> list[dict[str, Any]]:
    row, _ = open_dataset(one.catalog, NewDataset(path=str(path), **about), one.settings)
    progress = run_of(one.settings, row).work()
    assert (progress.status, progress.error) == ("complete", None)
    catalog = Catalog(one.settings.catalog.uri)
    found = catalog.dataset(row.dataset_id)
    return list(Rows(found, catalog.reader(row.dataset_id)).records())


@pytest.mark.parametrize("form", ["coco", "yolo", "voc"])
def test_boxes_come_back(boxed: Shop, tmp_path: Path, form: str) -> None:
    images = True if form == "coco" else None
    path = export(boxed.catalog, boxed.dataset, form, tmp_path / "out", images=images)
    rows = opened_again(boxed, path)
    assert len(rows) == WHOLE
    for row in rows:
        back = row["annotations"]
        assert [mark["label"] for mark in back] == ["cat", "dog"], row["file_name"]
        for mark, box in zip(back, BOXES, strict=True):
            assert list(mark["box"]) == pytest.approx(box["box"], abs=0.01)
        if form == "coco":
            assert back[0]["polygons"] == BOXES[0]["polygons"]


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_a_table_is_a_manifest_of_the_same_images(boxed: Shop, tmp_path: Path, form: str) -> None:
    path = export(boxed.catalog, boxed.dataset, form, tmp_path / f"out.{form}")
    before = {row["uri"]: row for row in boxed.rows().records()}
    rows = opened_again(boxed, path)
    assert {row["uri"] for row in rows} == set(before)
    assert {row["caption"] for row in rows} == {"a cat and a dog"}
