"""What a run says of rows that never came back, and of itself when it is stopped by an error."""

from __future__ import annotations

import logging

import pyarrow as pa

from rayograph.catalog import columns
from rayograph.schema import StageState

log = logging.getLogger(__name__)


def given_up(stage: str, work: pa.Table, dim: int, tries: int) -> pa.Table:
    """Rows that came back from no round at all: failed, with that as the reason."""
    log.error("%d images never finished %s", work.num_rows, stage)
    group = columns.METADATA if stage == "metadata" else columns.embedding(dim)
    state, code, text = group.names[-3:]
    filled = {
        state: pa.array([int(StageState.FAILED)] * work.num_rows, pa.uint8()),
        code: pa.array(["crashed"] * work.num_rows),
        text: pa.array([f"did not finish in {tries} attempts"] * work.num_rows),
    }
    arrays = [filled.get(f.name, pa.nulls(work.num_rows, f.type)) for f in group]
    return pa.table(arrays, schema=group).append_column("_rowaddr", work["_rowaddr"])


def reason(error: BaseException) -> str:
    """What stopped the run, for a person; nothing internal."""
    text = str(error).lower()
    if "no space left" in text or "disk quota" in text:
        return "the disk is full: make room, then resume"
    if "read-only file system" in text or "permission denied" in text:
        return "the catalog can no longer be written to: make it writable, then resume"
    return f"an unexpected error stopped the work ({type(error).__name__}); see the log"
