"""A dataset's vectors in bulk: samples to measure with, and the vectors of given images."""

from __future__ import annotations

from collections.abc import Sequence

import lance
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rayograph.catalog.columns import Space
from rayograph.catalog.counts import DONE
from rayograph.catalog.filters import in_sight, places
from rayograph.catalog.nearest import find_nearest
from rayograph.catalog.reader import DatasetReader

Vectors = npt.NDArray[np.float32]
_TRIES_A_VECTOR = 4
_SCAN_ROWS = 16_384
# Half precision's, of a cosine.
_ROUNDING = 2e-3


def sample_vectors(reader: DatasetReader, most: int, *, seed: int = 0) -> Vectors:
    """Up to ``most`` vectors of images anywhere in the dataset, ``float32 [n, dim]``, length 1."""
    snapshot, space = reader.snapshot(), reader.space
    if space.vector not in snapshot.schema.names:
        return np.zeros((0, 0), np.float32)
    rows = snapshot.count_rows()
    tries = min(rows, _TRIES_A_VECTOR * most)
    places = np.sort(np.random.default_rng(seed).choice(rows, tries, replace=False))
    names = [space.vector, space.state]
    table = snapshot.take(places.tolist(), columns=names)
    found = _matrix(table, space.vector, table[space.state].fill_null(0).to_numpy() == DONE)
    if len(found) < min(most, 64):
        # Few are there yet: those that are.
        table = snapshot.scanner(columns=names, filter=f"{space.state} = {DONE}", limit=most)
        table = table.to_table()
        found = _matrix(table, space.vector, np.ones(table.num_rows, bool))
    return found[:most]


def vectors_at(
    snapshot: lance.LanceDataset, space: Space, addresses: Sequence[int]
) -> dict[int, Vectors]:
    """The vectors of those rows of a snapshot that have one, by address, length 1."""
    if not addresses or space.vector not in snapshot.schema.names:
        return {}
    found = places(snapshot, np.asarray(addresses, np.uint64)).tolist()
    table = snapshot.take(found, columns=[space.vector, space.state])
    done = table[space.state].fill_null(0).to_numpy() == DONE
    rows = np.asarray(addresses, object)[done]
    return dict(zip(rows.tolist(), _matrix(table, space.vector, done), strict=True))


def index_recall(
    reader: DatasetReader,
    *,
    refine: int,
    thorough: bool = False,
    queries: int = 32,
    k: int = 10,
    seed: int = 0,
) -> float | None:
    """The share of the ``k`` nearest that a search finds, over images as queries.

    The truth is one pass over all vectors. As near as the nearest is as good: equal pictures are
    one another's equals. None where there are too few to ask for.
    """
    asked = sample_vectors(reader, queries, seed=seed)
    if len(asked) < queries:
        return None
    right, at = 0, (reader.snapshot(), reader.space)
    for query, least in zip(asked, _least_of_nearest(reader, asked, k), strict=True):
        found = find_nearest(*at, query, k=k, refine=refine, thorough=thorough)
        right += sum(score >= least - _ROUNDING for score in found.scores)
    return right / (len(asked) * k)


def _least_of_nearest(reader: DatasetReader, asked: Vectors, k: int) -> Vectors:
    """How similar the ``k``-th nearest is to each query, by an exact scan."""
    space = reader.space
    best = np.full((len(asked), k), -1.0, np.float32)
    snapshot = reader.snapshot()
    shown = f"{space.state} = {DONE} and ({in_sight(snapshot) or 'true'})"
    scan = snapshot.scanner(columns=[space.vector], filter=shown, batch_size=_SCAN_ROWS)
    for batch in scan.to_batches():
        table = pa.Table.from_batches([batch])
        near = asked @ _matrix(table, space.vector, np.ones(table.num_rows, bool)).T
        best = np.partition(np.hstack([best, near]), -k, axis=1)[:, -k:]
    least: Vectors = best.min(axis=1)
    return least


def _matrix(table: pa.Table, column: str, chosen: npt.NDArray[np.bool_]) -> Vectors:
    picked = table[column].filter(pa.array(chosen)).combine_chunks()
    if not len(picked):
        return np.zeros((0, table.schema.field(column).type.list_size), np.float32)
    flat = picked.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    found = flat.reshape(len(picked), -1)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    scaled: Vectors = found / np.maximum(lengths, 1e-12)
    return scaled
