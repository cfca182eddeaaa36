"""Analyses on Ray: worked out behind the page, and gone on with whatever is killed."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from rayograph.analysis import places
from rayograph.analysis.answers import Computing
from rayograph.client import Dataset
from tests.integration.conftest import Server
from tests.pictures import write_pictures

pytestmark = pytest.mark.ray
COUNT = 60


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Dataset:
    """Noisy pictures of six colours, five of them twice."""
    folder = write_pictures(tmp_path_factory.mktemp("pictures") / "copies", COUNT, seed=4)
    for path in sorted(folder.rglob("*.jpg"))[:5]:
        shutil.copy(path, path.with_name(f"copy {path.name}"))
    found = server.client.add(folder)
    found.wait(timeout=180)
    return found


def test_every_kind_is_worked_out(dataset: Dataset) -> None:
    heard: list[Computing] = []
    exact = dataset.duplicates(timeout=120, on_progress=heard.append)
    assert (exact.total, exact.coverage.searched, bool(heard)) == (5, COUNT + 5, True)
    for group in exact.items:
        names = [one.image.file_name for one in group.images]
        assert names[1] == f"copy {names[0]}"
    near = dataset.duplicates("near", timeout=120)
    alike = {frozenset(one.image.id for one in group.images) for group in near.items}
    for group in exact.items:
        assert any({one.image.id for one in group.images} <= whole for whole in alike)
    assert dataset.outliers(timeout=120).total == COUNT + 5
    assert len(dataset.sample(6, timeout=120).items) == 6
    levels = dataset.clusters(timeout=120).levels
    assert sum(cluster.size for cluster in levels[0].clusters) == COUNT + 5
    # The captions say the colour, which is all there is to tell them apart.
    assert {cluster.words[0] for cluster in levels[0].clusters} & {"red", "green", "blue"}
    table = dataset.map(timeout=120)
    assert (table.num_rows, table["x"].null_count) == (COUNT + 5, 0)


def test_decisions_outlive_a_new_result(dataset: Dataset) -> None:
    group = dataset.duplicates(timeout=120).items[0]
    other = next(one.image.id for one in group.images if one.image.id != group.best)
    assert dataset.decide(other, str(group.best), "hide") == 1
    dataset.refresh("duplicates", kind="exact")
    dataset.wait_for_analyses("duplicates", timeout=120)
    page = dataset.duplicates(show="decided")
    assert (page.total, dataset.duplicates().total) == (1, 4)
    assert dataset.decide(other, str(group.best), None) == 1


def test_labels_by_words_are_scored_corrected_and_refined(dataset: Dataset) -> None:
    heard: list[Computing] = []
    labels = dataset.label(
        "colours", ["red", "green", "blue"], timeout=120, on_progress=heard.append
    )
    assert (labels.coverage.searched, labels.state, bool(heard)) == (COUNT + 5, "done", True)
    least = list(dataset.images(sort="labels.colours.certainty"))
    assert len(least) == COUNT + 5
    for record in least[:6]:
        words = str(record.caption).split()
        of = next((one for one in ("red", "green", "blue") if one in words), None)
        assert dataset.correct("colours", of, record.id, right=of is not None) == 1
    refined = dataset.refine("colours", timeout=120)
    assert refined.use == "probe" and refined.quality is not None
    assert refined.quality.examples >= 4 and refined.unused == 0
    for said in dataset.corrections("colours").items:
        where = f"labels.colours:{said.class_}"
        assert (said.image_id in {one.id for one in dataset.images(where=where)}) is said.is_
    again = dataset.change_labels("colours", use="words")
    assert dataset.score_labels("colours", timeout=120).use == again.use == "words"
    dataset.delete_labels("colours")
    assert dataset.labels() == []


def test_the_projection_keeps_lumps_apart() -> None:
    rng = np.random.default_rng(0)
    middles = rng.normal(size=(4, 16))
    rows = np.repeat(middles, 25, axis=0) + 0.1 * rng.normal(size=(100, 16))
    at = places.fitted(rows.astype(np.float16), 0).reshape(4, 25, 2)
    inner = np.linalg.norm(at - at.mean(1, keepdims=True), axis=2).max()
    apart = np.linalg.norm(at.mean(1)[:, None] - at.mean(1)[None], axis=2)
    assert inner < apart[~np.eye(4, dtype=bool)].min() / 2
