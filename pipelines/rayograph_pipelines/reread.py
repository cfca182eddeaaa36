"""Reading the metadata of a dataset again that an earlier version read, in the background.

Rows keep their state and their vectors all the while. What was read again is marked in the table,
so a run that was killed at it goes on where it was.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.catalog import DatasetReader, DatasetRow
from rayograph.catalog.columns import METADATA
from rayograph.metadata.arrow import METADATA_VERSION
from rayograph.schema import StageState
from rayograph_pipelines.committer import Committer

_WORK = ("id", "uri", "size", "mtime")
_STAGE = "metadata"
Headers = Callable[[pa.Table], Iterator[pa.Table]]


def outdated(row: DatasetRow) -> bool:
    """Whether some of a dataset's metadata may have been read by an earlier version."""
    return row.metadata_version < METADATA_VERSION


def marked(done: pa.Table) -> pa.Table:
    """The metadata stage's results as read by this version."""
    at = done.schema.get_field_index("meta_version")
    version = pa.array(np.full(done.num_rows, METADATA_VERSION, np.uint8))
    return done.set_column(at, METADATA.field("meta_version"), version)


def reread(
    reader: DatasetReader, committer: Committer, headers: Headers, stop: threading.Event
) -> bool:
    """Read again what is outdated; whether nothing is left."""
    for fragment, _ in reader.fragments():
        before = reader.outdated(fragment, METADATA_VERSION, [*_WORK, *METADATA.names])
        if stop.is_set():
            return False
        if not before.num_rows:
            continue
        offsets = before["_rowaddr"].to_numpy() & np.uint64(0xFFFFFFFF)
        committer.expect(_STAGE, {fragment: offsets.astype(np.int64)})
        for done in headers(before.select([*_WORK, "_rowaddr"])):
            committer.put(_STAGE, marked(_kept(done, before)))
            if stop.is_set():
                return False
    committer.flush(_STAGE)
    return True


def _kept(done: pa.Table, before: pa.Table) -> pa.Table:
    """These results; a file that cannot be read any more leaves what was known of it."""
    names = [*METADATA.names, "_rowaddr"]
    failed = pc.equal(done["meta_state"], int(StageState.FAILED))
    lost = done.filter(failed)["_rowaddr"].combine_chunks()
    old = before.filter(pc.is_in(before["_rowaddr"], value_set=lost))
    read = done.filter(pc.invert(failed)).select(names)
    return pa.concat_tables([read, old.select(names).cast(read.schema)])
