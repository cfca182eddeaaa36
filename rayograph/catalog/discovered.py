"""What analyses found out of each image, as columns of its table: its cluster, how strange it is.

A filter, an order, a facet or an export then takes it like any field. The result is the truth; the
columns are of the last one that was worked out, and null for images that came since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lance
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.analysis.asked import Asked, ClustersAsked, OutliersAsked
from rayograph.analysis.clusters import default_level, name_of
from rayograph.catalog.columns import CLUSTER, OUTLIER
from rayograph.catalog.conflicts import until_committed
from rayograph.catalog.files import replace_columns, with_columns

if TYPE_CHECKING:
    from rayograph.catalog.analyses import Result

_DIGITS = 6
# The parameters of which the columns are; others have a result alone.
_COLUMNS: dict[str, tuple[Asked, pa.Schema]] = {
    "clusters": (ClustersAsked(), CLUSTER),
    "outliers": (OutliersAsked(), OUTLIER),
}


def named_by(asked: Asked) -> str | None:
    """The field of a filter that is of an analysis with these parameters; None: none is."""
    wanted, group = _COLUMNS.get(asked.analysis, (None, None))
    return str(group.names[0]) if group is not None and asked == wanted else None


class Discoveries:
    """Writes what was found out into one dataset's table; any number may do so at once."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def lacks(self, asked: Asked) -> bool:
        """Whether a result of this belongs into the table, and none ever was."""
        name = named_by(asked)
        return name is not None and name not in lance.dataset(self._uri).schema.names

    def note(self, asked: Asked, result: Result) -> None:
        """Put a result in place of the one before; of other parameters nothing is noted."""
        if named_by(asked) is None:
            return
        group = _COLUMNS[asked.analysis][1]
        ids = result.column("id").combine_chunks()
        values = _clusters(result) if group is CLUSTER else _scores(result)
        until_committed(lambda: self._once(ids, values, group))

    def _once(self, ids: pa.Array, values: pa.Array, group: pa.Schema) -> None:
        snapshot = with_columns(self._uri, group)
        table = snapshot.scanner(columns=["id"], with_row_address=True).to_table()
        found = values.take(pc.index_in(table["id"].combine_chunks(), value_set=ids))
        homes = (table["_rowaddr"].to_numpy() >> np.uint64(32)).astype(np.int64)
        fragments, starts = np.unique(homes, return_index=True)
        ends = [*starts[1:].tolist(), len(homes)]
        places = zip(fragments.tolist(), starts.tolist(), ends, strict=True)
        parts = (
            (fragment, pa.table([found.slice(start, end - start)], group))
            for fragment, start, end in places
        )
        replace_columns(self._uri, snapshot, parts)


def _clusters(result: Result) -> pa.Array:
    """Each image's cluster of the default level: its number and its name."""
    levels = result.about.more["levels"]
    level = default_level(len(levels))
    names = [f"{n} {name_of(n, one['words'])}" for n, one in enumerate(levels[level])]
    numbers = result.column(f"cluster_{level}").combine_chunks()
    return pa.array(names, pa.string()).take(numbers)


def _scores(result: Result) -> pa.Array:
    return pc.round(result.column("score").cast(pa.float64()), _DIGITS).combine_chunks()
