"""Cut-offs: what similarity is unusual."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rayograph.catalog import Catalog
from rayograph.catalog.vectors import sample_vectors, vectors_at
from rayograph.errors import ModelUnavailable
from rayograph_serve.calibration import TEXTS, Calibration, cutoffs_of
from rayograph_serve.querying import Space
from tests.fake_engine import draw_pictures
from tests.working import opened, run_of, settings_for

COUNT = 60


class Model:
    """Gives texts vectors, or has none to give; ``gate`` holds it up."""

    def __init__(self, dim: int, *, fails: bool = False) -> None:
        self.dim, self.fails, self.asked = dim, fails, 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def text(self, model: str, key: str | None, text: str) -> Any:
        await self.gate.wait()
        self.asked += 1
        if self.fails:
            raise ModelUnavailable("no model")
        vector = np.random.default_rng(len(text)).normal(size=self.dim)
        return (vector / np.linalg.norm(vector)).astype(np.float16)


@pytest.fixture
def space(tmp_path: Path) -> Space:
    settings = settings_for(tmp_path)
    draw_pictures(tmp_path / "pictures", COUNT)
    row = opened(settings, tmp_path / "pictures")
    run_of(settings, row).work()
    row = Catalog(settings.catalog.uri).dataset(row.dataset_id)
    reader = Catalog(settings.catalog.uri).reader(row.dataset_id, row.serving)
    return Space(reader, str(row.model), row.model_key)


def test_a_matching_pair_is_above_and_an_unrelated_below() -> None:
    rng = np.random.default_rng(0)
    topics = np.linalg.qr(rng.normal(size=(64, 64)))[0].astype(np.float32)
    pictures = np.repeat(topics[:50], 4, 0) + 0.1 * rng.normal(size=(200, 64)).astype(np.float32)
    pictures /= np.linalg.norm(pictures, axis=1, keepdims=True)
    known = cutoffs_of(topics[:50], pictures, 200)
    alike = topics[:50] @ pictures.T
    assert alike.diagonal().shape == (50,)
    own = np.array([alike[n // 4, n] for n in range(200)])
    assert (own > known.text).mean() > 0.95
    assert (topics[60:] @ pictures.T > known.text).mean() < 0.02


def test_a_sample_is_of_length_one_and_every_vector_once(space: Space) -> None:
    sample = sample_vectors(space.reader, 1000)
    assert len(sample) == COUNT
    assert np.allclose(np.linalg.norm(sample, axis=1), 1, atol=1e-3)
    own = [sample_vectors_of(space, key) for key in space.reader.column("id").to_pylist()]
    assert np.allclose(sorted(sample.tolist()), sorted(map(list, own)), atol=1e-3)
    assert len(sample_vectors(space.reader, 10)) == 10
    ids = space.reader.column("id").to_pylist()
    rows = space.reader.rows([ids[3], ids[1]], ["id"])
    addresses = rows["_rowaddr"].to_pylist()
    found = vectors_at(space.reader.snapshot(), space.reader.space, addresses)
    for row, key in zip(addresses, rows["id"].to_pylist(), strict=True):
        assert np.allclose(found.pop(row), sample_vectors_of(space, key), atol=1e-3)
    assert not found


def sample_vectors_of(space: Space, image_id: str) -> Any:
    vector = space.reader.vector(image_id).astype(np.float32)
    return vector / np.linalg.norm(vector)


async def test_it_is_measured_once(space: Space) -> None:
    model = Model(space.reader.vector(space.reader.column("id")[0].as_py()).shape[0])
    calibration = Calibration(model)  # type: ignore[arg-type]
    found = await asyncio.gather(*(calibration.cutoffs("d", space, wait=True) for _ in range(3)))
    assert found[0] is not None
    assert found[0] == found[1] == found[2]
    assert model.asked == len(TEXTS)
    assert await calibration.cutoffs("d", space, wait=False) == found[0]
    assert model.asked == len(TEXTS)


async def test_a_search_does_not_wait_for_it(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rayograph_serve.calibration._PATIENCE_S", 0.0)
    model = Model(space.reader.vector(space.reader.column("id")[0].as_py()).shape[0])
    model.gate.clear()
    calibration = Calibration(model)  # type: ignore[arg-type]
    assert await calibration.cutoffs("d", space, wait=False) is None
    model.gate.set()
    assert await calibration.cutoffs("d", space, wait=True) is not None


async def test_without_a_model_there_is_none(space: Space) -> None:
    model = Model(4, fails=True)
    assert await Calibration(model).cutoffs("d", space, wait=True) is None  # type: ignore[arg-type]
