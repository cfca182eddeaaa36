"""Named versions of a dataset: kept by clean-up, compared, and gone back to.

A snapshot is a tag of Lance on the dataset's table, so it costs what its version does not share
with the present one. What the registry said of the dataset at the time is kept with the tag.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

import lance
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.catalog.columns import SPACES, Space
from rayograph.catalog.filters import in_sight
from rayograph.errors import Conflict, InvalidRequest, NotFound

if TYPE_CHECKING:
    from rayograph.catalog.store import DatasetRow

# Lance takes letters of any language and then cannot clean up: only these are safe.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.|lock$|$)){0,79}")
_REMEMBERED = ("space", "model", "model_key", "listed", "metadata_version", "annotations")
_ABOUT, _NOTE = "rayograph.dataset", "rayograph.note"
_SAMPLE = 100
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Named:
    """One snapshot; ``about`` is what the registry said of the dataset then."""

    name: str
    version: int
    created_at: datetime
    note: str | None
    about: dict[str, Any]
    rows: int = 0
    own_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """What two versions have and have not in common; ids are the first 100 of each."""

    added: int
    removed: int
    changed: int
    columns: dict[str, int]
    ids: dict[str, list[str]] = field(default_factory=dict)


class Snapshots:
    """The snapshots of one dataset; any number may look, ``restore`` needs the writer's lock."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def create(self, name: str, row: DatasetRow, note: str | None = None) -> Named:
        """Give the newest version a name.

        Raises:
            InvalidRequest: such a name cannot be given.
            Conflict: there is one of that name.
        """
        if not _NAME.fullmatch(name):
            raise InvalidRequest(
                f"a snapshot cannot be called {name[:80]!r}",
                hint="up to 80 letters (a-z), digits, and - _ . between them",
            )
        dataset = lance.dataset(self._uri)
        try:
            dataset.tags.create(name, dataset.version)
        except ValueError as error:
            if "exists" not in str(error):
                raise
            raise Conflict(f"there is a snapshot {name!r}", hint="choose another name") from None
        known = {f.name for f in fields(row)}
        about = {key: getattr(row, key) for key in _REMEMBERED if key in known}
        said = {_ABOUT: json.dumps(about)} | ({_NOTE: note} if note else {})
        dataset.tags.replace_metadata(name, said)
        return self.get(name)

    def all(self) -> list[Named]:
        """Newest first."""
        dataset = lance.dataset(self._uri)
        now = _files(dataset)
        found = [self._named(dataset, name, tag, now) for name, tag in dataset.tags.list().items()]
        return sorted(found, key=lambda one: (one.created_at, one.version), reverse=True)

    def get(self, name: str) -> Named:
        """One of them.

        Raises:
            NotFound: there is none.
        """
        dataset = lance.dataset(self._uri)
        tag = dataset.tags.list().get(name)
        if tag is None:
            raise NotFound(f"no snapshot {name[:80]!r}", hint="look at the list of them")
        return self._named(dataset, name, tag, _files(dataset))

    def delete(self, name: str) -> None:
        """Forget a name; the next clean-up frees what only that version holds."""
        self.get(name)
        with contextlib.suppress(ValueError, OSError):
            lance.dataset(self._uri).tags.delete(name)

    def restore(self, name: str) -> dict[str, Any]:
        """Make a snapshot's version the newest; nothing that was is lost until it is cleaned up.

        Returns:
            Fields of the registry's row that have to be as they were.
        """
        named = self.get(name)
        lance.dataset(self._uri, version=named.version).restore()
        return named.about

    def compare(self, name: str, to: str | None, row: DatasetRow) -> Difference:
        """What is different in ``to`` (default: now)."""
        before = self.get(name)
        now = self.get(to) if to is not None else None
        version = now.version if now else None
        old = lance.dataset(self._uri, version=before.version)
        new = lance.dataset(self._uri, version=version)
        after = _space(now.about, row) if now else row.serving
        return compared(old, new, _space(before.about, row), after)

    def _named(
        self, dataset: lance.LanceDataset, name: str, tag: Any, now: dict[str, int]
    ) -> Named:
        said = tag["metadata"]
        version = dataset.checkout_version(tag["version"])
        own = sum(size for path, size in _files(version).items() if path not in now)
        return Named(
            name,
            tag["version"],
            tag["created_at"],
            said.get(_NOTE),
            json.loads(said.get(_ABOUT, "{}")),
            int(version.count_rows(in_sight(version))),
            own,
        )


def _space(about: dict[str, Any], row: DatasetRow) -> Space:
    return SPACES[about.get("space", row.space)]


def _files(dataset: lance.LanceDataset) -> dict[str, int]:
    """Data files of a version and their sizes."""
    return {
        file.path: file.file_size_bytes or 0
        for fragment in dataset.get_fragments()
        for file in fragment.metadata.files
    }


def compared(
    old: lance.LanceDataset, new: lance.LanceDataset, before: Space, after: Space
) -> Difference:
    """Rows and columns that differ; fragments that both share are not read."""
    ours, theirs = _fragments(old), _fragments(new)
    left = [ours[key] for key in ours.keys() - theirs.keys()]
    right = [theirs[key] for key in theirs.keys() - ours.keys()]
    old_ids, new_ids = _column(old, left, "id"), _column(new, right, "id")
    at = pc.index_in(old_ids, value_set=new_ids)
    both = pc.is_valid(at)
    removed = old_ids.filter(pc.invert(both))
    added = new_ids.filter(pc.invert(pc.is_in(new_ids, value_set=old_ids)))
    common, place = old_ids.filter(both), at.filter(both)
    changed, columns = np.zeros(len(common), bool), dict[str, int]()
    names = _plain(old, before), _plain(new, after)
    for name in sorted({*names[0], *names[1]} - {"id"}):
        pair = [_column(old, left, names[0].get(name)), _column(new, right, names[1].get(name))]
        flags = differ(*_aligned(pair[0].filter(both), pair[1].take(place)))
        if flags.any():
            columns[_said(name)] = int(flags.sum())
            changed |= flags
    ids = {"added": added, "removed": removed, "changed": common.filter(pa.array(changed))}
    return Difference(
        len(added),
        len(removed),
        int(changed.sum()),
        columns,
        {key: found.slice(0, _SAMPLE).to_pylist() for key, found in ids.items()},
    )


def _fragments(dataset: lance.LanceDataset) -> dict[Any, lance.LanceFragment]:
    found = {}
    for fragment in dataset.get_fragments():
        about = fragment.metadata
        files = tuple(file.path for file in about.files)
        found[fragment.fragment_id, files, str(about.deletion_file)] = fragment
    return found


def _plain(dataset: lance.LanceDataset, space: Space) -> dict[str, str]:
    """Columns to compare, by their plain names; of vectors only the state."""
    seen = space.seen(dataset.schema.names)
    return {
        plain: column
        for plain, column in seen.items()
        if not pa.types.is_fixed_size_list(dataset.schema.field(column).type)
    }


def _column(dataset: lance.LanceDataset, among: list[Any], name: str | None) -> pa.Array:
    if not among:
        return pa.array([], pa.string()) if name in (None, "id") else pa.nulls(0)
    if name is None:
        return pa.nulls(sum(fragment.count_rows() for fragment in among))
    among = sorted(among, key=lambda fragment: fragment.fragment_id)
    table = dataset.scanner(columns=[name], fragments=among, scan_in_order=True).to_table()
    return table[name].combine_chunks()


def _aligned(a: pa.Array, b: pa.Array) -> Iterator[pa.Array]:
    """Both of one type; a column that a version lacks is null all over."""
    kind = b.type if pa.types.is_null(a.type) else a.type
    for column in (a, b):
        whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        yield whole if whole.type == kind else whole.cast(kind)


def differ(a: pa.Array, b: pa.Array) -> Flags:
    """Where two columns of one type differ; null is like null."""
    if pa.types.is_null(a.type):
        return np.zeros(len(a), bool)
    known = np.stack([_flags(pc.is_valid(a)), _flags(pc.is_valid(b))]) if len(a) else None
    if known is None:
        return np.zeros(0, bool)
    found: Flags = known[0] != known[1]
    both = known[0] & known[1]
    if pa.types.is_list(a.type):
        found |= _lists_differ(a, b, both)
    elif pa.types.is_struct(a.type):
        for at in range(a.type.num_fields):
            found |= both & differ(pc.struct_field(a, at), pc.struct_field(b, at))
    else:
        found |= _flags(pc.fill_null(pc.not_equal(a, b), False))
    return found


def _lists_differ(a: pa.Array, b: pa.Array, both: Flags) -> Flags:
    lengths = [pc.fill_null(pc.list_value_length(column), -1).to_numpy() for column in (a, b)]
    found: Flags = both & (lengths[0] != lengths[1])
    alike = np.flatnonzero(both & (lengths[0] == lengths[1]))
    rows = pa.array(alike)
    left, right = a.take(rows), b.take(rows)
    inner = differ(pc.list_flatten(left), pc.list_flatten(right))
    parents = pc.list_parent_indices(left).to_numpy()[inner]
    found[alike[parents]] = True
    return found


def _flags(column: pa.Array) -> Flags:
    flags: Flags = column.to_numpy(zero_copy_only=False).astype(bool)
    return flags


_STATES = {"meta_state": "metadata", "embed_state": "vectors"}


def _said(name: str) -> str:
    """A column by the word users have for it."""
    return _STATES.get(name, name)
