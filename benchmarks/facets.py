"""Facets, folders and orders of a million rows: counted first, behind filters and after an edit;
and pages by cursors, in one version and in the next."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks import common
from benchmarks.common import median, say, seconds
from benchmarks.filters import write
from rayograph.catalog import Catalog, DatasetReader
from rayograph.catalog.curation import Edit
from rayograph.catalog.ordering import Mark
from rayograph.where.sorting import parse_sort
from rayograph_serve.cursors import from_mark_cursor, next_cursor
from rayograph_serve.faceting import Faceting
from rayograph_serve.records import record_of

WHERES = (
    "width>=1024",
    "format=gif",
    "format=jpeg and size>2mb",
    "folder:2005",
    "status:ready",
    "taken=2012 and not format=png",
    "caption:red",
)
SORTS = ("size", "-mtime", "aspect", "file_name")
PAGES = 20
LIMIT = 100


def main() -> None:
    options = common.arguments(__doc__, 1_000_000, rounds=5, dim=8)
    common.machine()
    with common.scratch() as work:
        catalog = Catalog(str(work / "catalog"))
        key = write(catalog, options.count, options.dim)
        counted(catalog, key, options.rounds)
        rows = [paged(catalog, key, sort) for sort in SORTS]
    heads = ("sorted by", "order made", "page by cursor", "after rows were added")
    common.table(heads, rows)


def counted(catalog: Catalog, key: str, rounds: int) -> None:
    """Say what facets and folders take."""
    row, faceting = catalog.dataset(key), Faceting(catalog)
    took = _timed(lambda: faceting.facets(row, None, None, 12))
    say(f"all facets, the first time: {seconds(took)}")
    say(
        f"folders, the first time: {seconds(_timed(lambda: faceting.folders(row, [''], None, 99)))}"
    )
    found = []
    for where in WHERES:
        fresh = []
        for at in range(rounds):
            # Another text each time, so that nothing is remembered of the one before.
            text = f"{where} and size>={at}"
            fresh.append(_timed(lambda text=text: faceting.facets(row, text, None, 12)))
        again = _timed(lambda text=text: faceting.facets(row, text, None, 12))
        folders = _timed(lambda text=text: faceting.folders(row, ["", "2005"], text, 999))
        total = faceting.facets(row, where, ["format"], 12).total
        times = (seconds(median(fresh)), seconds(again), seconds(folders))
        found.append((where, f"{total:,}", *times))
    common.table(("where", "picked", "all facets", "again", "its folders"), found)
    one = catalog.reader(key).page(offset=7, limit=1)[0][0]["id"]
    catalog.curator(key).apply(Edit(("new",)), lambda _: f"id = '{one}'")
    # So that it is counted anew, whatever the share of time that may take.
    time.sleep(2)
    say(
        f"all facets after an edit: {seconds(_timed(lambda: faceting.facets(row, None, None, 12)))}"
    )


def paged(catalog: Catalog, key: str, sort: str) -> tuple[str, str, str, str]:
    """The first page, further ones by cursor, and one by cursor in a newer version."""
    reader, order = catalog.reader(key), parse_sort(sort)
    read = partial(_page, catalog, key, reader, order)
    made = _timed(lambda: read(0))
    start: Mark | int = read(0)
    further = []
    for _ in range(PAGES):
        began = time.perf_counter()
        start = read(start)
        further.append(time.perf_counter() - began)
    one = reader.page(offset=9, limit=1)[0][0]["id"]
    catalog.curator(key).apply(Edit((sort,)), lambda _: f"id = '{one}'")
    newer = _timed(lambda: read(start))
    return sort, seconds(made), seconds(median(further)), seconds(newer)


def _page(catalog: Catalog, key: str, reader: DatasetReader, order: Any, start: Mark | int) -> Any:
    page = reader.page_from(start, limit=LIMIT, sort=order)
    row = catalog.dataset(key)
    cursor = next_cursor(page, [record_of(row, data) for data in page.rows], order)
    assert cursor is not None
    return from_mark_cursor(cursor, order.name)


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
