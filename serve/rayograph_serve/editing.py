"""Tags, ratings and favourites: from what a request asks to an edit of the table."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from rayograph.catalog import Catalog, DatasetRow
from rayograph.catalog.curation import Edit
from rayograph.catalog.filters import Filter
from rayograph.schema import ImageEdit
from rayograph.settings import Settings

log = logging.getLogger(__name__)
# Each edit is a version of the table; a run's upkeep may never come again to clean them up.
_CLEAN_EVERY = 200


class Editing:
    """Edits images of any dataset; safe to call from any thread."""

    def __init__(self, catalog: Catalog, settings: Settings) -> None:
        self._catalog = catalog
        self._keep_s = settings.catalog.keep_versions_s
        self._edits: dict[str, int] = {}

    def of(self, row: DatasetRow, edit: ImageEdit, chosen: Filter | None) -> int:
        """Edit all that a filter picks; returns how many that are."""
        return self._apply(row, edit, lambda snapshot: chosen.sql(snapshot) if chosen else "true")

    def of_ids(self, row: DatasetRow, edit: ImageEdit, image_ids: Sequence[str]) -> int:
        """Edit images by their (checked) ids; returns how many of them there are."""
        if not image_ids:
            return 0
        listed = ", ".join(f"'{key}'" for key in dict.fromkeys(image_ids))
        return self._apply(row, edit, lambda _: f"id in ({listed})")

    def _apply(self, row: DatasetRow, edit: ImageEdit, pick: Callable[[object], str]) -> int:
        given = edit.model_fields_set & {"rating", "favorite"}
        values = {name: getattr(edit, name) for name in given}
        change = Edit(tuple(edit.tags_add), tuple(edit.tags_remove), values)
        matched = 0
        if given or edit.tags_add or edit.tags_remove:
            matched = self._catalog.curator(row.dataset_id).apply(change, pick)
        # Last: what is hidden may not be picked any more.
        if "hidden" in edit.model_fields_set:
            hider = self._catalog.hider(row.dataset_id)
            matched = max(matched, hider.hide(pick, hidden=bool(edit.hidden)))
        done = self._edits[row.dataset_id] = self._edits.get(row.dataset_id, 0) + 1
        if done % _CLEAN_EVERY == 0:
            self._clean(row.dataset_id)
        return matched

    def _clean(self, dataset_id: str) -> None:
        try:
            self._catalog.writer(dataset_id).clean(older_than_s=self._keep_s)
        except Exception:
            log.exception("old versions of %s stay for now", dataset_id)
