"""Indices and clean-up of a table. Without them everything is there, only slower to find."""

from __future__ import annotations

import logging

from rayograph.catalog import DatasetReader, DatasetRow, DatasetWriter, Space
from rayograph.catalog.vectors import index_recall
from rayograph.settings import Settings

log = logging.getLogger(__name__)
# Half of the partitions are enough while they find this share of the ten nearest.
_HALF_ENOUGH = 0.99


def index_listing(writer: DatasetWriter) -> None:
    """Index ids, names and captions; it is no failure of a run if that cannot be done now."""
    try:
        writer.index_ids()
        writer.index_words()
    except Exception:
        log.exception("no index of what was listed yet")


def check_index(
    writer: DatasetWriter, reader: DatasetReader, row: DatasetRow, settings: Settings
) -> dict[str, float | int | None]:
    """What there is to note of the vector index: how much it finds, where that is not known yet.

    All of its partitions are looked through from now on where half of them find too little, and it
    is rebuilt where that is not enough.
    """
    try:
        state = writer.index_state(reader.space)
        vectors = state.indexed + state.unindexed
        known = row.index_checked or 0
        if not state.exists or abs(vectors - known) <= settings.index.grow * known:
            return {}
        recall, thorough = _measured(reader, settings)
        if recall is not None and recall < settings.index.min_recall:
            log.warning("the vector index finds %.3f of the nearest: it is built anew", recall)
            writer.rebuild_index(reader.space)
            recall, thorough = _measured(reader, settings)
    except Exception:
        log.exception("the vector index could not be checked; the next run tries again")
        return {}
    return {"index_recall": recall, "index_checked": vectors, "index_thorough": thorough}


def _measured(reader: DatasetReader, settings: Settings) -> tuple[float | None, bool]:
    """The share of the nearest that is found, and whether it takes all partitions."""
    recall = index_recall(reader, refine=settings.index.refine)
    if recall is None or recall >= _HALF_ENOUGH:
        return recall, False
    return index_recall(reader, refine=settings.index.refine, thorough=True), True


def tidy(writer: DatasetWriter, space: Space, settings: Settings) -> None:
    """What is done when a run is over; the next run tries again what cannot be done now."""
    try:
        writer.index_ids()
        writer.index_words()
        writer.index_fields(space, settings.index)
        writer.clean(older_than_s=settings.catalog.keep_versions_s)
    except Exception:
        log.exception("the upkeep of a table failed; its next run tries again")
