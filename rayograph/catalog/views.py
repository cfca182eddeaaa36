"""Saved views: a filter, an order and a search under a name. One small table for all datasets.

Each change is one commit about one view, made again where somebody else was faster, so that people
who save at once do not undo each other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import lance
import pyarrow as pa

from rayograph.catalog.conflicts import until_committed
from rayograph.catalog.files import open_or_make, open_table
from rayograph.errors import CatalogError, Conflict

_SCHEMA = pa.schema(
    [
        pa.field("view_id", pa.string(), nullable=False),
        pa.field("dataset_id", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("where", pa.string()),
        pa.field("sort", pa.string()),
        pa.field("text", pa.string()),
        pa.field("columns", pa.list_(pa.string())),
        pa.field("created_at", pa.string(), nullable=False),
    ]
)
MOST = 500


@dataclass(frozen=True, slots=True)
class ViewRow:
    """One view as the catalog keeps it."""

    view_id: str
    dataset_id: str
    name: str
    where: str | None = None
    sort: str | None = None
    text: str | None = None
    columns: list[str] | None = None
    created_at: str = ""


class Views:
    """The views of all datasets of a catalog; there is no table before the first."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._lock = threading.Lock()

    def of(self, dataset_id: str) -> list[ViewRow]:
        """A dataset's views, by name."""
        table = open_table(self._uri)
        if table is None:
            return []
        names = [name for name in _SCHEMA.names if name in table.schema.names]
        rows = table.to_table(columns=names, filter=_is("dataset_id", dataset_id)).to_pylist()
        return sorted((ViewRow(**row) for row in rows), key=lambda view: view.name.casefold())

    def put(self, view: ViewRow) -> ViewRow:
        """Save a view, in place of the one with its id.

        Raises:
            Conflict: another of the dataset has its name, or there are too many.
        """
        others = [each for each in self.of(view.dataset_id) if each.view_id != view.view_id]
        if any(each.name == view.name for each in others):
            raise Conflict(f"there is a view {view.name!r} already", hint="give another name")
        if len(others) >= MOST:
            raise Conflict(f"a dataset has at most {MOST} views", hint="delete some")
        kept = view if view.created_at else _made_now(view)
        row = pa.Table.from_pylist([asdict(kept)], _SCHEMA)
        self._write(
            lambda table: (
                table.merge_insert("view_id")
                .when_matched_update_all()
                .when_not_matched_insert_all()
                .execute(row)
            )
        )
        return kept

    def delete(self, dataset_id: str, view_id: str | None = None) -> None:
        """Remove a view, or all of a dataset."""
        if open_table(self._uri) is None:
            return
        chosen = _is("dataset_id", dataset_id)
        chosen += f" and {_is('view_id', view_id)}" if view_id is not None else ""
        self._write(lambda table: table.delete(chosen))

    # -- inside -----------------------------------------------------------------------------

    def _write(self, change: Callable[[lance.LanceDataset], Any]) -> None:
        try:
            with self._lock:
                until_committed(lambda: change(open_or_make(self._uri, _SCHEMA)))
        except (OSError, RuntimeError) as error:
            raise CatalogError("the views cannot be written", hint="try again") from error


def _made_now(view: ViewRow) -> ViewRow:
    return ViewRow(**{**asdict(view), "created_at": datetime.now(UTC).isoformat()})


def _is(column: str, value: str) -> str:
    literal = value.replace("'", "''")
    return f"{column} = '{literal}'"
