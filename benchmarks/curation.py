"""Editing images among a million: one rating, and a tag for all that a filter picks."""

from __future__ import annotations

import time
from functools import partial

from benchmarks import common, filters
from benchmarks.common import percentile, seconds
from rayograph.catalog import Catalog
from rayograph.catalog.counts import status_of
from rayograph.catalog.curation import Edit
from rayograph.catalog.filters import Filter
from rayograph.where import parse


def main() -> None:
    options = common.arguments(__doc__, 1_000_000, edits=100, dim=8)
    common.machine()
    with common.scratch() as work:
        catalog = Catalog(str(work / "catalog"))
        key = filters.write(catalog, options.count, options.dim)
        reader, curator = catalog.reader(key), catalog.curator(key)
        found = []
        for number in range(options.edits):
            at = number * options.count // options.edits
            image_id = reader.page(offset=at, limit=1)[0][0]["id"]
            edit, pick = Edit(values={"rating": 1 + number % 5}), f"id in ('{image_id}')"
            began = time.perf_counter()
            curator.apply(edit, lambda _, pick=pick: pick)  # type: ignore[misc]
            found.append(time.perf_counter() - began)
        rows = [("one rating, p50", 1, seconds(percentile(found, 0.5)))]
        rows.append(("one rating, p95", 1, seconds(percentile(found, 0.95))))
        for where in ("format=gif", "orientation=3", "width>=1024"):
            chosen = Filter(parse(where), partial(status_of, embeds=True))
            began = time.perf_counter()
            picked = curator.apply(Edit(("bulk",)), chosen.sql)
            rows.append((f"a tag for {where}", picked, seconds(time.perf_counter() - began)))
    common.table((f"{options.count:,} rows", "images", "took"), rows)


if __name__ == "__main__":
    main()
