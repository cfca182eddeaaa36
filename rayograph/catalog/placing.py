"""Places on the map as columns of the dataset's own table: an area of it is then a filter like any.

A filter by a million ids would be megabytes of text, which every read, count, search, export and
edit had to carry; two columns of four bytes are read in milliseconds (docs/decisions/0029).
"""

from __future__ import annotations

import lance
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.catalog.columns import MAP
from rayograph.catalog.conflicts import until_committed
from rayograph.catalog.files import write_columns


def place(uri: str, places: pa.Table) -> None:
    """Put ``id``, ``x``, ``y`` into the table in one commit; what has no place gets null.

    Rows that come meanwhile have none yet; a fragment that went meanwhile makes it be done anew.
    """
    until_committed(lambda: _once(uri, places))


def _once(uri: str, places: pa.Table) -> None:
    snapshot = lance.dataset(uri)
    if not set(MAP.names) <= set(snapshot.schema.names):
        snapshot.add_columns(MAP)
        snapshot = lance.dataset(uri)
    table = snapshot.scanner(columns=["id"], with_row_address=True).to_table()
    row = pc.index_in(table["id"].combine_chunks(), value_set=places["id"].combine_chunks())
    found = row.fill_null(-1).to_numpy(zero_copy_only=False)
    addresses = table["_rowaddr"].to_numpy()
    homes = (addresses >> np.uint64(32)).astype(np.int64)
    offsets = (addresses & np.uint64(0xFFFFFFFF)).astype(np.int64)
    groups = []
    for fragment in snapshot.get_fragments():
        mine = homes == fragment.fragment_id
        # Deleted rows keep their room in the file.
        rows = np.full(fragment.physical_rows, -1, np.int64)
        rows[offsets[mine]] = found[mine]
        taken = places.select(["x", "y"]).take(pa.array(rows, mask=rows < 0))
        taken = taken.rename_columns(MAP.names).cast(MAP).combine_chunks()
        file = write_columns(uri, snapshot, taken)
        groups.append(lance.LanceOperation.DataReplacementGroup(fragment.fragment_id, file))
    if groups:
        operation = lance.LanceOperation.DataReplacement(groups)
        lance.LanceDataset.commit(uri, operation, read_version=snapshot.version)
