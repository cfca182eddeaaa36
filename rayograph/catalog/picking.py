"""The rows that somebody chose, by ids or by a filter, as addresses in a dataset's table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from rayograph import ids
from rayograph.catalog.counts import status_of
from rayograph.catalog.filters import Filter
from rayograph.catalog.reader import DatasetReader
from rayograph.catalog.store import DatasetRow
from rayograph.progress import embeds
from rayograph.where.syntax import And


def filter_of(row: DatasetRow, *wheres: str) -> Filter:
    """What a ``where`` picks of this dataset, or what all of several do.

    Raises:
        InvalidFilter: it makes no sense.
    """
    own = row.own
    nodes = tuple(own.parse(where) for where in wheres)
    node = nodes[0] if len(nodes) == 1 else And(nodes)
    return Filter(node, partial(status_of, embeds=embeds(row)), row.serving)


def addresses(
    row: DatasetRow,
    reader: DatasetReader,
    *,
    where: str | None = None,
    image_ids: Sequence[str] | None = None,
) -> npt.NDArray[np.uint64]:
    """The addresses of what a filter picks, or of images by their ids; other ids are left out."""
    if where is not None:
        snapshot = reader.snapshot()
        sql = filter_of(row, where).sql(snapshot)
        scan = snapshot.scanner(columns=[], filter=sql, with_row_address=True)
        table = scan.to_table()
    else:
        mine = [key for key in image_ids or () if ids.dataset_of(key) == row.dataset_id]
        table = reader.rows(mine, ["id"])
    found: npt.NDArray[np.uint64] = table["_rowaddr"].to_numpy()
    return found
