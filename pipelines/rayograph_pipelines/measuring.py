"""The quality of what was decoded by an earlier version, or under other rules, in the background.

Pictures that get a vector are measured where they are decoded for it; here come those that had one
already, and, where that is wanted, those that get none. What is measured is marked in the table, so
a run that was killed at it goes on where it was.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from rayograph.catalog import DatasetReader, DatasetRow
from rayograph.catalog.columns import QUALITY, QUALITY_STAGE
from rayograph.progress import embeds
from rayograph.quality import Rules
from rayograph.settings import Settings
from rayograph_pipelines.chains import rules_of
from rayograph_pipelines.committer import Committer
from rayograph_pipelines.stages.measure import told

_WORK = ("id", "uri", "size", "mtime")
Measured = Callable[[pa.Table], Iterator[pa.Table]]


def rules_key(row: DatasetRow, settings: Settings) -> str | None:
    """What a dataset's row says once all is told by these rules; None: nobody looks at it."""
    looked_at = embeds(row) or settings.quality.without_model
    return rules_of(settings).key if looked_at else None


def untold(row: DatasetRow, settings: Settings) -> bool:
    """Whether some of a dataset's pictures may not be measured, or be told by other rules."""
    key = rules_key(row, settings)
    return key is not None and row.quality_rules != key


def measure_rest(  # noqa: PLR0917
    row: DatasetRow,
    reader: DatasetReader,
    committer: Committer,
    measures: Measured,
    rules: Rules,
    stop: threading.Event,
) -> bool:
    """Measure what nobody has, tell anew what other rules told; whether nothing is left."""
    for fragment, _ in reader.fragments():
        if row.quality_rules not in (None, rules.key):
            _tell(reader, committer, fragment, rules)
        todo = reader.unmeasured(fragment, _WORK, embeds=embeds(row))
        if stop.is_set():
            return False
        if not todo.num_rows:
            continue
        offsets = todo["_rowaddr"].to_numpy() & np.uint64(0xFFFFFFFF)
        committer.expect(QUALITY_STAGE, {fragment: offsets.astype(np.int64)})
        for done in measures(todo):
            committer.put(QUALITY_STAGE, done)
            if stop.is_set():
                return False
    committer.flush(QUALITY_STAGE)
    return True


def _tell(reader: DatasetReader, committer: Committer, fragment: int, rules: Rules) -> None:
    """Call what is measured by these rules; nothing is opened."""
    known = reader.measured(fragment)
    if not known.num_rows:
        return
    width, height = (known[name].to_numpy().astype(np.float64) for name in ("width", "height"))
    with np.errstate(invalid="ignore", divide="ignore"):
        aspect = pa.array(width / height)
    numbers = {name: known[name].combine_chunks() for name in QUALITY.names[:-2]}
    words = told({**numbers, "aspect": aspect}, rules)
    at = known.schema.get_field_index("quality")
    offsets = known["_rowaddr"].to_numpy() & np.uint64(0xFFFFFFFF)
    committer.expect(QUALITY_STAGE, {fragment: offsets.astype(np.int64)})
    committer.put(QUALITY_STAGE, known.set_column(at, QUALITY.field("quality"), words))
