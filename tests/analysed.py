"""A dataset whose run is over, and what analyses of it are worked out with; no Ray."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rayograph.analysis.asked import Asked
from rayograph.catalog import Catalog
from rayograph.catalog.analyses import About, Wanted
from rayograph_pipelines.analysis_bench import Bench
from rayograph_pipelines.analysis_work import work
from tests.working import DIM, Warm, hash_of, names, opened, run_of, settings_for, touch, vectors_of


class Hashed(Warm):
    """Vectors and hashes by the digit that ends a file's name: 3 contents, 2 of them look alike."""

    def embedding(self, rows: pa.Table, model: str) -> pa.Table:
        table = vectors_of(rows)
        number = [int(Path(uri).stem[-1]) % 3 for uri in rows["uri"].to_pylist()]
        flat = np.array([hash_of("xyz"[n]) for n in number], np.float16)
        columns = {
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), DIM),
            "content_hash": pa.array([f"content {n}" for n in number]),
            "phash": pa.array(
                [(0xFF00FF, 0xFF00FE, 0xABCDEF << 30)[n] for n in number], pa.uint64()
            ),
        }
        for name, column in columns.items():
            table = table.set_column(table.column_names.index(name), name, column)
        return table


class Place:
    """A dataset whose run is over, and what its analyses are worked out with."""

    def __init__(self, home: Path, warm: Warm | None, count: int = 12) -> None:
        self.settings = settings_for(home)
        self.folder = touch(home / "pictures", *names(count))
        about = {"model": "fake"} if warm else {"model": None, "embed_note": "no model"}
        self.row = opened(self.settings, self.folder, **about)
        run_of(self.settings, self.row, warm or Warm()).work()
        self.catalog = Catalog(self.settings.catalog.uri)
        self.row = self.catalog.dataset(self.row.dataset_id)
        self.told: list[tuple[str, int | None, int | None]] = []
        self.read: list[str] = []

    @property
    def bench(self) -> Bench:
        return Bench(
            self.catalog, lambda *said: self.told.append(said), self.texts, self.fingerprints
        )

    def texts(self, model: str, key: str | None, texts: list[str]) -> npt.NDArray[np.float16]:
        assert (model, key) == ("fake", "fake-1")
        return np.array([hash_of(text) for text in texts], np.float16)

    def fingerprints(self, rows: pa.Table, decode: bool) -> Iterator[pa.Table]:
        for start in range(0, rows.num_rows, 5):
            part = rows.slice(start, 5)
            self.read += [Path(uri).name for uri in part["uri"].to_pylist()]
            count = part.num_rows
            hashes = pa.array([77 if decode else None] * count, pa.uint64())
            yield part.append_column("content_hash", pa.array(["same"] * count)).append_column(
                "phash", hashes
            )

    def worked(self, asked: Asked) -> tuple[list[dict[str, Any]], About]:
        wanted = Wanted(self.row.dataset_id, asked)
        work(self.bench, wanted)
        result = self.catalog.analyses.result(self.row.dataset_id, asked)
        assert result is not None
        return result.table().to_pylist(), result.about
