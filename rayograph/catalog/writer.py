"""Writing a dataset: appended fragments, columns filled in place, indices and clean-up.

One process writes a dataset at a time (``Catalog.lock``). Nothing here is lost or torn by a
``kill -9``: a commit is one atomic rename, and a column file without its commit is garbage that
the next clean-up removes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import lance
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.annotations.extras import PREFIX
from rayograph.catalog import columns
from rayograph.catalog.columns import QUALITY, QUALITY_STAGE, Space
from rayograph.catalog.conflicts import until_committed
from rayograph.catalog.counts import CLAIMED, DONE, FAILED
from rayograph.catalog.files import VERSION, with_columns, write_columns
from rayograph.catalog.filters import FILTER_INDICES, index_name
from rayograph.catalog.words import WORD_COLUMNS
from rayograph.errors import CatalogError
from rayograph.metadata.arrow import DETAILS
from rayograph.settings import IndexSettings
from rayograph.where.fields import CAPTIONS

log = logging.getLogger(__name__)
# Share of the rows that may be missing in an index of words before it is made anew.
_LOST = 0.1
# Empty in most datasets: then an index of them would be work for nothing. Captions are looked for
# in both their columns at once.
_SELDOM = frozenset((*DETAILS.names, *columns.ANNOTATIONS.names)) - {*CAPTIONS}
# Words as `where` knows them: whole, of any language, capitals or not.
WORD_INDEX: dict[str, Any] = {
    "base_tokenizer": "simple",
    "lower_case": True,
    "stem": False,
    "remove_stop_words": False,
    "ascii_folding": False,
    "max_token_length": None,
}
# An index is built anew, not extended, once it should have more than so many times its partitions.
_OUTGROWN = 2


@dataclass(frozen=True, slots=True)
class IndexState:
    """How far the vector index covers the vectors."""

    exists: bool
    indexed: int
    unindexed: int


class DatasetWriter:
    """The one writer of a dataset's table."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def dataset(self) -> lance.LanceDataset:
        return lance.dataset(self._uri)

    # -- rows -------------------------------------------------------------------------------

    def known_ids(self) -> pa.ChunkedArray:
        """The ids of every row, to leave out what is listed already."""
        return self.dataset().to_table(columns=["id"])["id"]

    def append(self, rows: pa.Table, *, fragment_rows: int) -> None:
        """Append listed rows as fragments of at most ``fragment_rows``."""
        more = [f for f in columns.REGION if f.name in rows.column_names]
        schema = pa.schema([*columns.LISTING, *more])
        lance.write_dataset(
            rows.select(schema.names).cast(schema),
            self._uri,
            mode="append",
            data_storage_version=VERSION,
            max_rows_per_file=fragment_rows,
            max_rows_per_group=fragment_rows,
        )

    # -- columns ----------------------------------------------------------------------------

    def add_missing(self, schema: pa.Schema) -> None:
        """Give a table of an earlier version the (all null) columns that have come since."""

        until_committed(lambda: with_columns(self._uri, schema))

    def add_vector_columns(self, space: Space, dim: int) -> None:
        """Give the table a space's (all null) columns, as far as it has them not."""
        dataset = self.dataset()
        if space.vector in dataset.schema.names:
            width = dataset.schema.field(space.vector).type.list_size
            if width != dim:
                raise CatalogError(f"this dataset's vectors are {width}-d, the model's {dim}-d")
        with_columns(self._uri, space.columns(dim))

    def keep_extras(self, schema: pa.Schema) -> None:
        """Give the table exactly these (all null) columns of a manifest, as far as it has others:
        columns that lie in one file of a fragment are replaced together or not at all."""

        def change() -> None:
            dataset = self.dataset()
            there = [name for name in dataset.schema.names if name.startswith(PREFIX)]
            if there and set(there) != set(schema.names):
                dataset.drop_columns(there)
            with_columns(self._uri, schema)

        until_committed(change)

    def drop_space(self, space: Space) -> None:
        """Forget a space's vectors; does nothing when there are none."""
        dataset = self.dataset()
        names = [name for name in space.names.values() if name in dataset.schema.names]
        if names:
            dataset.drop_columns(names)

    def stages(self) -> list[str]:
        """The stages whose columns the table has."""
        names = self.dataset().schema.names
        found = [stage for stage, state in columns.STATE.items() if state in names]
        return [*found, *([QUALITY_STAGE] if "quality_state" in names else [])]

    def group(self, stage: str) -> pa.Schema:
        """The columns a stage fills, as they are in the table."""
        space = columns.space_of(stage)
        if stage == QUALITY_STAGE:
            self.add_missing(QUALITY)
            return QUALITY
        if space is None:
            names = set(self.dataset().schema.names)
            return pa.schema([field for field in columns.METADATA if field.name in names])
        dim = self.dataset().schema.field(space.vector).type.list_size
        # A table of an earlier version lacks what has come since.
        self.add_vector_columns(space, dim)
        return space.columns(dim)

    def read_group(self, stage: str, fragment_id: int) -> pa.Table:
        """A fragment's present values of a stage's columns."""
        # First of all: it may give the table columns that it lacks.
        names = self.group(stage).names
        fragment = self.dataset().get_fragment(fragment_id)
        table: pa.Table = fragment.to_table(columns=names)
        return table.combine_chunks()

    def fill(self, fills: Mapping[int, pa.Table]) -> None:
        """Replace one stage's columns of several fragments, in one commit for each of its parts.

        Each table holds every row of its fragment, in order.

        Raises:
            CatalogError: a table's length is not its fragment's; nothing was committed.
        """
        dataset = self.dataset()
        for fragment_id, table in fills.items():
            rows = dataset.get_fragment(fragment_id).physical_rows
            if table.num_rows != rows:
                # The replacement itself does not check: a wrong length would tear the table.
                raise CatalogError(f"{table.num_rows} rows for a fragment of {rows}")
        names = next(iter(fills.values())).column_names if fills else []
        for part in columns.parts(names):
            groups = []
            for fragment_id, table in fills.items():
                rows_of = table.select(part)
                if part[-1] != names[-1] and self._nothing_new(dataset, fragment_id, rows_of):
                    continue
                file = write_columns(self._uri, dataset, rows_of)
                groups.append(lance.LanceOperation.DataReplacementGroup(fragment_id, file))
            if groups:
                self._commit(lance.LanceOperation.DataReplacement(groups))

    def _nothing_new(self, dataset: lance.LanceDataset, fragment_id: int, rows: pa.Table) -> bool:
        """Whether these columns are null and have never been anything else in the fragment."""
        if any(column.null_count < len(column) for column in rows.columns):
            return False
        field = next(f for f in dataset.lance_schema.fields() if f.name() == rows.column_names[0])
        files = dataset.get_fragment(fragment_id).metadata.files
        return not any(field.id() in file.fields for file in files)

    def _commit(self, operation: Any) -> None:
        until_committed(
            lambda: lance.LanceDataset.commit(
                self._uri, operation, read_version=self.dataset().version
            )
        )

    def reset(
        self,
        stage: str,
        *,
        codes: set[str] | None = None,
        only: npt.NDArray[np.uint64] | None = None,
    ) -> int:
        """Make failed rows pending again, all or these causes or addresses; returns how many."""
        dataset = self.dataset()
        state, code = columns.STATE[stage], columns.ERRORS[stage][0]
        if state not in dataset.schema.names:
            return 0
        count = 0
        for fragment in dataset.get_fragments():
            if only is not None and not (only >> np.uint64(32) == fragment.fragment_id).any():
                continue
            table = self.read_group(stage, fragment.fragment_id)
            failed = pc.fill_null(pc.equal(table[state], FAILED), False)
            if codes is not None:
                chosen = pc.is_in(table[code], value_set=pa.array(sorted(codes), pa.string()))
                failed = pc.and_(failed, chosen)
            if only is not None:
                failed = pc.and_(failed, pa.array(_rows_of(only, fragment.fragment_id, len(table))))
            chosen_count = int(pc.sum(failed).as_py() or 0)
            if not chosen_count:
                continue
            count += chosen_count
            mask = failed.combine_chunks() if isinstance(failed, pa.ChunkedArray) else failed
            blank = [
                pc.if_else(mask, pa.scalar(None, column.type), column)
                if not pa.types.is_fixed_size_list(column.type)
                else column
                for column in (c.combine_chunks() for c in table.columns)
            ]
            self.fill({fragment.fragment_id: pa.table(blank, schema=table.schema)})
        return count

    # -- upkeep -----------------------------------------------------------------------------

    def index_ids(self) -> None:
        """Index ids, so that one image is found in under a millisecond."""
        dataset = self.dataset()
        if "id_idx" in _indices(dataset):
            dataset.optimize.optimize_indices(index_names=["id_idx"], num_indices_to_merge=0)
        else:
            dataset.create_scalar_index("id", "BTREE", name="id_idx")

    def index_words(self) -> None:
        """Index the words of captions and paths: a text is looked for in nothing else."""
        self._index([(column, "INVERTED") for column in WORD_COLUMNS], grow=0.0)

    def index_fields(self, space: Space, options: IndexSettings) -> bool:
        """Build or extend the indices that filters are answered from; whether one was.

        Rows that are in none of them yet are looked through, so all that is lost is time.
        """
        if self.dataset().count_rows() < options.min_rows:
            return False
        wanted = [(space.names.get(field, field), kind) for field, kind in FILTER_INDICES.items()]
        return self._index(wanted, grow=options.grow)

    def _index(self, wanted: list[tuple[str, str]], *, grow: float) -> bool:
        """Indices over the columns that are there, each over all but ``grow`` of the rows."""
        dataset = self.dataset()
        rows = dataset.count_rows()
        covered = {index.name: index.num_rows_indexed for index in dataset.describe_indices()}
        worked = False
        for column, kind in wanted:
            name = index_name(column, kind)
            if column not in dataset.schema.names:
                continue
            # Rows that a rescan wrote again fell out: taking their words out of an index costs far
            # more than a new one (20.7 s beside 0.8 s of 300,000 rows).
            lost = kind == "INVERTED" and rows - covered.get(name, rows) > _LOST * rows
            if name not in covered or lost:
                if column in _SELDOM and not _has_any(dataset, column):
                    continue
                options_of = WORD_INDEX if kind == "INVERTED" else {}
                dataset.create_scalar_index(column, kind, name=name, replace=True, **options_of)
            elif rows - covered[name] > grow * rows:
                dataset.optimize.optimize_indices(index_names=[name])
            else:
                continue
            worked = True
        return worked

    def index_state(self, space: Space) -> IndexState:
        """Whether a space's vectors have an index, and how many of them it holds or misses."""
        dataset = self.dataset()
        if space.vector not in dataset.schema.names:
            return IndexState(False, 0, 0)
        done = f"{space.state} = {DONE}"
        vectors = dataset.count_rows(done)
        covered = _covered(dataset, space.index)
        if covered is None:
            return IndexState(False, 0, vectors)
        # Lance's own figure counts rows without a vector as indexed.
        missed = [f for f in dataset.get_fragments() if f.fragment_id not in covered]
        left = sum(fragment.count_rows(done) for fragment in missed)
        return IndexState(True, vectors - left, left)

    def keep_index(self, space: Space, options: IndexSettings) -> bool:
        """Build, extend or rebuild a space's index if that pays; whether it did.

        Rows of a fragment that is written again fall out of the index and are searched exactly.
        """
        state = self.index_state(space)
        vectors = state.indexed + state.unindexed
        if vectors < options.min_rows or state.unindexed <= options.grow * vectors:
            return False
        dataset = self.dataset()
        partitions = _wanted_partitions(vectors)
        if state.exists and partitions <= _OUTGROWN * _partitions(dataset, space.index):
            dataset.optimize.optimize_indices(index_names=[space.index], num_indices_to_merge=0)
        else:
            self._build_index(space, partitions)
        return True

    def rebuild_index(self, space: Space) -> None:
        """Build a space's index anew; the old one serves until the new one is there."""
        state = self.index_state(space)
        self._build_index(space, _wanted_partitions(state.indexed + state.unindexed))

    def _build_index(self, space: Space, partitions: int) -> None:
        self.dataset().create_index(
            space.vector,
            "IVF_RQ",
            name=space.index,
            metric="cosine",
            num_partitions=partitions,
            num_bits=4,
            replace=True,
        )

    def clean(self, *, older_than_s: float) -> None:
        """Remove versions nobody should be reading any more, and files of unfinished commits."""
        self.dataset().cleanup_old_versions(
            older_than=timedelta(seconds=older_than_s), error_if_tagged_old_versions=False
        )


def _wanted_partitions(vectors: int) -> int:
    return max(8, min(256, vectors // columns.ROWS_A_PARTITION))


def _indices(dataset: lance.LanceDataset) -> set[str]:
    return {index.name for index in dataset.describe_indices()}


def _has_any(dataset: lance.LanceDataset, column: str) -> bool:
    return bool(
        dataset.scanner(columns=[], filter=f"{column} is not null", limit=1, with_row_id=True)
        .to_table()
        .num_rows
    )


def _covered(dataset: lance.LanceDataset, name: str) -> set[int] | None:
    """Fragments whose vectors are in this index; None without one."""
    for index in dataset.describe_indices():
        if index.name == name:
            return {int(f) for segment in index.segments for f in segment.fragment_ids}
    return None


def _partitions(dataset: lance.LanceDataset, name: str) -> int:
    parts = dataset.stats.index_stats(name)["indices"]
    return max(int(part["num_partitions"]) for part in parts)


def merge_group(base: pa.Table, offsets: np.ndarray[Any, Any], rows: pa.Table) -> pa.Table:
    """``base`` with the rows at ``offsets`` replaced; later rows win.

    Columns that ``rows`` do not bring are null in them.
    """
    for field in base.schema:
        if field.name not in rows.column_names:
            rows = rows.append_column(field, pa.nulls(rows.num_rows, field.type))
    index = np.arange(base.num_rows)
    index[offsets] = base.num_rows + np.arange(rows.num_rows)
    joined = pa.concat_tables([base, rows.select(base.column_names).cast(base.schema)])
    return joined.combine_chunks().take(pa.array(index)).combine_chunks()


def claim(table: pa.Table, state: str, offsets: np.ndarray[Any, Any]) -> pa.Table:
    """``table`` with these rows, where not done yet, marked as being embedded now."""
    at = table.schema.get_field_index(state)
    states = table.column(at).fill_null(0).to_numpy().copy()
    chosen = np.zeros(len(states), dtype=bool)
    chosen[offsets] = True
    states[chosen & (states == 0)] = CLAIMED
    return table.set_column(at, table.schema.field(at), pa.array(states, pa.uint8()))


def unclaim(table: pa.Table, state: str) -> pa.Table:
    """``table`` with no row marked as being embedded."""
    at = table.schema.get_field_index(state)
    states = table.column(at).fill_null(0).to_numpy().copy()
    states[states == CLAIMED] = 0
    return table.set_column(at, table.schema.field(at), pa.array(states, pa.uint8()))


def _rows_of(
    addresses: npt.NDArray[np.uint64], fragment: int, length: int
) -> npt.NDArray[np.bool_]:
    """For each row of a fragment whether its address is among these."""
    mine = addresses[addresses >> np.uint64(32) == fragment] & np.uint64(0xFFFFFFFF)
    found = np.zeros(length, bool)
    found[mine] = True
    return found
