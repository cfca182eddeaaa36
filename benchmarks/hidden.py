"""Quality, clusters and what is hidden in a large table: filters, and what writing costs."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from benchmarks import common, filters
from benchmarks.common import say, seconds
from rayograph.analysis.asked import ClustersAsked
from rayograph.catalog import Catalog
from rayograph.catalog.analyses import About, Wanted
from rayograph.catalog.columns import QUALITY, SPACES
from rayograph.catalog.reader import DatasetReader
from rayograph.quality import Measures, Rules
from rayograph.settings import IndexSettings
from rayograph_pipelines.stages.measure import told
from rayograph_serve.living import Living

WHERES = (
    "quality:blurred",
    "not quality:good",
    "sharpness<0.2",
    "entropy:2..3",
    "cluster=3",
    "cluster:sky",
    "hidden",
    "format=gif",
)
_CLUSTERS = 32


def main() -> None:
    options = common.arguments(__doc__, 1_000_000, rounds=5, hidden=10_000)
    common.machine()
    with common.scratch() as work:
        catalog = Catalog(str(work / "catalog"))
        key = filters.write(catalog, options.count, 8)
        timed("quality of every row written", lambda: measured(catalog, key))
        timed("clusters noted", lambda: clustered(catalog, key))
        reader = catalog.reader(key)
        before = {w: filters.times(reader, w, options.rounds) for w in WHERES if may(reader, w)}
        hider = catalog.hider(key)
        catalog.writer(key).index_fields(SPACES[0], IndexSettings())
        timed("nothing hidden: a look", hider.settle)
        below = int(options.hidden / options.count * 2**62)
        pick = f"content_hash < '{below:032x}'"
        hid = timed(f"about {options.hidden:,} hidden", lambda: hider.hide(lambda _: pick))
        catalog.writer(key).index_fields(SPACES[0], IndexSettings())
        timed("a look that changes nothing", hider.settle)
        timed("one more hidden", lambda: hider.hide(lambda _: first(reader)))
        say(f"{hid:,} hidden")
        after = {w: filters.times(reader, w, options.rounds) for w in WHERES if may(reader, w)}
        result = catalog.analyses.result(key, ClustersAsked())
        assert result is not None
        living = Living()
        timed("rows of a result that are in sight", lambda: living.rows(reader, result))
        timed("the same again", lambda: living.rows(reader, result))
    rows = [
        (
            where,
            f"{found[3]:,}",
            seconds(before[where][0] if where in before else None),
            *map(seconds, found[:3]),
        )
        for where, found in after.items()
    ]
    heads = ("", "picked", "no index, none hidden", "first page", "in its depths", "again")
    common.table(heads, rows)


def timed(name: str, work: Callable[[], object]) -> object:
    began = time.perf_counter()
    found = work()
    say(f"{name}: {seconds(time.perf_counter() - began)}")
    return found


def may(reader: DatasetReader, where: str) -> bool:
    return where != "hidden" or "hidden" in reader.snapshot().schema.names


def first(reader: DatasetReader) -> str:
    return f"id = '{reader.page(offset=0, limit=1)[0][0]['id']}'"


def measured(catalog: Catalog, key: str) -> None:
    """Numbers of every image, one in ten of them blurred, and a content of its own."""
    rng = np.random.default_rng(0)
    writer = catalog.writer(key)
    writer.add_missing(QUALITY)
    for fragment, rows in catalog.reader(key).fragments():
        of = {
            "sharpness": rng.gamma(4, 0.12, rows),
            "brightness": rng.uniform(0.1, 0.9, rows),
            "shadows": rng.uniform(0, 0.3, rows),
            "highlights": rng.uniform(0.5, 1, rows),
            "entropy": rng.normal(7, 0.6, rows).clip(0, 8),
            "aspect": np.full(rows, 1.5),
        }
        numbers = {name: pa.array(of[name].round(4)) for name in Measures._fields}
        table = {**numbers, "quality": told(numbers, Rules())}
        table["quality_state"] = pa.array(np.ones(rows, np.uint8))
        writer.fill({fragment: pa.table([table[f.name] for f in QUALITY], QUALITY)})


def clustered(catalog: Catalog, key: str) -> None:
    ids = catalog.reader(key).column("id").combine_chunks()
    numbers = np.random.default_rng(1).integers(0, _CLUSTERS, len(ids)).astype(np.int32)
    names = ("sky", "sea", "city", "cat", "tree", "night", "beach", "car")
    levels = [{"words": [names[n % 8], names[(n + 3) % 8]], "parent": -1} for n in range(_CLUSTERS)]
    about = About(len(ids), len(ids), "", more={"levels": [levels]})
    wanted = Wanted(key, ClustersAsked())
    far = pa.array(np.zeros(len(ids), np.float32))
    table = pa.table({"id": ids, "cluster_0": pa.array(numbers), "distance_0": far})
    catalog.analyses.write(wanted, table, about)
    result = catalog.analyses.result(key, wanted.asked)
    assert result is not None
    catalog.discoveries(key).note(wanted.asked, result)


if __name__ == "__main__":
    main()
