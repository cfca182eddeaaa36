"""A filter over one field of a million rows: its first page and its total, a page in its depths,
the same again, with and without indices; and the neighbours found behind a filter."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks import common, details, synthetic
from benchmarks.common import median, say, seconds
from rayograph import ids
from rayograph.catalog import LISTING, Catalog, DatasetReader, columns
from rayograph.catalog.columns import SPACES
from rayograph.catalog.counts import status_of
from rayograph.catalog.filters import Filter
from rayograph.catalog.vocabulary import values_of
from rayograph.schema import StageState
from rayograph.settings import IndexSettings, Settings
from rayograph.sources import Source
from rayograph.where import parse

LIMIT = 100
WHERES = (
    "width>=1024",
    "width=1920",
    "size>2mb",
    "mtime>2020",
    "orientation=3",
    "aspect>1.5",
    "format=gif",
    "format=jpeg",
    "not format=jpeg",
    "folder:2005",
    "status:ready",
    "failed:*",
    "taken=2024-05",
    "taken>2015",
    "taken is missing",
    "hash=abc",
    "name=IMG_0012345.jpg",
    'name:"IMG_00123*"',
    "name:scan",
    "uri:2005",
    "tag:beach",
    "caption:red",
    'caption:"red circle"',
    'caption:"red circle city tree"',
    "caption is missing",
    "width>=1024 and format=png and caption:red",
    "camera:nikon",
    "iso>800",
    "exposure<1/250",
    "keywords:snow",
    "generator=ComfyUI",
    "prompt:lighthouse",
    'prompt:"castle river"',
    'prompt:"*house"',
    "negative_prompt:blurry",
    'model:"sdxl*"',
    "model=pony_7",
    "model_hash:4f",
    "seed=12345",
    "steps>40",
    "cfg<2",
    "sampler:karras",
    "lora:lora_042",
    "prompt is missing",
)
WORDS = ("red", "green", "blue", "circle", "square", "cat", "beach", "night", "city", "of", "a")
# The count alone, as the table's own library has it: what decision 25 is about.
BARE = (
    "contains(lower(camera), 'nikon')",
    "keywords is not null and array_has(keywords, 'snow')",
    "array_has(keywords, 'snow')",
)
PICKS = ("orientation=3 and size<42kb", "orientation=3", "size<450kb")
_AT_ONCE = 8


def main() -> None:
    options = common.arguments(__doc__, 1_000_000, rounds=5, dim=64, queries=20)
    common.machine()
    with common.scratch() as work:
        catalog = Catalog(str(work / "catalog"))
        key = write(catalog, options.count, options.dim)
        reader = catalog.reader(key)
        plain = {where: times(reader, where, options.rounds) for where in WHERES}
        writer = catalog.writer(key)
        before = synthetic.size_bytes(work)
        began = time.perf_counter()
        writer.index_fields(SPACES[0], IndexSettings())
        writer.index_words()
        took, grown = time.perf_counter() - began, synthetic.size_bytes(work) - before
        say(f"indices of fields: {seconds(took)}, {grown / 1e6:.0f} MB")
        indexed = {where: times(reader, where, options.rounds) for where in WHERES}
        bare = [(sql[:56], *counted(reader, sql, options.rounds)) for sql in listed(reader)]
        writer.keep_index(SPACES[0], Settings().index)
        found = [neighbours(reader, where, options.queries) for where in PICKS]
        extend(catalog, key, options.count)
    rows = [
        (
            where,
            f"{indexed[where][3]:,}",
            *(seconds(s) for s in (*plain[where][:1], *indexed[where][:3])),
        )
        for where in WHERES
    ]
    heads = (
        f"{options.count:,} rows",
        "picked",
        "no index",
        "first page",
        "in its depths",
        "again",
    )
    common.table(heads, rows)
    common.table(("bare count, indexed", "picked", "took"), bare)
    common.table(("nearest 10 behind", "picked", "recall", "p50"), found)


def _chosen(where: str) -> Filter:
    return Filter(parse(where), partial(status_of, embeds=True))


def times(reader: DatasetReader, where: str, rounds: int) -> tuple[float, float, float, int]:
    """Medians of a first page and its total, of a page half way through, of that page again."""
    chosen, found = _chosen(where), []

    def page(offset: int) -> tuple[float, int]:
        began = time.perf_counter()
        total = reader.page(offset=offset, limit=LIMIT, where=chosen)[1]
        return time.perf_counter() - began, total

    for _ in range(rounds):
        # What was found before must not answer for what is measured.
        reader._picked.forget()
        first, total = page(0)
        found.append((first, page(total // 2)[0], page(total // 2 + LIMIT)[0]))
    first_s, deep_s, again_s = (median(column) for column in zip(*found, strict=True))
    return first_s, deep_s, again_s, total


def listed(reader: DatasetReader) -> tuple[str, ...]:
    """The bare counts, and that of the cameras' fitting values in place of the pattern."""
    began = time.perf_counter()
    known = values_of(reader.snapshot(), "camera", "camera_bitmap") or ()
    first = time.perf_counter() - began
    began = time.perf_counter()
    values_of(reader.snapshot(), "camera", "camera_bitmap")
    say(f"values of cameras: {seconds(first)}, again {seconds(time.perf_counter() - began)}")
    fitting = ", ".join(f"'{each}'" for each in known if "nikon" in each.lower())
    return (*BARE, f"camera in ({fitting})")


def counted(reader: DatasetReader, sql: str, rounds: int) -> tuple[str, str]:
    """How many rows a bare filter picks, and how long counting them takes."""
    found, taken = 0, []
    for _ in range(rounds):
        began = time.perf_counter()
        found = reader.snapshot().count_rows(sql)
        taken.append(time.perf_counter() - began)
    return f"{found:,}", seconds(median(taken))


def neighbours(reader: DatasetReader, where: str, queries: int) -> tuple[str, str, str, str]:
    """Recall@10 against an exact look at everything the filter picks."""
    chosen, shares, taken = _chosen(where), [], []
    snapshot = reader.snapshot()
    rows = snapshot.to_table(columns=["id", "vector"], filter=chosen.sql(snapshot))
    names = np.array(rows["id"].to_pylist())
    flat = rows["vector"].combine_chunks().flatten().to_numpy()
    vectors = flat.reshape(len(names), -1).astype(np.float32)
    for query in synthetic.Clouds(vectors.shape[1]).draw(queries, seed=10**6):
        exact = np.argsort(-(vectors @ query.astype(np.float32)))[:10]
        began = time.perf_counter()
        hits = reader.search(query, k=10, where=chosen)[0]
        taken.append(time.perf_counter() - began)
        shares.append(len({hit["id"] for hit in hits} & set(names[exact])) / 10)
    return where, f"{len(names):,}", f"{np.mean(shares):.3f}", seconds(median(taken))


def extend(catalog: Catalog, key: str, count: int) -> None:
    """Say what it costs to take a tenth more rows into the indices."""
    rng = np.random.default_rng(5)
    source = catalog.dataset(key).source
    writer = catalog.writer(key)
    more = _listing(rng, key, source, count, count + count // 9)
    writer.append(more, fragment_rows=Settings().listing.fragment_rows)
    began = time.perf_counter()
    writer.index_fields(SPACES[0], IndexSettings(grow=0.05))
    say(f"{count // 9:,} rows more into the indices: {seconds(time.perf_counter() - began)}")


# -- rows -----------------------------------------------------------------------------------


def write(catalog: Catalog, count: int, dim: int) -> str:
    """A complete dataset whose columns hold as many different things as real ones do."""
    rng, rows = np.random.default_rng(0), Settings().listing.fragment_rows
    source = Source("folder", "file:///varied", "/varied")
    key = catalog.create(source, "varied", model="random:ViT-B-32")[0].dataset_id
    writer, clouds = catalog.writer(key), synthetic.Clouds(dim)
    for start in range(0, count, 16 * rows):
        part = _listing(rng, key, source, start, min(count, start + 16 * rows))
        writer.append(part, fragment_rows=rows)
    writer.add_vector_columns(SPACES[0], dim)
    fragments = catalog.reader(key).fragments()
    for at in range(0, len(fragments), _AT_ONCE):
        lot = fragments[at : at + _AT_ONCE]
        writer.fill({fragment: _metadata(rng, length) for fragment, length in lot})
        writer.fill({f: _embedding(rng, clouds.draw(length, f)) for f, length in lot})
    writer.index_ids()
    catalog.update(key, listed=True)
    say(f"{count:,} rows written")
    return key


def _listing(rng: Any, key: str, source: Source, start: int, stop: int) -> pa.Table:
    numbers = range(start, stop)
    names = [f"IMG_{n:07d}.jpg" if n % 3 else f"scan {n:07d}.png" for n in numbers]
    folders = [f"{2000 + n // 50_000}/{n // 2000 % 25:02d} trip" for n in numbers]
    uris = [f"{source.uri}/{f}/{n}" for f, n in zip(folders, names, strict=True)]
    picks = rng.integers(0, len(WORDS), (stop - start, 6))
    captions = [
        " ".join(WORDS[word] for word in pick) if n % 2 else None
        for n, pick in zip(numbers, picks, strict=True)
    ]
    values = {
        "id": [ids.image_id(key, uri) for uri in uris],
        "uri": uris,
        "file_name": names,
        "folder": folders,
        "size": rng.lognormal(13, 1.2, stop - start).astype(np.int64),
        "mtime": 1.4e9 + rng.random(stop - start) * 3e8,
        "caption": captions,
    }
    return pa.table(values, schema=LISTING)


def _metadata(rng: Any, count: int) -> pa.Table:
    failed = rng.random(count) < 0.01
    formats = np.array(["JPEG", "PNG", "WEBP", "GIF"])
    taken = np.datetime64("2010-01-01") + rng.integers(0, 5 * 10**8, count).astype("m8[s]")
    states = np.where(failed, int(StageState.FAILED), int(StageState.DONE))
    values: dict[str, Callable[[], Any]] = {
        "width": lambda: rng.choice([640, 800, 1024, 1920, 3000, 4032], count).astype(np.int32),
        "height": lambda: rng.integers(400, 3000, count).astype(np.int32),
        "format": formats[rng.choice(4, count, p=[0.7, 0.2, 0.08, 0.02])].tolist,
        "mode": lambda: ["RGB"] * count,
        "orientation": lambda: rng.integers(1, 9, count).astype(np.uint8),
        "taken_at": lambda: [t if n % 4 else None for n, t in enumerate(taken.astype(str))],
        "meta_state": lambda: states.astype(np.uint8),
        "meta_error_code": lambda: ["truncated" if bad else None for bad in failed],
    }
    said = details.table(rng, count)
    header = _table(values, columns.METADATA, count)
    found = [said[n] if n in said.column_names else header[n] for n in header.column_names]
    return pa.table(found, schema=columns.METADATA)


def _embedding(rng: Any, vectors: synthetic.Vectors) -> pa.Table:
    count, dim = vectors.shape
    flat = pa.array(vectors.reshape(-1), pa.float16())
    values: dict[str, Callable[[], Any]] = {
        "vector": lambda: pa.FixedSizeListArray.from_arrays(flat, dim),
        "content_hash": lambda: [f"{n:032x}" for n in rng.integers(0, 2**62, count)],
        "embed_state": lambda: np.full(count, int(StageState.DONE), np.uint8),
    }
    return _table(values, columns.embedding(dim), count)


def _table(values: dict[str, Callable[[], Any]], schema: pa.Schema, count: int) -> pa.Table:
    arrays = [
        pa.array(values[f.name](), f.type) if f.name in values else pa.nulls(count, f.type)
        for f in schema
    ]
    return pa.table(arrays, schema=schema)


if __name__ == "__main__":
    main()
