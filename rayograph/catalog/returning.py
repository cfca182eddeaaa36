"""Going back to a snapshot: the table and what the registry says of it, together."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rayograph.catalog.store import Catalog


def go_back(catalog: Catalog, dataset_id: str, name: str) -> None:
    """Make a snapshot the newest version; the caller holds ``catalog.lock(dataset_id)``.

    A model that was being changed is that of the snapshot again, and nothing is being changed.
    """
    about = catalog.snapshots(dataset_id).restore(name)
    row = catalog.dataset(dataset_id)
    known = {f.name for f in fields(row)}
    changes = {key: value for key, value in about.items() if key in known}
    # One taken before there were versions of the metadata is read again.
    changes.setdefault("metadata_version", 0)
    none = {"next_model": None, "next_model_key": None, "model_note": None, "error": None}
    catalog.update(dataset_id, **changes, **none)
    # What is hidden is what people have decided until now, not what they had then.
    catalog.hider(dataset_id).settle()
