"""Indices and clean-up of a table. Without them everything is there, only slower to find."""

from __future__ import annotations

import logging

from rayograph.catalog import DatasetWriter, Space
from rayograph.settings import Settings

log = logging.getLogger(__name__)


def index_listing(writer: DatasetWriter) -> None:
    """Index ids, names and captions; it is no failure of a run if that cannot be done now."""
    try:
        writer.index_ids()
        writer.index_words()
    except Exception:
        log.exception("no index of what was listed yet")


def tidy(writer: DatasetWriter, space: Space, settings: Settings) -> None:
    """What is done when a run is over; the next run tries again what cannot be done now."""
    try:
        writer.index_ids()
        writer.index_words()
        writer.index_fields(space, settings.index)
        writer.clean(older_than_s=settings.catalog.keep_versions_s)
    except Exception:
        log.exception("the upkeep of a table failed; its next run tries again")
