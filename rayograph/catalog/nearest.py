"""The nearest vectors to a query, as addresses of rows: records, which take longer to read than to
find, are read of those on a page alone."""

from __future__ import annotations

from typing import Any, NamedTuple

import lance
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rayograph.catalog.columns import ROWS_A_PARTITION, Space
from rayograph.catalog.filters import Filter, in_sight

_MIN_PROBES, _ALL_PROBES = 20, 100_000
# The share of the rows from which on a filter is wide.
_WIDE = 0.05
# So many times k are compared by their full vectors at least, and `refine` times ten of few.
_LEAST_REFINED, _FEW = 3, 10


class Nearest(NamedTuple):
    """Rows of a snapshot, the nearest first, and their similarities (-1 to 1)."""

    addresses: list[int]
    scores: list[float]


def find_nearest(
    snapshot: lance.LanceDataset,
    space: Space,
    vector: npt.NDArray[np.floating[Any]],
    *,
    k: int,
    refine: int = 10,
    where: Filter | None = None,
    picked: int = 0,
    thorough: bool = False,
) -> Nearest:
    """The k nearest rows by cosine, of those that ``where`` picks.

    Args:
        picked: how many rows that is, as far as somebody knows.
        thorough: look through all partitions.
    """
    rows = snapshot.count_rows()
    # The few that a narrow filter picks can lie in any partition: behind one of 1 % half of them
    # lose neighbours, behind one of 10 % none.
    narrow = where is not None and picked <= _WIDE * rows
    # A pinned number loses recall as the table grows. Half of the partitions find all but 2 in
    # 1,000 neighbours among a million hard vectors, in three quarters of the time.
    half = max(_MIN_PROBES, rows // (2 * ROWS_A_PARTITION))
    most = _ALL_PROBES if thorough or narrow else half
    nearest: dict[str, Any] = {
        "column": space.vector,
        "q": pa.array(vector.astype(np.float16), pa.float16()),
        "k": k,
        "metric": "cosine",
        # Without a filter or a doubt, a search may end before the last of them.
        "minimum_nprobes": most if thorough or where is not None else _MIN_PROBES,
        "maximum_nprobes": most,
        "refine_factor": min(refine, max(_LEAST_REFINED, -(-refine * _FEW // k))),
    }
    sql = where.sql(snapshot) if where is not None else in_sight(snapshot)
    table = snapshot.scanner(
        columns=["_distance"],
        nearest=nearest,
        filter=sql,
        prefilter=sql is not None,
        with_row_address=True,
    ).to_table()
    # Equally near ones come in the same order each time they are asked for.
    table = table.sort_by([("_distance", "ascending"), ("_rowaddr", "ascending")])
    scores = (1.0 - table["_distance"].to_numpy()).tolist()
    return Nearest(table["_rowaddr"].to_pylist(), scores)
