"""Images whose files are gone are out of sight wherever images are counted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_rescan import Place

from rayograph_serve.faceting import Faceting


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """30 images, and two more in ``old/deep``, whose files are gone."""
    found = Place(tmp_path)
    for name in ("old/deep/a.png", "old/deep/b.png", "new/c.png"):
        found.write(name)
    found.rescan()
    shutil.rmtree(found.folder / "old")
    progress = found.rescan()
    assert (progress.total, progress.missing) == (31, 2)
    yield found


def test_facets_are_of_what_is_there(place: Place) -> None:
    row = place.catalog.dataset(place.row.dataset_id)
    faceting = Faceting(place.catalog)
    for where, total in ((None, 31), ("folder:new", 1), ("missing", 2)):
        found = faceting.facets(row, where, ["format"], 5)
        assert (found.total, found.of) == (total, 31), where


def test_a_folder_of_nothing_but_missing_images_is_not_listed(place: Place) -> None:
    row = place.catalog.dataset(place.row.dataset_id)
    faceting = Faceting(place.catalog)
    assert [each.folder for each in faceting.folders(row, [""], None, 9).items] == ["new"]
    # What a filter does not pick counts nothing, but is there.
    (new,) = faceting.folders(row, [""], "name:none", 9).items
    assert (new.folder, new.count) == ("new", 0)
    shown = faceting.folders(row, ["", "old"], "missing", 9).items
    assert [(each.folder, each.count, each.folders) for each in shown] == [
        ("new", 0, 0),
        ("old", 2, 1),
        ("old/deep", 2, 0),
    ]


def test_a_snapshot_counts_what_is_there(place: Place) -> None:
    row = place.catalog.dataset(place.row.dataset_id)
    assert place.catalog.snapshots(row.dataset_id).create("now", row).rows == 31
