"""A served folder lives: what happens to its files shows by itself, and after a restart too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rayograph.sources import local_path
from tests.integration.conftest import Server, until, whole
from tests.pictures import write_pictures

pytestmark = pytest.mark.ray
COUNT = 24


def test_files_come_change_move_and_go(tmp_path: Path, new_server: Callable[..., Server]) -> None:
    folder = write_pictures(tmp_path / "living", COUNT, seed=3)
    more = sorted(write_pictures(tmp_path / "more", 3, seed=4).glob("*/*.jpg"))
    running = new_server().start()
    dataset = running.client.add(folder)
    dataset.wait(timeout=180)
    names = {record.file_name: record for record in dataset.images()}
    first, second, third = sorted(names)[:3]
    paths = {name: Path(local_path(record.uri) or "") for name, record in names.items()}
    dataset.tag(names[first].id, "kept")

    more[0].rename(folder / "new.jpg")
    until(running, dataset, whole(COUNT + 1, 0))
    paths[second].unlink()
    until(running, dataset, whole(COUNT, 1))
    assert [record.file_name for record in dataset.images(where="missing")] == [second]
    before = dataset.get_loading_progress().version
    paths[first].rename(folder / "moved.jpg")
    until(running, dataset, lambda now: now.version > before and whole(COUNT, 1)(now))
    moved = next(dataset.images(where='name:"moved.jpg"'))
    assert (moved.id, moved.tags) == (names[first].id, ["kept"])

    running.stop()
    paths[third].write_bytes(more[1].read_bytes())
    (folder / "moved.jpg").rename(folder / "moved again.jpg")
    more[2].rename(folder / "while nobody looked.jpg")
    running = new_server().start()
    dataset = running.client.dataset("living")
    until(running, dataset, whole(COUNT + 1, 1))
    moved = next(dataset.images(where='name:"moved again.jpg"'))
    assert (moved.id, moved.tags) == (names[first].id, ["kept"])
    changed = next(dataset.images(where=f'name:"{third}"'))
    assert changed.id == names[third].id
    assert changed.content_hash != names[third].content_hash
    assert dataset.purge().missing == 0
    assert list(dataset.images(where="missing")) == []
