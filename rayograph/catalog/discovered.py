"""What analyses found out of each image, as columns of its table: its cluster, how strange it is,
its place on the map.

A filter, an order, a facet or an export then takes it like any field. The result is the truth; the
columns are of the last one that was worked out, and null for images that came since.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import lance
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.analysis.asked import Asked, ClustersAsked, MapAsked, OutliersAsked
from rayograph.analysis.clusters import default_level, name_of
from rayograph.catalog.columns import CLUSTER, MAP, OUTLIER
from rayograph.catalog.conflicts import until_committed
from rayograph.catalog.files import replace_columns, with_columns

if TYPE_CHECKING:
    from rayograph.catalog.analyses import Result

_DIGITS = 6
# The parameters of which the columns are; others have a result alone.
_COLUMNS: dict[str, tuple[Asked, pa.Schema]] = {
    "clusters": (ClustersAsked(), CLUSTER),
    "outliers": (OutliersAsked(), OUTLIER),
    "map": (MapAsked(), MAP),
}


def named_by(asked: Asked) -> str | None:
    """The first column of an analysis with these parameters; None: it has none."""
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
        values = pa.table(_VALUES[asked.analysis](result), group).combine_chunks()
        until_committed(lambda: self._once(ids, values, group))

    def _once(self, ids: pa.Array, values: pa.Table, group: pa.Schema) -> None:
        snapshot = with_columns(self._uri, group)
        table = snapshot.scanner(columns=["id"], with_row_address=True).to_table()
        found = pc.index_in(table["id"].combine_chunks(), value_set=ids).fill_null(-1)
        found = found.to_numpy(zero_copy_only=False)
        addresses = table["_rowaddr"].to_numpy()
        homes = (addresses >> np.uint64(32)).astype(np.int64)
        offsets = (addresses & np.uint64(0xFFFFFFFF)).astype(np.int64)

        def parts() -> Iterator[tuple[int, pa.Table]]:
            for fragment in snapshot.get_fragments():
                mine = homes == fragment.fragment_id
                # A deleted row keeps its room in the file.
                rows = np.full(fragment.physical_rows, -1, np.int64)
                rows[offsets[mine]] = found[mine]
                part = values.take(pa.array(rows, mask=rows < 0))
                yield fragment.fragment_id, part.combine_chunks()

        replace_columns(self._uri, snapshot, parts())


def _clusters(result: Result) -> list[pa.Array]:
    """Each image's cluster of the default level: its number and its name."""
    levels = result.about.more["levels"]
    level = default_level(len(levels))
    names = [f"{n} {name_of(n, one['words'])}" for n, one in enumerate(levels[level])]
    numbers = result.column(f"cluster_{level}").combine_chunks()
    return [pa.array(names, pa.string()).take(numbers)]


def _scores(result: Result) -> list[pa.Array]:
    return [pc.round(result.column("score").cast(pa.float64()), _DIGITS).combine_chunks()]


def _places(result: Result) -> list[pa.Array]:
    table = result.table(["x", "y"]).combine_chunks()
    return [table["x"].combine_chunks(), table["y"].combine_chunks()]


_VALUES = {"clusters": _clusters, "outliers": _scores, "map": _places}
