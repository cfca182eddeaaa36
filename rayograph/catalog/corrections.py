"""What people said of labels, kept by content: it outlives rescans, moves and models.

A row says of one content and one class whether it is of it. Where the content's hash is not known
the image's id stands for it. Edits are few and small, and go straight into the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import lance
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.catalog.conflicts import until_committed
from rayograph.catalog.files import open_or_make, open_table
from rayograph.errors import CatalogError
from rayograph.labelling.definition import Labelling

_SCHEMA = pa.schema(
    [
        pa.field("labelling", pa.int32(), nullable=False),
        pa.field("content", pa.string(), nullable=False),
        pa.field("class", pa.string(), nullable=False),
        pa.field("is", pa.bool_(), nullable=False),
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("said_at", pa.string(), nullable=False),
    ]
)
_KEY = ["labelling", "content", "class"]
_BY_ID = "id:"


@dataclass(frozen=True)
class Corrections:
    """All that was said of one labelling: contents, and for each class 1 yes, -1 no, 0 nothing."""

    contents: pa.Array
    said: npt.NDArray[np.int8]
    image_ids: list[str]
    table: pa.Table

    def __len__(self) -> int:
        return len(self.contents)

    def of(self, ids: pa.ChunkedArray, hashes: pa.ChunkedArray) -> npt.NDArray[np.int8] | None:
        """What was said of these rows; None: nothing."""
        if not len(self):
            return None
        place = pc.index_in(contents_of(ids, hashes), value_set=self.contents)
        at = place.fill_null(-1).to_numpy(zero_copy_only=False)
        if (at < 0).all():
            return None
        found = np.zeros((len(at), self.said.shape[1]), np.int8)
        found[at >= 0] = self.said[at[at >= 0]]
        return found


class CorrectionBook:
    """The corrections of one dataset's labellings; any number may write at once."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def read(self, labelling: Labelling) -> Corrections:
        """The newest of a labelling."""
        book = open_table(self._uri)
        mine = f"labelling = {labelling.number}"
        table = _SCHEMA.empty_table() if book is None else book.to_table(filter=mine)
        keys = [each.key for each in labelling.classes]
        table = table.filter(pc.is_in(table["class"], value_set=pa.array(keys, pa.string())))
        coded = table["content"].combine_chunks().dictionary_encode()
        at = coded.indices.to_numpy(zero_copy_only=False)
        said = np.zeros((len(coded.dictionary), len(keys)), np.int8)
        number = {key: place for place, key in enumerate(keys)}
        of = np.array([number[key] for key in table["class"].to_pylist()], np.int64)
        said[at, of] = np.where(table["is"].to_numpy(), 1, -1)
        ids = np.empty(len(coded.dictionary), object)
        ids[at] = table["image_id"].to_pylist()
        return Corrections(coded.dictionary, said, ids.tolist(), table)

    def say(
        self,
        labelling: Labelling,
        rows: pa.Table,
        keys: Sequence[str],
        verdict: bool | None,
    ) -> None:
        """Note of rows (``content``, ``image_id``) that they are of some classes, or are not.

        Args:
            verdict: None takes back what was said.
        """
        now = datetime.now(UTC).isoformat()
        count = rows.num_rows
        parts = [
            pa.table(
                {
                    "labelling": pa.array([labelling.number] * count, pa.int32()),
                    "content": rows["content"].cast(pa.string()),
                    "class": pa.array([key] * count, pa.string()),
                    "is": pa.array([bool(verdict)] * count),
                    "image_id": rows["image_id"].cast(pa.string()),
                    "said_at": pa.array([now] * count),
                },
                schema=_SCHEMA,
            )
            for key in keys
        ]
        if not count or not parts:
            return
        self._change(lambda book: _merged(book, pa.concat_tables(parts), gone=verdict is None))

    def forget(self, labelling: Labelling) -> None:
        """Drop all that was said of a labelling."""
        self._change(lambda book: book.delete(f"labelling = {labelling.number}"))

    def _change(self, change: Callable[[lance.LanceDataset], object]) -> None:
        try:
            until_committed(lambda: change(open_or_make(self._uri, _SCHEMA)))
        except (OSError, RuntimeError) as error:
            raise CatalogError("the correction could not be noted", hint="try again") from error


def contents_of(ids: pa.ChunkedArray, hashes: pa.ChunkedArray) -> pa.ChunkedArray:
    """What corrections of these images are kept by."""
    by_id = pc.binary_join_element_wise(pa.scalar(_BY_ID), ids, "")
    return pc.coalesce(hashes, by_id)


def _merged(book: lance.LanceDataset, rows: pa.Table, *, gone: bool) -> None:
    merge = book.merge_insert(_KEY)
    if gone:
        # What matches is deleted, what does not was never said.
        merge.when_matched_delete().execute(rows)
    else:
        merge.when_matched_update_all().when_not_matched_insert_all().execute(rows)
