"""What people say of labels: noted by content, and put over the scores at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rayograph import ids
from rayograph.analysis.asked import LabelsAsked
from rayograph.catalog import Catalog, DatasetReader, DatasetRow
from rayograph.catalog.corrections import contents_of
from rayograph.catalog.counts import DONE
from rayograph.catalog.labels import present_in
from rayograph.catalog.picking import filter_of
from rayograph.errors import InvalidRequest
from rayograph.labelling.answers import MOST_SAID, Correct, CorrectionResult
from rayograph.labelling.definition import Labelling
from rayograph.labelling.heads import from_table

_LISTED = 500


class Correcting:
    """Corrects the labels of any dataset; safe to call from any thread."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def correct(self, row: DatasetRow, labelling: Labelling, said: Correct) -> CorrectionResult:
        """Note what somebody said of some images.

        Raises:
            InvalidRequest: it is about too many at once.
            NotFound: there is no such class.
        """
        keys = [each.key for each in labelling.classes]
        chosen = keys if said.class_ is None else [keys[labelling.place(said.class_)]]
        reader = self._catalog.reader(row.dataset_id, row.serving)
        rows = _rows(row, reader, said)
        if not rows.num_rows:
            return CorrectionResult(matched=0, scored=0)
        book = self._catalog.analyses.corrections(row.dataset_id)
        if said.is_ and not labelling.several:
            # An image that is one of them is none of the others, whatever was said before.
            book.say(labelling, rows, [key for key in keys if key not in chosen], None)
        book.say(labelling, rows, chosen, said.is_)
        scored = self._score(row, reader, labelling, rows)
        return CorrectionResult(matched=rows.num_rows, scored=scored)

    def _score(
        self, row: DatasetRow, reader: DatasetReader, labelling: Labelling, rows: pa.Table
    ) -> int:
        """Score all images of these contents anew, if there are scores."""
        asked = LabelsAsked(number=labelling.number)
        result = self._catalog.analyses.result(row.dataset_id, asked)
        if result is None or not present_in(reader.snapshot(), labelling):
            return 0
        addresses = _alike(reader, rows)
        if len(addresses):
            head = from_table(result.table(), several=labelling.several)
            self._catalog.labels(row, labelling).score_rows(addresses, head)
        return len(addresses)


def _rows(row: DatasetRow, reader: DatasetReader, said: Correct) -> pa.Table:
    """``content`` and ``image_id`` of the images it is about, one row a content."""
    snapshot, hashes = reader.snapshot(), reader.space.content_hash
    names = ["id", *([hashes] if hashes in snapshot.schema.names else [])]
    if said.where is not None:
        sql = filter_of(row, said.where).sql(snapshot)
        table = snapshot.scanner(columns=names, filter=sql, limit=MOST_SAID + 1).to_table()
        if table.num_rows > MOST_SAID:
            raise InvalidRequest(
                f"at most {MOST_SAID} images are corrected at once", hint="narrow the filter"
            )
    else:
        mine = [key for key in said.ids or () if ids.dataset_of(key) == row.dataset_id]
        table = reader.rows(list(dict.fromkeys(mine)), names)
    known = table[hashes] if hashes in table.column_names else _nulls(table.num_rows)
    found = pa.table({"content": contents_of(table["id"], known), "image_id": table["id"]})
    _, first = np.unique(np.array(found["content"].to_pylist(), str), return_index=True)
    return found.take(pa.array(np.sort(first)))


def _alike(reader: DatasetReader, rows: pa.Table) -> npt.NDArray[np.uint64]:
    """The addresses of all images with these contents that have a vector."""
    snapshot, space = reader.snapshot(), reader.space
    contents = [each for each in rows["content"].to_pylist() if "'" not in each]
    named = {
        space.content_hash: [each for each in contents if not each.startswith("id:")],
        "id": [each.removeprefix("id:") for each in contents if each.startswith("id:")],
    }
    parts = [np.zeros(0, np.uint64)]
    for column, values in named.items():
        for start in range(0, len(values), _LISTED):
            listed = ", ".join(f"'{value}'" for value in values[start : start + _LISTED])
            sql = f"{column} in ({listed}) and {space.state} = {DONE}"
            scan = snapshot.scanner(columns=[], filter=sql, with_row_address=True)
            parts.append(scan.to_table()["_rowaddr"].to_numpy())
    return np.unique(np.concatenate(parts))


def _nulls(count: int) -> pa.ChunkedArray:
    return pa.chunked_array([pa.nulls(count, pa.string())])
