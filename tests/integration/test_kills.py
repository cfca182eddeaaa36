"""``kill -9`` of anything, at any moment: the end is the same as if it had not happened."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from rayograph import open_catalog
from tests.integration.conftest import START_S, Server, until, whole
from tests.pictures import write_pictures

pytestmark = pytest.mark.ray
COUNT = 400
ANALYSED = 60
# So many files vanish, move and change, and twice as many are new.
PART = 40
COLUMNS = ["id", "uri", "size", "width", "height", "format", "caption", "content_hash"]


def table_of(catalog: Path, name: str) -> dict[str, Any]:
    """The final table, sorted by id, vectors included."""
    table = open_catalog(str(catalog)).table(name).to_arrow()
    table = table.select([*COLUMNS, "meta_state", "embed_state", "vector"]).sort_by("id")
    return table.to_pydict()


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, server: Server
) -> tuple[Path, dict[str, Any]]:
    """A folder and the table it gives when nothing goes wrong."""
    folder = write_pictures(tmp_path_factory.mktemp("pictures") / "killed", COUNT, seed=9)
    server.client.add(folder).wait(timeout=180)
    return folder, table_of(server.catalog, "killed")


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server whose processes are killed; each test leaves one that works."""
    running = Server(tmp_path_factory.mktemp("catalog")).start()
    yield running
    running.stop()


@pytest.fixture
def running(victim: Server) -> Iterator[Server]:
    """The same, without the dataset of the test before."""
    yield victim
    victim.client.dataset("killed").delete()


def test_the_whole_program(undisturbed: tuple[Path, dict[str, Any]], running: Server) -> None:
    folder, expected = undisturbed
    running.client.add(folder)
    running.kill_all()
    running.start()
    progress = running.client.dataset("killed").wait(timeout=180)
    assert (progress.total, progress.ready) == (COUNT, COUNT)
    assert running.client.dataset("killed").search("red", k=5).coverage.searched == COUNT
    assert table_of(running.catalog, "killed") == expected


def test_foreman_replica_model_and_workers_one_after_another(
    undisturbed: tuple[Path, dict[str, Any]], running: Server
) -> None:
    folder, expected = undisturbed
    dataset = running.client.add(folder)
    for progress in dataset.progress_stream(timeout=180):
        if progress.stages["metadata"].done:
            break
    for victim in ("ray::Foreman", "ray::ServeReplica", "ray::ProgressBoard", "rayograph.guard"):
        running.process(victim).kill()
        # The next one is killed once something of rayograph answers about the data again.
        assert running.client.dataset(dataset.id).get_loading_progress().total > 0
    progress = running.client.dataset(dataset.id).wait(timeout=180)
    assert (progress.total, progress.ready, progress.failed) == (COUNT, COUNT, 0)
    assert table_of(running.catalog, "killed") == expected


def test_the_backend(undisturbed: tuple[Path, dict[str, Any]], running: Server) -> None:
    folder, expected = undisturbed
    running.client.add(folder)
    backend = running.process("rayograph.backend")
    parts = backend.children(recursive=True)
    backend.kill()
    running.await_line("the backend stopped")
    # Its proxy and the agents of its Ray, which nobody else would ever end, go with it.
    assert psutil.wait_procs(parts, timeout=START_S)[1] == []
    # The front still holds the port; the request waits until there is a backend again.
    assert running.http.get("/api/models").status_code == 200
    progress = running.client.dataset("killed").wait(timeout=180)
    assert progress.ready == COUNT
    assert table_of(running.catalog, "killed") == expected


def test_the_whole_program_while_it_looks_again(running: Server, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "killed", COUNT, seed=6)
    more = sorted(write_pictures(tmp_path / "more", 3 * PART, seed=7).glob("*/*.jpg"))
    dataset = running.client.add(folder)
    dataset.wait(timeout=180)
    before = {record.file_name: record for record in dataset.images()}
    paths = sorted(folder.glob("*/*.jpg"))
    gone, moved, changed = paths[:PART], paths[PART : 2 * PART], paths[2 * PART : 3 * PART]
    dataset.tag([before[path.name].id for path in moved], "kept")

    for path in gone:
        path.unlink()
    for path in moved:
        path.rename(folder / f"moved-{path.name}")
    for path, other in zip(changed, more, strict=False):
        path.write_bytes(other.read_bytes())
    for path in more[PART:]:
        path.rename(folder / f"new-{path.name}")
    dataset.rescan()
    running.kill_all()
    running.start()
    until(running, running.client.dataset("killed"), whole(COUNT + PART, PART))

    dataset = running.client.dataset("killed")
    found = {record.file_name: record for record in dataset.images()}
    assert len(found) == COUNT + PART
    for path in moved:
        record = found[f"moved-{path.name}"]
        assert (record.id, record.tags) == (before[path.name].id, ["kept"])
    for path in changed:
        assert found[path.name].id == before[path.name].id
        assert found[path.name].content_hash != before[path.name].content_hash
    assert {r.file_name for r in dataset.images(where="missing")} == {path.name for path in gone}
    assert dataset.search("red", k=5).coverage.searched == COUNT + PART


def test_who_works_out_analyses(running: Server, tmp_path: Path) -> None:
    dataset = running.client.add(write_pictures(tmp_path / "killed", ANALYSED, seed=5))
    dataset.wait(timeout=180)
    killed: list[str] = []
    over = threading.Event()

    def kill() -> None:
        """First who runs analyses, then, as soon as there is one again, who works them out."""
        for wanted in ("ray::Foreman", "ray::AnalysisActor"):
            found = running.find(wanted)
            while found is None and not over.wait(0.02):
                found = running.find(wanted)
            if found is not None:
                found.kill()
                killed.append(wanted)

    killer = threading.Thread(target=kill)
    killer.start()
    page = dataset.duplicates("near", timeout=180)
    over.set()
    killer.join()
    assert (page.coverage.searched, killed) == (ANALYSED, ["ray::Foreman", "ray::AnalysisActor"])
