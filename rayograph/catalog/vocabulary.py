"""All values of a column that has few, known for as long as its index holds every row.

A pattern is then tried on each value instead of on each row, and the index finds those that fit:
the count of ``camera:nikon`` among a million rows takes 1.7 ms instead of 59.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

import lance
import pyarrow.compute as pc

_MOST_VALUES = 5_000
_KEPT = 64
_kept: OrderedDict[Hashable, tuple[str, ...] | None] = OrderedDict()
_lock = threading.Lock()


def values_of(snapshot: lance.LanceDataset, column: str, index: str) -> tuple[str, ...] | None:
    """The values of a text column, in order; None: too many, or the index misses rows."""
    found = next((one for one in snapshot.describe_indices() if one.name == index), None)
    if found is None:
        return None
    covered = set().union(*(segment.fragment_ids for segment in found.segments))
    if any(fragment.fragment_id not in covered for fragment in snapshot.get_fragments()):
        return None
    # An index that is built or extended has other files, so other ids.
    key = snapshot.uri, column, tuple(segment.uuid for segment in found.segments)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    values = pc.unique(snapshot.scanner(columns=[column]).to_table()[column]).drop_null()
    few = tuple(sorted(values.to_pylist())) if len(values) <= _MOST_VALUES else None
    with _lock:
        _kept[key] = few
        while len(_kept) > _KEPT:
            _kept.popitem(last=False)
    return few
