"""The values of a column: known only while its index speaks for every row."""

from __future__ import annotations

from pathlib import Path

import lance
import pyarrow as pa
import pytest

from rayograph.catalog import vocabulary
from rayograph.catalog.vocabulary import values_of


def table(folder: Path, *cameras: str | None) -> lance.LanceDataset:
    rows = pa.table({"camera": pa.array(cameras, pa.string())})
    made = lance.write_dataset(rows, str(folder / "rows.lance"), data_storage_version="2.2")
    made.create_scalar_index("camera", "BITMAP", name="camera_bitmap")
    return made


def test_values_are_in_order_without_repeats_and_nothing(tmp_path: Path) -> None:
    made = table(tmp_path, "b", None, "a", "b")
    assert values_of(made, "camera", "camera_bitmap") == ("a", "b")
    assert values_of(made, "camera", "no_such_index") is None


def test_rows_outside_the_index_may_hold_anything(tmp_path: Path) -> None:
    made = table(tmp_path, "a")
    more = pa.table({"camera": ["new"]})
    made = lance.write_dataset(more, made.uri, mode="append", data_storage_version="2.2")
    assert values_of(made, "camera", "camera_bitmap") is None
    made.optimize.optimize_indices(index_names=["camera_bitmap"])
    made = lance.dataset(made.uri)
    assert values_of(made, "camera", "camera_bitmap") == ("a", "new")


def test_a_row_that_is_written_again_may_hold_anything(tmp_path: Path) -> None:
    made = table(tmp_path, "a", "b")
    made.update({"camera": "'c'"}, where="camera = 'a'")
    assert values_of(lance.dataset(made.uri), "camera", "camera_bitmap") is None


def test_many_values_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "_MOST_VALUES", 2)
    made = table(tmp_path, "a", "b", "c")
    assert values_of(made, "camera", "camera_bitmap") is None
