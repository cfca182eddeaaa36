"""Pairs compared before are kept; what is new, changed or gone is all that costs anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rayograph.analysis import cells
from rayograph.analysis.groups import Pairs
from rayograph.catalog.analyses import Analyses
from rayograph.catalog.analysis_data import Vectors
from rayograph_pipelines.analysis_pairs import pairs_of

Rows = np.ndarray[Any, Any]
LEAST, COUNT, DIM = 0.95, 3_300, 16


class Compared:
    """Vectors of many images, each third a near copy of another; how many rows were compared."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        rng = np.random.default_rng(0)
        some = rng.normal(size=(COUNT, DIM)).astype(np.float32)
        some[::3] = some[1::3] + 0.05 * rng.normal(size=(COUNT // 3, DIM))
        self.values = cells.unit(some).astype(np.float16)
        self.analyses = Analyses(str(tmp_path / "analyses"))
        self.contents = [f"content {n}" for n in range(COUNT)]
        self.compared: list[int] = []
        whole = cells.alike

        def counted(vectors: Any, least: float, tell: Any, fresh: Any = None) -> Pairs:
            self.compared.append(len(vectors) if fresh is None else int(fresh.sum()))
            return whole(vectors, least, tell, fresh)

        monkeypatch.setattr("rayograph_pipelines.analysis_pairs.cells.alike", counted)

    def pairs(self, rows: Rows, **more: Any) -> set[tuple[int, int]]:
        """The pairs among these rows, as rows of all."""
        ids = pa.array([f"id {row}" for row in rows])
        found = Vectors(ids, self.values[rows], len(rows), "", 1)
        contents = pa.array([self.contents[row] for row in rows])
        asked: dict[str, Any] = {"model_key": "m", "least": LEAST, "tell": lambda *_: None} | more
        pairs = pairs_of(self.analyses, "d", found, contents, **asked)
        assert (pairs.a < pairs.b).all()
        return numbered(rows, pairs.a, pairs.b)

    def truth(self, rows: Rows) -> set[tuple[int, int]]:
        near = np.triu(cells.unit(self.values[rows]) @ cells.unit(self.values[rows]).T, 1)
        return numbered(rows, *np.nonzero(near >= LEAST))


def numbered(rows: Rows, a: Rows, b: Rows) -> set[tuple[int, int]]:
    both = np.sort(np.stack([rows[a], rows[b]]), axis=0)
    return set(zip(*both.tolist(), strict=True))


@pytest.fixture
def compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compared:
    return Compared(tmp_path, monkeypatch)


def test_only_what_is_new_is_compared(compared: Compared) -> None:
    everything = np.arange(COUNT)
    first = everything[everything % 10 != 0]
    assert compared.pairs(first) == compared.truth(first)
    # Some went, some came, one has another content, and they come in another order.
    second = np.random.default_rng(1).permutation(everything[everything % 11 != 0])
    compared.contents[7] = "another content"
    compared.values[7] = compared.values[500]
    found = compared.pairs(second)
    assert found == compared.truth(second)
    assert (7, 500) in found
    # New are those of the first tenth that are there now, and the changed one.
    new = np.setdiff1d(second, first)
    assert compared.compared == [len(first), len(new) + 1]
    assert compared.pairs(second) == found
    assert len(compared.compared) == 2


@pytest.mark.parametrize("more", [{"model_key": "n"}, {"least": 0.96}])
def test_another_model_or_threshold_compares_all_anew(
    compared: Compared, more: dict[str, Any]
) -> None:
    rows = np.arange(600)
    compared.pairs(rows)
    compared.pairs(rows, **more)
    assert compared.compared == [600, 600]


def test_where_much_is_new_all_are_compared(compared: Compared) -> None:
    compared.pairs(np.arange(300))
    assert compared.pairs(np.arange(600)) == compared.truth(np.arange(600))
    assert compared.compared == [300, 600]
