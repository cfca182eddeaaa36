"""Classes of labels as tags, in bulk; what the last time added can be taken off again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rayograph.catalog import Catalog, DatasetRow
from rayograph.catalog.curation import Edit
from rayograph.catalog.filters import Filter
from rayograph.catalog.picking import filter_of
from rayograph.labelling.answers import TagResult
from rayograph.labelling.definition import Labelling
from rayograph.where import quoted

_SIDE = "labels_tagged"
_SCHEMA = pa.schema([("labelling", pa.int32()), ("tag", pa.string()), ("id", pa.string())])
_AT_ONCE = 20_000


def tag(catalog: Catalog, row: DatasetRow, labelling: Labelling, prefix: str) -> TagResult:
    """Give each image its classes as tags, those it has not; and remember which."""
    curator, done = catalog.curator(row.dataset_id), dict[str, int]()
    added = [_others(catalog, row, labelling)]
    for each in labelling.classes:
        name = prefix + each.name
        where = f"labels.{labelling.name}:{each.key} and not tags:{quoted(name)}"
        picked = _Picked(filter_of(row, where))
        done[each.name] = curator.apply(Edit(tags_add=(name,)), picked)
        count = len(picked.ids)
        columns = [pa.array([labelling.number] * count, pa.int32()), pa.array([name] * count)]
        added.append(pa.table([*columns, picked.ids], schema=_SCHEMA))
    catalog.analyses.set_side(row.dataset_id, _SIDE, pa.concat_tables(added))
    return TagResult(tagged=done, images=sum(done.values()))


def untag(catalog: Catalog, row: DatasetRow, labelling: Labelling) -> TagResult:
    """Take off what the last time added."""
    curator, done = catalog.curator(row.dataset_id), dict[str, int]()
    table = catalog.analyses.side(row.dataset_id, _SIDE)
    table = _SCHEMA.empty_table() if table is None else table
    mine = table.filter(pc.equal(table["labelling"], labelling.number))
    for name in pc.unique(mine["tag"]).to_pylist():
        ids = mine.filter(pc.equal(mine["tag"], name))["id"]
        done[name] = 0
        for start in range(0, len(ids), _AT_ONCE):
            listed = ", ".join(f"'{key}'" for key in ids.slice(start, _AT_ONCE).to_pylist())
            done[name] += curator.apply(Edit(tags_remove=(name,)), _these(listed))
    if mine.num_rows:
        catalog.analyses.set_side(row.dataset_id, _SIDE, _others(catalog, row, labelling))
    return TagResult(tagged=done, images=sum(done.values()))


class _Picked:
    """The filter of an edit; ``ids`` are those it picked of the very version that was edited."""

    def __init__(self, chosen: Filter) -> None:
        self._chosen = chosen
        self.ids: pa.ChunkedArray = pa.chunked_array([pa.array([], pa.string())])

    def __call__(self, snapshot: Any) -> str:
        sql = self._chosen.sql(snapshot)
        self.ids = snapshot.to_table(columns=["id"], filter=sql)["id"]
        return sql


def _these(listed: str) -> Callable[[object], str]:
    return lambda _: f"id in ({listed})"


def _others(catalog: Catalog, row: DatasetRow, labelling: Labelling) -> pa.Table:
    """What other labels added last."""
    table = catalog.analyses.side(row.dataset_id, _SIDE)
    if table is None:
        return _SCHEMA.empty_table()
    return table.filter(pc.not_equal(table["labelling"], labelling.number)).cast(_SCHEMA)
