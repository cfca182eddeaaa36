"""What people add to images: tags, ratings, favourites. Edits go straight into the table.

They need no writer's lock. An edit is a difference (add this tag, set that rating), worked out on a
snapshot and committed against it: where somebody else has changed the same fragment's curation
meanwhile the commit is refused and the difference is worked out anew, so nobody's edit is lost.
Stages own other columns, and neither ever refuses the other's commits.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import lance
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rayograph.catalog.columns import CURATION
from rayograph.catalog.conflicts import until_committed
from rayograph.catalog.files import replace_columns, with_columns
from rayograph.catalog.writer import merge_group

_TURNS: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


@dataclass(frozen=True, slots=True)
class Edit:
    """What to change.

    Args:
        values: ``rating`` (1-5) and ``favorite``, as far as given; None takes it off.
    """

    tags_add: tuple[str, ...] = ()
    tags_remove: tuple[str, ...] = ()
    values: Mapping[str, int | bool | None] = field(default_factory=dict)


class Curator:
    """Edits the images of one dataset; any number may do so at once."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def apply(self, edit: Edit, pick: Callable[[lance.LanceDataset], str]) -> int:
        """Change all images that a filter picks, in one commit; returns how many that are.

        Args:
            pick: the filter of a scan, for the snapshot it is given.
        """
        with _turn(self._uri):
            return until_committed(lambda: self._once(edit, pick))

    def _once(self, edit: Edit, pick: Callable[[lance.LanceDataset], str]) -> int:
        snapshot = with_columns(self._uri, CURATION)
        scan = snapshot.scanner(columns=[], filter=pick(snapshot), with_row_address=True)
        addresses = scan.to_table()["_rowaddr"].to_numpy()
        homes = (addresses >> np.uint64(32)).astype(np.int64)
        offsets = (addresses & np.uint64(0xFFFFFFFF)).astype(np.int64)

        def changed(fragment: int) -> pa.Table:
            table = snapshot.get_fragment(fragment).to_table(columns=CURATION.names)
            return edited(table.combine_chunks(), offsets[homes == fragment], edit)

        fragments = np.unique(homes).tolist()
        replace_columns(self._uri, snapshot, ((each, changed(each)) for each in fragments))
        return len(addresses)


def _turn(uri: str) -> threading.Lock:
    """Edits of one process wait for each other here rather than refuse each other's commits."""
    return _TURNS[uri]


def edited(table: pa.Table, offsets: npt.NDArray[np.int64], edit: Edit) -> pa.Table:
    """A fragment's curation with the edit made at some of its rows."""
    rows = table.take(pa.array(offsets))
    for name, value in edit.values.items():
        # Not a favourite is what nothing there means.
        kept = None if value is False else value
        at = rows.schema.get_field_index(name)
        of = rows.schema.field(at)
        rows = rows.set_column(at, of, pa.array([kept] * len(offsets), of.type))
    if edit.tags_add or edit.tags_remove:
        at = rows.schema.get_field_index("tags")
        rows = rows.set_column(at, rows.schema.field(at), _retagged(rows["tags"], edit))
    return merge_group(table, offsets, rows)


def _retagged(column: pa.ChunkedArray, edit: Edit) -> pa.Array:
    # Most images have no tags: what becomes of those is worked out once.
    tagged = np.flatnonzero(column.is_valid().to_numpy())
    places = np.zeros(len(column), np.int64)
    places[tagged] = 1 + np.arange(len(tagged))
    pool = [None, *column.take(pa.array(tagged)).to_pylist()]
    values = pa.array([_tagged(before, edit) for before in pool], column.type)
    return values.take(pa.array(places))


def _tagged(before: list[str] | None, edit: Edit) -> list[str] | None:
    tags = dict.fromkeys(tag for tag in before or () if tag not in edit.tags_remove)
    return [*(tags | dict.fromkeys(edit.tags_add))] or None
