"""The map, from its result to what the API answers: places, and what they are coloured by."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import BaseModel
from starlette.responses import Response

from rayograph.analysis.answers import MapCluster, MapLegend
from rayograph.analysis.clusters import name_of
from rayograph.catalog.analyses import Result
from rayograph.catalog.facets import Shelf
from rayograph.errors import InvalidRequest
from rayograph.where import Field
from rayograph_serve.colouring import colours
from rayograph_serve.cursors import from_cursor, to_cursor
from rayograph_serve.living import Rows, page

ARROW = "application/vnd.apache.arrow.stream"
COLUMNS = ("id", "x", "y", "cluster")
_BATCH = 65_536


class MapPart(NamedTuple):
    """What is asked of a map: which rows (without a limit all from the start on), what of them.

    ``columns`` are of ``COLUMNS``; that of the colour comes by itself.
    """

    limit: int | None = None
    cursor: str | None = None
    offset: int | None = None
    columns: tuple[str, ...] = COLUMNS
    colour: str | None = None


class MapSlice(NamedTuple):
    """Rows of a map, and what is said with them."""

    table: pa.Table
    bounds: tuple[float, ...]
    level: int
    clusters: list[list[MapCluster]]
    next_cursor: str | None
    total: int
    legend: MapLegend | None
    said: dict[str, Any]


def columns_of(text: str | None) -> tuple[str, ...]:
    """``x,y`` as names of columns; none: all of them.

    Raises:
        InvalidRequest: there is no such column.
    """
    if text is None:
        return COLUMNS
    found = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in found:
        if name not in COLUMNS:
            raise InvalidRequest(
                f"a map has no column {name[:64]!r}", hint=f"there are {', '.join(COLUMNS)}"
            )
    return found


def sliced(  # noqa: PLR0917
    result: Result,
    rows: Rows | None,
    part: MapPart,
    said: dict[str, Any],
    field: Field | None,
    shelf: Shelf | None,
) -> MapSlice:
    """The rows asked for; a legend is of the whole map, whatever part of it is asked for.

    Args:
        rows: the rows of the result that are in sight; None: all.
    """
    more, total = result.about.more, result.rows if rows is None else len(rows)
    start = from_cursor(part.cursor) if part.cursor else (part.offset or 0)
    count = max(0, total - start) if part.limit is None else part.limit
    end = min(total, start + count)
    if part.columns:
        names = list(part.columns)
        table = page(result, rows, start, count, names)[0].select(names)
    else:
        table = pa.table({})
    legend = None
    if field is not None and shelf is not None:
        ids = result.column("id").combine_chunks()
        found = colours(field, shelf, ids if rows is None else ids.take(pa.array(rows)))
        legend = found.legend
        table = _with(table, found.codes[start:end])
    after = to_cursor(end) if end < total else None
    named = _named(more.get("clusters", []))
    bounds = tuple(more["bounds"])
    return MapSlice(table, bounds, more["level"], named, after, total, legend, said)


def _named(levels: list[list[dict[str, Any]]]) -> list[list[MapCluster]]:
    return [
        [
            MapCluster(
                name=name_of(number, one["words"]),
                parent=one["parent"] if one["parent"] >= 0 else None,
            )
            for number, one in enumerate(level)
        ]
        for level in levels
    ]


def _with(table: pa.Table, codes: np.ndarray[Any, np.dtype[np.uint8]]) -> pa.Table:
    colour = pa.array(codes)
    return (
        table.append_column("colour", colour) if table.num_columns else pa.table({"colour": colour})
    )


def arrow_answer(found: MapSlice) -> Response:
    """Places as an Arrow stream; what else is known stands in its schema and in headers."""
    known = {
        "bounds": found.bounds,
        "level": found.level,
        "clusters": found.clusters,
        "total": found.total,
        "legend": found.legend,
        **found.said,
    }
    about = json.dumps(known, default=BaseModel.model_dump)
    table = found.table.replace_schema_metadata({"rayograph": about})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table, max_chunksize=_BATCH)
    headers = {"X-Total": str(found.total), "X-Stale": str(found.said["stale"]).lower()}
    if found.next_cursor is not None:
        headers["X-Next-Cursor"] = found.next_cursor
    return Response(sink.getvalue().to_pybytes(), media_type=ARROW, headers=headers)
