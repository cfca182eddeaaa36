"""The columns of labellings: a file a fragment for each, written whole by who scores or corrects.

No stage owns them, and neither ever refuses a stage's commits. What people said stands in a book
beside the table and is put over the scores whenever rows are written: whoever commits last has
read it.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import lance
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rayograph.catalog.analyses import marks
from rayograph.catalog.columns import Space
from rayograph.catalog.conflicts import until_committed
from rayograph.catalog.corrections import CorrectionBook, Corrections
from rayograph.catalog.counts import DONE
from rayograph.catalog.files import replace_columns, with_columns
from rayograph.catalog.rows import split
from rayograph.catalog.writer import merge_group
from rayograph.errors import NotReady
from rayograph.labelling.definition import Labelling
from rayograph.labelling.heads import Head, Scores

_BATCH = 8_192
_TURNS: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


def schema_of(labelling: Labelling) -> pa.Schema:
    """The columns of a labelling."""
    scores = [pa.field(labelling.score(at), pa.float32()) for at in range(len(labelling.classes))]
    best = pa.field(labelling.best, pa.int16())
    return pa.schema([*scores, best, pa.field(labelling.certainty, pa.float32())])


@dataclass(frozen=True)
class LabelTable:
    """A labelling's columns of one dataset's table."""

    uri: str
    labelling: Labelling
    space: Space
    book: CorrectionBook

    def prepare(self) -> None:
        """Give the table the (all null) columns."""
        until_committed(lambda: with_columns(self.uri, schema_of(self.labelling)))

    def drop(self) -> None:
        """Take the columns off the table."""

        def once() -> None:
            dataset = lance.dataset(self.uri)
            there = [name for name in self.labelling.columns if name in dataset.schema.names]
            if there:
                dataset.drop_columns(there)

        until_committed(once)

    def fragments(self) -> list[tuple[int, str, int]]:
        """Fragments that may hold vectors: id, the mark of what is scored, rows."""
        snapshot = lance.dataset(self.uri)
        names = [self.space.vector, self.space.content_hash, self.space.state]
        return [
            (fragment.fragment_id, marks(snapshot, names, [fragment]), fragment.physical_rows)
            for fragment in snapshot.get_fragments()
        ]

    def score(self, fragments: Sequence[int], head: Head) -> int:
        """Score whole fragments in one commit; how many images that are."""
        count = 0

        def once() -> None:
            nonlocal count
            snapshot = lance.dataset(self.uri)
            said, tables = self.book.read(self.labelling), []
            count = 0
            there = {fragment.fragment_id for fragment in snapshot.get_fragments()}
            for number in fragments:
                # One that was taken apart meanwhile is another one, and has its own turn.
                if number not in there:
                    continue
                table = self._scored(snapshot, number, head, said)
                count += table.num_rows - table.column(0).null_count
                tables.append((number, table))
            replace_columns(self.uri, snapshot, tables)

        with _TURNS[self.uri]:
            until_committed(once)
        return count

    def score_rows(self, addresses: npt.NDArray[np.uint64], head: Head) -> None:
        """Score some rows anew in one commit, after something was said of them."""

        def once() -> None:
            snapshot = lance.dataset(self.uri)
            said, tables = self.book.read(self.labelling), []
            for number, (offsets, _) in split(pa.table({"_rowaddr": addresses})).items():
                fragment = snapshot.get_fragment(number)
                base = fragment.to_table(columns=self.labelling.columns).combine_chunks()
                names = self._sources(snapshot)
                rows = fragment.take(offsets.tolist(), columns=names)
                new = merge_group(base, offsets, self._rows(rows, head, said))
                tables.append((number, new))
            replace_columns(self.uri, snapshot, tables)

        with _TURNS[self.uri]:
            until_committed(once)

    # -- inside -----------------------------------------------------------------------------

    def _scored(
        self, snapshot: lance.LanceDataset, number: int, head: Head, said: Corrections
    ) -> pa.Table:
        fragment = snapshot.get_fragment(number)
        names = self._sources(snapshot)
        parts = [
            self._rows(pa.Table.from_batches([batch]), head, said)
            for batch in fragment.to_batches(columns=names, batch_size=_BATCH)
        ]
        if not parts:
            return schema_of(self.labelling).empty_table()
        return pa.concat_tables(parts).combine_chunks()

    def _sources(self, snapshot: lance.LanceDataset) -> list[str]:
        wanted = ("id", self.space.content_hash, self.space.state, self.space.vector)
        return [name for name in wanted if name in snapshot.schema.names]

    def _rows(self, rows: pa.Table, head: Head, said: Corrections) -> pa.Table:
        schema = schema_of(self.labelling)
        if self.space.vector not in rows.column_names:
            return pa.table([pa.nulls(rows.num_rows, f.type) for f in schema], schema=schema)
        done = rows[self.space.state].fill_null(0).to_numpy() == DONE
        vectors = matrix(rows[self.space.vector], done)
        chosen = rows.filter(pa.array(done))
        scores = head.scores(vectors, said.of(chosen["id"], chosen[self.space.content_hash]))
        return _table(schema, scores, done)


def matrix(column: pa.ChunkedArray, done: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """The vectors of the rows that have one, length 1."""
    picked = column.filter(pa.array(done)).combine_chunks()
    flat = picked.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    found = flat.reshape(len(picked), column.type.list_size)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    scaled: npt.NDArray[np.float32] = found / np.maximum(lengths, 1e-12)
    return scaled


def _table(schema: pa.Schema, scores: Scores, done: npt.NDArray[np.bool_]) -> pa.Table:
    """Scores as columns of all rows; null where there is no vector."""
    found = []
    for field, values in zip(
        schema, [*scores.values.T, scores.best, scores.certainty], strict=True
    ):
        whole = np.zeros(len(done), values.dtype)
        whole[done] = values
        found.append(pa.array(whole, field.type, mask=~done))
    return pa.table(found, schema=schema)


def require_scores(snapshot: lance.LanceDataset, labelling: Labelling) -> None:
    """Make sure that a version of a table has a labelling's columns.

    Raises:
        NotReady: nothing has been scored yet.
    """
    if not present_in(snapshot, labelling):
        raise NotReady(f"no image has a score of {labelling.name} yet", hint="try again soon")


def present_in(snapshot: lance.LanceDataset, labelling: Labelling) -> bool:
    """Whether a version of a table has a labelling's columns."""
    return set(labelling.columns) <= set(snapshot.schema.names)
