"""Large datasets without pictures: rows and clustered vectors, written as the pipelines write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.common import say
from rayograph import ids
from rayograph.catalog import LISTING, Catalog
from rayograph.catalog.columns import SPACES
from rayograph.schema import StageState
from rayograph.settings import Settings
from rayograph.sources import Source

CLUSTERS = 2000
SPREAD = 0.7
_DONE = int(StageState.DONE)
_FILLED_AT_ONCE = 8
Vectors = npt.NDArray[np.float16]


class Clouds:
    """Unit vectors around ``CLUSTERS`` centres: part of each is its centre, the rest noise."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        centres = np.random.default_rng(1).standard_normal((CLUSTERS, dim), np.float32)
        self._centres = centres / np.linalg.norm(centres, axis=1, keepdims=True)

    def draw(self, count: int, seed: int) -> Vectors:
        """``float16 [count, dim]``, the same ones for the same seed."""
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal((count, self.dim), np.float32)
        noise *= SPREAD / np.sqrt(self.dim)
        noise += self._centres[rng.integers(0, CLUSTERS, count)]
        noise /= np.linalg.norm(noise, axis=1, keepdims=True)
        return noise.astype(np.float16)


def write(
    catalog: Catalog, count: int, *, dim: int, model: str = "random:ViT-B-32", index: bool = True
) -> str:
    """A dataset of ``count`` rows with metadata and vectors, complete; returns its id."""
    settings = Settings()
    rows = settings.listing.fragment_rows
    name = f"synthetic-{count}"
    source = Source("folder", f"file:///{name}", f"/{name}")
    row, _ = catalog.create(source, name, model=model)
    key = row.dataset_id
    with catalog.lock(key):
        writer = catalog.writer(key)
        for start in range(0, count, 16 * rows):
            listed = _listing(key, source, start, min(count, start + 16 * rows))
            writer.append(listed, fragment_rows=rows)
        writer.add_vector_columns(SPACES[0], dim)
        clouds, fills = Clouds(dim), {}
        fragments = catalog.reader(key).fragments()
        for number, (fragment, length) in enumerate(fragments):
            fills[fragment] = length
            if len(fills) == _FILLED_AT_ONCE or number + 1 == len(fragments):
                writer.fill({at: metadata(n) for at, n in fills.items()})
                writer.fill({at: _vectors(clouds.draw(n, at)) for at, n in fills.items()})
                fills = {}
        writer.index_ids()
        if index and count >= settings.index.min_rows:
            writer.keep_index(SPACES[0], Settings().index)
    catalog.update(key, listed=True)
    say(f"{count:,} rows written")
    return key


def vectors_of(catalog: Catalog, key: str, dim: int) -> Vectors:
    """All vectors in row order, drawn again rather than read."""
    clouds = Clouds(dim)
    return np.concatenate([clouds.draw(n, at) for at, n in catalog.reader(key).fragments()])


def size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _listing(key: str, source: Source, start: int, stop: int) -> pa.Table:
    count = stop - start
    names = [f"{number:07d}.jpg" for number in range(start, stop)]
    folders = [f"{number // 10_000:04d}" for number in range(start, stop)]
    uris = [f"{source.uri}/{f}/{n}" for f, n in zip(folders, names, strict=True)]
    columns = {
        "id": [ids.image_id(key, uri) for uri in uris],
        "uri": uris,
        "file_name": names,
        "folder": folders,
        "size": np.arange(start, stop) % 100_000,
        "mtime": np.arange(start, stop, dtype=float),
        "caption": pa.nulls(count, pa.string()),
    }
    return pa.table(columns, schema=LISTING)


def metadata(count: int) -> pa.Table:
    from rayograph.catalog import columns

    values = {
        "width": pa.array(np.full(count, 640, np.int32)),
        "height": pa.array(np.full(count, 480, np.int32)),
        "format": pa.array(["JPEG"] * count),
        "mode": pa.array(["RGB"] * count),
        "meta_state": pa.array(np.full(count, _DONE, np.uint8)),
    }
    found = [values.get(f.name, pa.nulls(count, f.type)) for f in columns.METADATA]
    return pa.table(found, schema=columns.METADATA)


def _vectors(vectors: Vectors) -> pa.Table:
    from rayograph.catalog import columns

    count, dim = vectors.shape
    schema = columns.embedding(dim)
    flat = pa.array(vectors.reshape(-1), pa.float16())
    values = {
        "vector": pa.FixedSizeListArray.from_arrays(flat, dim),
        "embed_state": pa.array(np.full(count, _DONE, np.uint8)),
    }
    found = [values.get(f.name, pa.nulls(count, f.type)) for f in schema]
    return pa.table(found, schema=schema)
