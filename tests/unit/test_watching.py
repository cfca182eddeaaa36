"""Watching a folder: what happens in it is told; where it is not, the folder is looked at again."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rayograph.settings import WatchSettings
from rayograph.sources import file_uri, resolve
from rayograph_pipelines import watching
from rayograph_pipelines.news import News
from rayograph_pipelines.touched import Touched, is_listed
from rayograph_pipelines.watching import Watch, file_system, is_remote
from tests.unit.test_rescan import Place
from tests.working import WAIT_S, in_thread, joined, run_of


class Heard:
    """What a watch told, to be waited for."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.notes: list[str | None] = []
        self._change = threading.Condition()

    def touched(self, paths: set[str]) -> None:
        with self._change:
            self.paths |= paths
            self._change.notify_all()

    def note(self, note: str | None) -> None:
        with self._change:
            self.notes.append(note)
            self._change.notify_all()

    def until(self, look: Callable[[], bool]) -> None:
        with self._change:
            assert self._change.wait_for(look, WAIT_S), (self.paths, self.notes)


Opened = Callable[..., tuple[Watch, Heard]]


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Opened]:
    made: list[Watch] = []
    (tmp_path / "pictures").mkdir()

    def opened(**options: Any) -> tuple[Watch, Heard]:
        heard = Heard()
        source = resolve(str(tmp_path / "pictures"))
        about = WatchSettings(**{"debounce_s": 0.1} | options)
        made.append(Watch(source, about, touched=heard.touched, note=heard.note))
        assert made[-1].watches.wait(WAIT_S)
        return made[-1], heard

    yield opened
    for each in made:
        each.close()
        each._thread.join(WAIT_S)
        assert not each._thread.is_alive()


def test_new_changed_moved_and_deleted_files_are_told(watch: Opened, tmp_path: Path) -> None:
    _, heard = watch()
    folder = tmp_path / "pictures"
    for name in ("a.jpg", "b.jpg", "deep/c.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
        heard.until(
            lambda name=name: (
                str((folder / name).parent) in heard.paths or str(folder / name) in heard.paths
            )
        )
    heard.paths.clear()
    (folder / "a.jpg").write_text("other")
    heard.until(lambda: str(folder / "a.jpg") in heard.paths)
    (folder / "a.jpg").rename(folder / "moved.jpg")
    heard.until(lambda: str(folder / "moved.jpg") in heard.paths)
    (folder / "b.jpg").unlink()
    heard.until(lambda: str(folder / "b.jpg") in heard.paths)
    heard.paths.clear()
    shutil.rmtree(folder / "deep")
    heard.until(lambda: str(folder / "deep") in heard.paths)
    assert set(heard.notes) == {None}


def test_what_listing_passes_over_is_not_told(watch: Opened, tmp_path: Path) -> None:
    _, heard = watch()
    (tmp_path / "pictures" / "notes.txt").write_text("x")
    (tmp_path / "pictures" / ".hidden").mkdir()
    (tmp_path / "pictures" / ".hidden" / "x.jpg").write_text("x")
    (tmp_path / "pictures" / "last.jpg").write_text("x")
    heard.until(lambda: str(tmp_path / "pictures" / "last.jpg") in heard.paths)
    assert heard.paths == {str(tmp_path / "pictures" / "last.jpg")}


def test_of_a_burst_the_whole_folder_is_looked_at(watch: Opened, tmp_path: Path) -> None:
    _, heard = watch(burst=5)
    for number in range(100):
        (tmp_path / "pictures" / f"{number}.jpg").touch()
    heard.until(lambda: str(tmp_path / "pictures") in heard.paths)


def test_a_folder_that_cannot_be_watched_is_polled_and_says_so(
    watch: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "OS file watch limit reached")

    monkeypatch.setattr(watching.watchfiles, "watch", full)
    _, heard = watch(poll_s=0.01)
    heard.until(lambda: heard.paths == {str(tmp_path / "pictures")})
    assert heard.notes == [
        "looked at every 0.01 s: the system's limit of watched folders is reached"
    ]


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "9p"])
def test_a_network_file_system_is_polled(
    watch: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nhost:/x {tmp_path}/pictures {kind} rw 0 0\n")
    monkeypatch.setattr(watching, "MOUNTS", mounts)
    _, heard = watch(poll_s=0.01)
    heard.until(lambda: bool(heard.paths))
    assert heard.notes == [f"looked at every 0.01 s: {kind} does not tell of changes"]


def test_the_file_system_is_the_nearest_mount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("a / ext4 rw 0 0\nb /mnt/a\\040b nfs rw 0 0\nc /mnt fuseblk rw 0 0\n")
    monkeypatch.setattr(watching, "MOUNTS", mounts)
    kinds = [file_system(path) for path in ("/mnt/a b/c", "/mnt/ab", "/mntx", "/")]
    assert kinds == ["nfs", "fuseblk", "ext4", "ext4"]
    assert [is_remote(kind) for kind in kinds] == [True, False, False, False]
    monkeypatch.setattr(watching, "MOUNTS", tmp_path / "none")
    assert file_system("/") == ""


def test_paths_that_a_walk_comes_by() -> None:
    assert is_listed("/a/b.jpg", "/a")
    assert is_listed("/a/.b.jpg", "/a")
    assert is_listed("/a/sub", "/a")
    assert not is_listed("/a/.sub/b.jpg", "/a")
    assert not is_listed("/a/.sub", "/a")


# -- what is touched is looked at ---------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def look(place: Place, *names: str) -> Any:
    row = place.catalog.dataset(place.row.dataset_id)
    paths = [str(place.folder / name) for name in names]
    return run_of(place.settings, row, place.warm, touched=paths).work()


def test_only_what_was_touched_is_looked_at(place: Place) -> None:
    place.write("new.jpg")
    place.write("unseen.jpg")
    place.write("00003.jpg", "something else altogether")
    (place.folder / "00004.jpg").unlink()
    (place.folder / "00005.jpg").unlink()
    progress = look(place, "new.jpg", "00003.jpg", "00004.jpg")
    assert (progress.status, progress.ready, progress.missing) == ("complete", 30, 1)
    assert place.warm.embedded == ["00003.jpg", "new.jpg"]
    assert [*place.records("missing")] == ["00004.jpg"]


def test_a_moved_folder_keeps_its_images(place: Place) -> None:
    place.write("old/one.jpg")
    place.write("old/it's two.jpg")
    place.rescan()
    before = {name: row["id"] for name, row in place.records().items()}
    place.warm.seen.clear()
    (place.folder / "old").rename(place.folder / "it's new")
    progress = look(place, "old", "it's new")
    assert (progress.total, progress.ready, progress.missing) == (32, 32, 0)
    assert place.warm.seen == []
    assert {name: row["id"] for name, row in place.records().items()} == before
    assert place.records()["one.jpg"]["folder"] == "it's new"


def test_a_file_that_comes_in_a_later_batch_than_it_went(place: Place) -> None:
    before = place.records()["00004.jpg"]["id"]
    (place.folder / "00004.jpg").rename(place.folder / "later.jpg")
    assert look(place, "00004.jpg").missing == 1
    progress = look(place, "later.jpg")
    assert (progress.total, progress.missing) == (30, 0)
    assert place.records()["later.jpg"]["id"] == before


def test_a_touched_root_is_all_of_it(place: Place) -> None:
    place.write("new.jpg")
    (place.folder / "00005.jpg").unlink()
    progress = look(place, "")
    progress = run_of(
        place.settings,
        place.catalog.dataset(place.row.dataset_id),
        place.warm,
        touched=[str(place.folder)],
    ).work()
    assert (progress.ready, progress.missing) == (30, 1)


def test_what_happens_during_a_run_is_looked_at_by_it(place: Place) -> None:
    place.write("first.jpg")
    row = place.catalog.dataset(place.row.dataset_id)
    run = run_of(place.settings, row, place.warm, touched=[str(place.folder / "first.jpg")])
    told = []

    def before(stage: str, _: Any) -> None:
        if stage == "embedding" and not told:
            place.write("second.jpg")
            told.append(run.touch({str(place.folder / "second.jpg")}))

    place.warm.before = before
    progress = run.work()
    assert told == [True]
    assert (progress.ready, progress.total) == (32, 32)
    assert not run.touch({str(place.folder / "third.jpg")})


def test_nothing_to_embed_loads_no_model(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place.warm, "load", None)
    assert place.rescan().status == "complete"


def test_threads_end_together() -> None:
    news, order = News(listed=True, touched={"a"}), []

    def stage(name: str) -> Callable[[], None]:
        def work() -> None:
            seen = news.seen()
            while news.more(name, seen):
                seen = news.seen()
                order.append(name)

        return work

    threads = [in_thread(stage("metadata")), in_thread(stage("embedding"))]
    assert news.next_touched() == {"a"}
    news.found()
    assert news.next_touched() == set()
    for thread in threads:
        joined(thread)
    assert set(order) <= {"metadata", "embedding"}
    assert not news.touch({"b"})


def test_touched_folders_hold_what_is_in_them(tmp_path: Path) -> None:
    folder = tmp_path / "it's"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.jpg").touch()
    source = resolve(str(tmp_path))
    paths = [str(folder / "sub"), str(folder / "sub" / "a.jpg"), str(folder / "gone.jpg")]
    touched = Touched([*paths, str(folder / "left")], source, follow_symlinks=True)
    assert [(Path(c.folder).name, c.names) for c in touched.chunks()] == [("sub", ["a.jpg"])]
    where = touched.where()
    assert f"uri in ('{file_uri(str(folder / 'gone.jpg'))}')" in where
    assert "folder = 'it''s'" in where
    assert f"starts_with(uri, '{file_uri(str(folder / 'left'))}/')" in where
    assert os.sep in where
