"""The catalog: a folder or bucket of LanceDB tables, one a dataset, and a registry of them."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any

import lance
import pyarrow as pa

from rayograph import ids
from rayograph.annotations.extras import Extra
from rayograph.catalog import columns
from rayograph.catalog.analyses import Analyses
from rayograph.catalog.columns import SPACES, Space
from rayograph.catalog.conflicts import until_committed
from rayograph.catalog.curation import Curator
from rayograph.catalog.discovered import Discoveries
from rayograph.catalog.hiding import Hider
from rayograph.catalog.labels import LabelTable
from rayograph.catalog.reader import DatasetReader
from rayograph.catalog.rows import RowEditor
from rayograph.catalog.snapshots import Snapshots
from rayograph.catalog.views import Views
from rayograph.catalog.writer import DatasetWriter
from rayograph.errors import (
    CatalogError,
    CatalogReadOnly,
    CatalogVersionError,
    DatasetNotFound,
)
from rayograph.folders import local_folder, writable_folder
from rayograph.labelling.definition import Labelling, Labellings
from rayograph.locks import hold
from rayograph.metadata.arrow import METADATA_VERSION
from rayograph.schema import SCHEMA_VERSION, Priority
from rayograph.sources import Source, describe, restore
from rayograph.where.extras import fields_of
from rayograph.where.own import OwnFields

log = logging.getLogger(__name__)
_REGISTRY, _VIEWS = "_datasets", "_views"
_AS_JSON = ("annotations", "labels", "retry")


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """One dataset as the registry keeps it."""

    dataset_id: str
    name: str
    source: Source
    created_at: str
    schema_version: int = SCHEMA_VERSION
    description: str | None = None
    category: str | None = None
    subject: str | None = None
    listed: bool = False
    skipped: dict[str, int] = field(default_factory=dict)
    paused: bool = False
    error: str | None = None
    model: str | None = None
    model_key: str | None = None
    embed_note: str | None = None
    space: int = 0
    next_model: str | None = None
    next_model_key: str | None = None
    model_note: str | None = None
    scanned_at: str | None = None
    watch_note: str | None = None
    # The report of ``rayograph.annotations``, with the fingerprint of the files it is about.
    annotations: dict[str, Any] | None = None
    # ``rayograph.labelling.definition.Labellings``, as JSON has it.
    labels: dict[str, Any] | None = None
    # By which version every image's metadata was read; 0: before there were versions.
    metadata_version: int = METADATA_VERSION
    # Of the vector index's ten nearest the share that are, and how many vectors there were then.
    index_recall: float | None = None
    index_checked: int | None = None
    # Whether all partitions are looked through: half of them found too little then.
    index_thorough: bool | None = None
    # What is tried again by itself: ``at`` (None: no more), ``images`` and ``tries`` made.
    retry: dict[str, Any] | None = None
    paused_stages: tuple[str, ...] = ()
    priority: Priority = "normal"
    # By which rules every image's quality was told (``Rules.key``); None: not of every image yet.
    quality_rules: str | None = None

    @property
    def serving(self) -> Space:
        """Where the vectors are that answer searches."""
        return SPACES[self.space]

    @property
    def labellings(self) -> Labellings:
        """The labels by words that somebody defined."""
        return Labellings.read(self.labels)

    @property
    def own(self) -> OwnFields:
        """The fields it has beside those that all have."""
        columns = (self.annotations or {}).get("columns", [])
        extras = fields_of(Extra.model_validate(each) for each in columns)
        return OwnFields(self.labellings, extras)

    def to_row(self) -> dict[str, Any]:
        row = {f.name: getattr(self, f.name) for f in fields(self)}
        row["source"] = json.dumps(describe(self.source))
        row["skipped"] = json.dumps(self.skipped)
        for name in _AS_JSON:
            row[name] = None if row[name] is None else json.dumps(row[name])
        row["paused_stages"] = json.dumps(self.paused_stages)
        return row

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> DatasetRow:
        known = {f.name for f in fields(cls)}
        row = {key: value for key, value in row.items() if key in known}
        row["space"] = row.get("space") or 0
        row["metadata_version"] = row.get("metadata_version") or 0
        row["source"] = restore(json.loads(row["source"]))
        row["skipped"] = json.loads(row["skipped"])
        row |= {name: json.loads(row.get(name) or "null") for name in _AS_JSON}
        row["paused_stages"] = tuple(json.loads(row.get("paused_stages") or "[]"))
        row["priority"] = row.get("priority") or "normal"
        return cls(**row)


class Catalog:
    """Handle on a catalog; safe to share between threads.

    Args:
        uri: a local folder or any URL LanceDB can open (``s3://bucket/prefix``).
        read_only: never create anything.
    """

    def __init__(self, uri: str, *, read_only: bool = False) -> None:
        folder = local_folder(uri)
        self.uri = uri.rstrip("/") if folder is None else str(folder)
        if folder is not None and not read_only:
            writable_folder(folder)
        elif folder is not None and not folder.is_dir():
            raise CatalogError(f"no catalog at {folder}", hint="`rayograph up` makes one")
        self._readers: dict[tuple[str, int], tuple[str, DatasetReader]] = {}
        self._creating = threading.Lock()
        self._rows: tuple[int, list[DatasetRow]] | None = None
        self._lock = threading.Lock()
        self.analyses = Analyses(self.uri)
        self._registry = self._open_registry(read_only=read_only)

    # -- datasets ---------------------------------------------------------------------------

    def datasets(self) -> list[DatasetRow]:
        """Every dataset, newest first.

        Raises:
            CatalogVersionError: one of them was written by a newer rayograph.
        """
        if self._registry is None:
            return []
        snapshot = self._registry.newest()
        cached = self._rows
        if cached is not None and cached[0] == snapshot.version:
            return cached[1]
        rows = snapshot.to_table().to_pylist()
        found = [DatasetRow.from_row(row) for row in rows if _supported(row)]
        found.sort(key=lambda row: row.created_at, reverse=True)
        self._rows = (snapshot.version, found)
        return found

    def dataset(self, key: str) -> DatasetRow:
        """The dataset with this id, or else with this name."""
        rows = self.datasets()
        for row in rows:
            if row.dataset_id == key:
                return row
        for row in rows:
            if row.name == key:
                return row
        raise DatasetNotFound(f"no dataset {key!r}", hint="`rayograph list` shows them all")

    def create(
        self, source: Source, name: str | None, first: pa.Table | None = None, **about: Any
    ) -> tuple[DatasetRow, bool]:
        """Register a dataset and write its first rows; the same source and name is the same one.

        Returns:
            The dataset, and whether it is new.
        """
        if self._registry is None:
            raise CatalogReadOnly(f"the catalog {self.uri} is read-only")
        name = name or source.name
        key = ids.dataset_id(source.uri, name)
        with self._creating:
            with contextlib.suppress(DatasetNotFound):
                return self.dataset(key), False
            # Two that open one source at once must not overwrite each other's table.
            with self.lock(key):
                return self._create(key, name, source, first, about), True

    def _create(
        self, key: str, name: str, source: Source, first: pa.Table | None, about: dict[str, Any]
    ) -> DatasetRow:
        row = DatasetRow(key, name, source, datetime.now(UTC).isoformat(), **about)
        # The table goes first: a crash between the two leaves a table nobody sees, which the
        # next create replaces; the other order would leave a dataset that cannot be read.
        dataset = lance.write_dataset(
            columns.LISTING.empty_table() if first is None else first.cast(columns.LISTING),
            self._table_uri(key),
            mode="overwrite",
            data_storage_version="2.2",
        )
        regions = columns.REGION if source.is_giant else ()
        groups = (columns.METADATA, columns.CURATION, columns.ANNOTATIONS, columns.QUALITY, regions)
        dataset.add_columns(pa.schema([field for group in groups for field in group]))
        added = pa.Table.from_pylist([row.to_row()], columns.REGISTRY)
        self._write(lambda registry: registry.insert(added, mode="append"))
        return row

    def update(self, dataset_id: str, **changes: Any) -> DatasetRow:
        """Change fields of one dataset's registry row; other fields keep what others wrote."""
        row = replace(self.dataset(dataset_id), **changes)
        values = {k: _literal(v) for k, v in row.to_row().items() if k in changes}
        where = f"dataset_id = '{row.dataset_id}'"
        self._write(lambda registry: registry.update(values, where=where))
        self._rows = None
        return row

    def delete(self, dataset_id: str) -> None:
        """Forget a dataset. Its source files are never touched."""
        row = self.dataset(dataset_id)
        self._write(lambda registry: registry.delete(f"dataset_id = '{row.dataset_id}'"))
        with self._lock:
            for space in SPACES:
                self._readers.pop((row.dataset_id, space.number), None)
        self._database().drop_table(row.dataset_id, ignore_missing=True)
        self.views.delete(row.dataset_id)
        self.analyses.forget(row.dataset_id)

    def table(self, key: str) -> Any:
        """A dataset's rows as a LanceDB table: ``.to_arrow()``, ``.to_lance()``, ``.search()``."""
        return self._database().open_table(self.dataset(key).dataset_id)

    def reader(self, dataset_id: str, space: Space | None = None) -> DatasetReader:
        """A shared, always fresh read handle of a dataset.

        Args:
            space: whose vectors it reads; default those that serve, as of the last ``dataset``.
        """
        made, serving = self._made(dataset_id)
        space = space or serving
        with self._lock:
            known = self._readers.get((dataset_id, space.number))
            if known is not None and known[0] == made:
                return known[1]
            try:
                reader = DatasetReader(dataset_id, self._table_uri(dataset_id), space)
            except (ValueError, OSError):
                raise DatasetNotFound(f"no dataset {dataset_id!r}") from None
            self._readers[dataset_id, space.number] = made, reader
            return reader

    def _made(self, dataset_id: str) -> tuple[str, Space]:
        """When it was made, as one deleted and added again has the same id; and what serves."""
        cached = self._rows
        rows = [row for row in cached[1] if row.dataset_id == dataset_id] if cached else []
        row = rows[0] if rows else self.dataset(dataset_id)
        return row.created_at, row.serving

    def writer(self, dataset_id: str) -> DatasetWriter:
        """The one writer of a dataset; the caller holds ``lock(dataset_id)``."""
        return DatasetWriter(self._table_uri(dataset_id))

    def curator(self, dataset_id: str) -> Curator:
        """Who edits a dataset's tags, ratings and favourites; needs no lock."""
        return Curator(self._table_uri(dataset_id))

    def rows(self, dataset_id: str) -> RowEditor:
        """Who changes rows that are there; the caller holds ``lock(dataset_id)``."""
        return RowEditor(self._table_uri(dataset_id))

    def hider(self, dataset_id: str) -> Hider:
        """Who keeps hidden images out of sight; needs no lock."""
        serving = self.dataset(dataset_id).serving
        return Hider(self._table_uri(dataset_id), dataset_id, self.analyses, serving)

    def discoveries(self, dataset_id: str) -> Discoveries:
        """Who writes what analyses found out into a dataset's table; needs no lock."""
        return Discoveries(self._table_uri(dataset_id))

    def labels(self, row: DatasetRow, labelling: Labelling) -> LabelTable:
        """A labelling's columns; needs no lock."""
        book = self.analyses.corrections(row.dataset_id)
        return LabelTable(self._table_uri(row.dataset_id), labelling, row.serving, book)

    @property
    def views(self) -> Views:
        """The saved views of all datasets."""
        return Views(self._table_uri(_VIEWS))

    def snapshots(self, dataset_id: str) -> Snapshots:
        """A dataset's named versions."""
        return Snapshots(self._table_uri(dataset_id))

    def lock(self, dataset_id: str) -> contextlib.AbstractContextManager[None]:
        """Hold a dataset as its one writer; see ``rayograph.locks.hold``."""
        return hold(local_folder(self.uri), dataset_id)

    # -- inside -----------------------------------------------------------------------------

    def _table_uri(self, dataset_id: str) -> str:
        return f"{self.uri}/{dataset_id}.lance"

    def _database(self) -> Any:
        # Imported on demand: it takes longer than everything else a replica needs to answer.
        import lancedb

        return lancedb.connect(self.uri)

    def _open_registry(self, *, read_only: bool) -> _Fresh | None:
        uri = self._table_uri(_REGISTRY)
        try:
            if not read_only:
                _complete(uri)
            return _Fresh(uri)
        except (ValueError, OSError):
            if read_only:
                return None
        try:
            with contextlib.suppress(FileExistsError, OSError):
                lance.write_dataset(
                    columns.REGISTRY.empty_table(), uri, mode="create", data_storage_version="2.2"
                )
            return _Fresh(uri)
        except (OSError, RuntimeError, ValueError) as error:
            raise CatalogReadOnly(
                f"cannot write to the catalog {self.uri}: {_reason(error)}",
                hint="choose another with --catalog",
            ) from None

    def _write(self, change: Callable[[lance.LanceDataset], object]) -> None:
        """Registry writes are rare and small; one that lost a race is simply made again."""

        def once() -> None:
            with self._lock:
                # A handle of its own: a change borrows it, and readers share the other one.
                change(lance.dataset(self._table_uri(_REGISTRY)))

        try:
            until_committed(once)
        except (OSError, RuntimeError) as error:
            raise CatalogError(f"cannot write to {self.uri}: {_reason(error)}") from error


class _Fresh:
    """A table whose newest version is always one cheap look away."""

    def __init__(self, uri: str) -> None:
        self._dataset = lance.dataset(uri)
        self._lock = threading.Lock()

    def newest(self) -> lance.LanceDataset:
        with self._lock:
            latest = self._dataset.latest_version
            if latest != self._dataset.version:
                self._dataset = self._dataset.checkout_version(latest)
            return self._dataset


def _complete(uri: str) -> None:
    """Give a registry of an earlier version the columns that have come since."""
    registry = lance.dataset(uri)
    missing = [f for f in columns.REGISTRY if f.name not in registry.schema.names]
    if missing:
        registry.add_columns(pa.schema(missing))


def open_catalog(uri: str = "~/.rayograph") -> Catalog:
    """Read a catalog in process: Arrow, DuckDB, Polars and Ray Data all take its tables."""
    return Catalog(uri, read_only=True)


def _literal(value: object) -> str:
    """A value as Lance's SQL spells it."""
    if value is None:
        return "NULL"
    if isinstance(value, bool | int | float):
        return str(value).lower()
    return "'" + str(value).replace("'", "''") + "'"


def _supported(row: dict[str, Any]) -> bool:
    if row["schema_version"] > SCHEMA_VERSION:
        raise CatalogVersionError(
            f"the dataset {row['name']!r} was written by a newer rayograph "
            f"(schema {row['schema_version']}, this one reads up to {SCHEMA_VERSION})",
            hint="upgrade: pip install -U rayograph",
        )
    return True


def _reason(error: BaseException) -> str:
    return str(error).splitlines()[0][:200]
