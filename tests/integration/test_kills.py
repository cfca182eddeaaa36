"""``kill -9`` of anything, at any moment: the end is the same as if it had not happened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rayograph import open_catalog
from tests.integration.conftest import Server
from tests.pictures import write_pictures

pytestmark = pytest.mark.ray
COUNT = 400
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


def test_the_whole_program(
    undisturbed: tuple[Path, dict[str, Any]], new_server: Callable[..., Server]
) -> None:
    folder, expected = undisturbed
    running = new_server().start()
    running.client.add(folder)
    running.kill_all()
    running.start()
    progress = running.client.dataset("killed").wait(timeout=180)
    assert (progress.total, progress.ready) == (COUNT, COUNT)
    assert running.client.dataset("killed").search("red", k=5).coverage.searched == COUNT
    running.stop()
    assert table_of(running.catalog, "killed") == expected


def test_foreman_replica_model_and_workers_one_after_another(
    undisturbed: tuple[Path, dict[str, Any]], new_server: Callable[..., Server]
) -> None:
    folder, expected = undisturbed
    running = new_server().start()
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
    running.stop()
    assert table_of(running.catalog, "killed") == expected


def test_the_backend(
    undisturbed: tuple[Path, dict[str, Any]], new_server: Callable[..., Server]
) -> None:
    folder, expected = undisturbed
    running = new_server(str(folder)).start()
    running.process("rayograph.backend").kill()
    running.await_line("the backend stopped")
    # The front still holds the port; the request waits until there is a backend again.
    assert running.http.get("/api/models").status_code == 200
    progress = running.client.dataset("killed").wait(timeout=180)
    assert progress.ready == COUNT
    running.stop()
    assert table_of(running.catalog, "killed") == expected
