"""The only room that imports lancedb and lance."""

import os

# Lance warns on every in-place fill that the operation is young; findings and tests cover it.
os.environ.setdefault("LANCE_LOG", "error")
os.environ.setdefault("LANCE_INCLUDE_VECTOR_CENTROIDS", "false")

from rayograph.catalog.columns import LISTING, Space
from rayograph.catalog.counts import Counts
from rayograph.catalog.reader import DatasetReader, Snapshot
from rayograph.catalog.store import Catalog, DatasetRow, open_catalog
from rayograph.catalog.writer import DatasetWriter

__all__ = [
    "LISTING",
    "Catalog",
    "Counts",
    "DatasetReader",
    "DatasetRow",
    "DatasetWriter",
    "Snapshot",
    "Space",
    "open_catalog",
]
