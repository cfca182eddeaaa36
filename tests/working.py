"""A dataset being worked on, without Ray: empty files, and a warm path that answers at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rayograph import sources
from rayograph.catalog import Catalog, DatasetRow
from rayograph.catalog.columns import METADATA, embedding
from rayograph.contents import hash_of as content_hash
from rayograph.datasets import first_rows
from rayograph.errors import ModelUnavailable
from rayograph.listing import Chunk
from rayograph.quality import Measures, Rules
from rayograph.schema import Progress
from rayograph.settings import Settings
from rayograph_pipelines.facts import ModelFacts
from rayograph_pipelines.run import Run
from rayograph_pipelines.stages.list_files import ListFiles, ListFilesConfig
from rayograph_pipelines.stages.measure import with_quality

DIM = 8
WAIT_S = 30.0


def settings_for(home: Path, **more: Any) -> Settings:
    return Settings.model_validate(
        {
            "catalog": {"uri": str(home / "catalog")},
            "model": "fake",
            "embedding": {"publish_s": 0.01, "num_gpus": 0, "batch_size": 4},
            **more,
        }
    )


def touch(folder: Path, *names: str) -> Path:
    """Files with images' names; nobody opens them here."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def names(count: int, start: int = 0) -> list[str]:
    return [f"{number:05d}.jpg" for number in range(start, start + count)]


def opened(settings: Settings, folder: Path, *, first: int = 2, **about: Any) -> DatasetRow:
    """The folder as a dataset that holds its first rows."""
    catalog = Catalog(settings.catalog.uri)
    source = sources.resolve(str(folder))
    rows = first_rows(source, ids_of(source), first)
    return catalog.create(source, source.name, rows, **{"model": "fake"} | about)[0]


def ids_of(source: sources.Source) -> str:
    from rayograph import ids

    return ids.dataset_id(source.uri, source.name)


def metadata_of(rows: pa.Table) -> pa.Table:
    """``bad`` in a name is a broken file, ``lost`` one that never comes back."""
    rows = rows.filter(["lost" not in uri for uri in rows["uri"].to_pylist()])
    bad = ["bad" in uri for uri in rows["uri"].to_pylist()]
    values: dict[str, list[Any]] = {
        "width": [None if b else 640 for b in bad],
        "height": [None if b else 480 for b in bad],
        "meta_state": [2 if b else 1 for b in bad],
        "meta_error_code": ["truncated" if b else None for b in bad],
        "meta_error": ["it ends early" if b else None for b in bad],
    }
    for field in METADATA:
        column = pa.array(values.get(field.name, [None] * len(bad)), field.type)
        rows = rows.append_column(field, column)
    return rows


def vectors_of(rows: pa.Table, *, dim: int = DIM) -> pa.Table:
    count = rows.num_rows
    flat = np.array([hash_of(uri, dim) for uri in rows["uri"].to_pylist()], np.float16)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), dim)
    values: dict[str, Any] = {
        "vector": vectors,
        "content_hash": pa.array(["h"] * count, pa.string()),
        "embed_state": pa.array([1] * count, pa.uint8()),
    }
    for field in embedding(dim):
        column = values.get(field.name)
        rows = rows.append_column(
            field, column if column is not None else pa.nulls(count, field.type)
        )
    return rows


def hash_of(text: str, dim: int = DIM) -> list[float]:
    return list(np.random.default_rng(sum(text.encode())).normal(size=dim))


class Warm:
    """Stands in for the warm path; ``before`` is called with each stage's rows first."""

    def __init__(self, before: Callable[[str, pa.Table], None] | None = None) -> None:
        self.before = before or (lambda stage, rows: None)
        self.key = "fake-1"
        self.keys: dict[str, str] = {}
        self.dims: dict[str, int] = {}
        self.seen: list[tuple[str, list[str]]] = []
        self._lock = threading.Lock()

    def load(self, model: str) -> ModelFacts:
        if model == "gone":
            raise ModelUnavailable("no such model")
        return ModelFacts(self.keys.get(model, self.key), self.dims.get(model, DIM), 32)

    def metadata(self, rows: pa.Table) -> pa.Table:
        self._note("metadata", rows)
        return metadata_of(rows)

    def can_list(self) -> bool:
        return True

    def listing(self, chunks: Iterable[Chunk], config: ListFilesConfig) -> Iterator[pa.Table]:
        return map(ListFiles(config).rows, chunks)

    def headers(self, rows: pa.Table) -> Iterator[pa.Table]:
        for start in range(0, rows.num_rows, 8):
            yield self.metadata(rows.slice(start, 8))

    def embedding(self, rows: pa.Table, model: str) -> pa.Table:
        self._note("embedding", rows)
        return vectors_of(rows, dim=self.dims.get(model, DIM))

    def vectors(self, rows: pa.Table, model: str) -> Iterator[pa.Table]:
        for start in range(0, rows.num_rows, 4):
            yield self.embedding(rows.slice(start, 4), model)

    def measures(self, rows: pa.Table) -> Iterator[pa.Table]:
        self._note("quality", rows)
        fine = Measures(0.5, 0.5, 0.1, 0.9, 7.0, 4 / 3)
        yield with_quality(rows, [fine] * rows.num_rows, Rules())

    def _note(self, stage: str, rows: pa.Table) -> None:
        self.before(stage, rows)
        with self._lock:
            self.seen.append((stage, [Path(uri).name for uri in rows["uri"].to_pylist()]))


class Reading(Warm):
    """Takes the real content hash, as the embedding stage does."""

    def embedding(self, rows: pa.Table, model: str) -> pa.Table:
        self._note("embedding", rows)
        found = vectors_of(rows)
        hashes = pa.array([content_hash(uri) for uri in rows["uri"].to_pylist()], pa.string())
        return found.set_column(
            found.schema.get_field_index("content_hash"), "content_hash", hashes
        )

    @property
    def embedded(self) -> list[str]:
        return sorted(name for stage, names in self.seen if stage == "embedding" for name in names)


class Reports:
    """Every progress a run told, in order."""

    def __init__(self) -> None:
        self.all: list[Progress] = []

    def __call__(self, progress: Progress) -> None:
        assert sum(progress.counts) == progress.total
        for stage in ("metadata", "embedding"):
            numbers = progress.stages[stage]
            assert numbers.done + numbers.failed + numbers.skipped <= numbers.total
        self.all.append(progress)

    def finished(self, stage: str) -> list[int]:
        return [p.stages[stage].done + p.stages[stage].failed for p in self.all]


def run_of(settings: Settings, row: DatasetRow, warm: Any = None, **more: Any) -> Run:
    more.setdefault("report", Reports())
    catalog = Catalog(settings.catalog.uri)
    return Run(catalog, row.dataset_id, settings, warm=warm or Warm(), **more)


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def joined(thread: threading.Thread) -> None:
    thread.join(WAIT_S)
    assert not thread.is_alive()
