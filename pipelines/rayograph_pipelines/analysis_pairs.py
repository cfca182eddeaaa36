"""Pairs that are alike, kept beside the results: what was compared before is not compared again.

One table holds both, so that a kill cannot part them: the pairs, and of each image that was
compared its content (``b``), which has no distance.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.analysis import cells
from rayograph.analysis.groups import Pairs, Tell
from rayograph.catalog.analyses import Analyses
from rayograph.catalog.analysis_data import Vectors

_SIDE = "pairs"
_SCHEMA = pa.schema([("a", pa.string()), ("b", pa.string()), ("distance", pa.float32())])
_MARK = b"compared"
# With more than this share new, comparing all of them is as fast.
_ANEW = 0.3


def pairs_of(
    analyses: Analyses,
    dataset_id: str,
    found: Vectors,
    contents: pa.Array,
    *,
    model_key: str | None,
    least: float,
    tell: Tell,
) -> Pairs:
    """Pairs of these vectors whose cosine similarity is at least ``least``.

    Args:
        contents: for each vector what its image's content is known by.
    """
    mark = f"{model_key} {least!r}".encode()
    known = analyses.side(dataset_id, _SIDE)
    if known is not None and (known.schema.metadata or {}).get(_MARK) != mark:
        known = None
    fresh = np.ones(len(found.ids), bool) if known is None else _fresh(known, found.ids, contents)
    if known is None or fresh.mean() > _ANEW:
        pairs = cells.alike(found.values, least, tell)
    else:
        pairs = _kept(known, found.ids, ~fresh)
        if fresh.any():
            pairs = pairs.and_(cells.alike(found.values, least, tell, fresh))
    if fresh.any():
        table = _table(found.ids, contents, pairs)
        analyses.set_side(dataset_id, _SIDE, table.replace_schema_metadata({_MARK: mark}))
    return pairs


def _fresh(known: pa.Table, ids: pa.Array, contents: pa.Array) -> npt.NDArray[np.bool_]:
    """Which images were not compared, or had another content then."""
    compared = known.filter(known["distance"].is_null()).combine_chunks()
    place = pc.index_in(ids, value_set=compared["a"].combine_chunks())
    same = pc.equal(compared["b"].combine_chunks().take(place), contents)
    found: npt.NDArray[np.bool_] = ~pc.fill_null(same, False).to_numpy(zero_copy_only=False)
    return found


def _kept(known: pa.Table, ids: pa.Array, old: npt.NDArray[np.bool_]) -> Pairs:
    """The pairs of images that are as they were, by their rows now."""
    pairs = known.filter(known["distance"].is_valid())
    a, b = (
        pc.fill_null(pc.index_in(pairs[name].combine_chunks(), value_set=ids), -1)
        .to_numpy(zero_copy_only=False)
        .astype(np.int64)
        for name in ("a", "b")
    )
    there = (a >= 0) & (b >= 0)
    there[there] = old[a[there]] & old[b[there]]
    distance = pairs["distance"].to_numpy()[there]
    return Pairs(np.minimum(a, b)[there], np.maximum(a, b)[there], distance)


def _table(ids: pa.Array, contents: pa.Array, pairs: Pairs) -> pa.Table:
    compared = pa.table([ids, contents, pa.nulls(len(ids), pa.float32())], schema=_SCHEMA)
    a, b = ids.take(pa.array(pairs.a)), ids.take(pa.array(pairs.b))
    return pa.concat_tables([compared, pa.table([a, b, pairs.distance], schema=_SCHEMA)])
