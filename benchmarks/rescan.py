"""A rescan of a tree in which nothing, or a little, has changed, beside a bare look at it."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks import common
from benchmarks.common import ratio, seconds
from rayograph import sources
from rayograph.catalog import Catalog, DatasetReader, columns
from rayograph.catalog.columns import SPACES
from rayograph.listing import Walk
from rayograph.schema import StageState
from rayograph.settings import Settings
from rayograph_pipelines.stages.list_files import ListFiles, ListFilesConfig

PREDECESSOR_S = {10_000: 10.0, 50_000: 30.0, 100_000: 60.0}
FOLDER = 1000
CHANGED = 1000
DIM = 8


def main() -> None:
    options = common.arguments(__doc__, 1_000_000, runs=3, place="")
    common.machine()
    with common.scratch() as work, tempfile.TemporaryDirectory(dir=options.place or work) as place:
        tree = made(Path(place) / "tree", options.count)
        common.say(f"{options.count:,} files of a few bytes made")
        key = opened(work / "catalog", tree)
        floors, rescans = [], []
        with common.Server(work / "catalog", model="none", watch__enabled="false") as server:
            for _ in range(options.runs):
                floors.append(bare(tree))
                rescans.append(rescanned(server, key, options.count))
            floors.append(bare(tree))
            change(tree, options.count)
            changed = rescanned(server, key, options.count, missing=CHANGED)
    floor, took = common.median(floors), common.median(rescans)
    before = PREDECESSOR_S.get(options.count)
    rows = [
        ("nothing has changed", seconds(took), "<= 2 x", ratio(took, floor)),
        (
            f"{CHANGED:,} each new, changed, moved, gone",
            seconds(changed),
            "",
            ratio(changed, floor),
        ),
        ("floor: scandir + stat", seconds(floor), "", "1.00 x"),
        ("the predecessor's table", seconds(before), "", ratio(before, floor)),
    ]
    common.table((f"rescan of {options.count:,}", "took", "reach", "of the floor"), rows)


def made(tree: Path, count: int) -> Path:
    for start in range(0, count, FOLDER):
        folder = tree / f"{start // FOLDER:04d}"
        folder.mkdir(parents=True)
        for number in range(start, min(start + FOLDER, count)):
            (folder / f"{number:07d}.jpg").write_bytes(b"%d" % number)
    return tree


def opened(place: Path, tree: Path) -> str:
    """The tree as a dataset that is listed and read, as if by a run."""
    catalog, source = Catalog(str(place)), sources.resolve(str(tree))
    key = catalog.create(source, "tree", model=None, embed_note="no model")[0].dataset_id
    stage, limit = ListFiles(ListFilesConfig(key, source.root)), Settings().listing.fragment_rows
    listed = pa.concat_tables([stage.rows(chunk) for chunk in Walk(source)]).drop_columns("skipped")
    listed = listed.append_column("caption", pa.nulls(listed.num_rows, pa.string()))
    with catalog.lock(key):
        writer = catalog.writer(key)
        writer.add_vector_columns(SPACES[0], DIM)
        writer.append(listed, fragment_rows=limit)
        for fragment, rows in catalog.reader(key).fragments():
            done = pa.array(np.full(rows, int(StageState.DONE), np.uint8))
            found = [
                done if f.name == "meta_state" else pa.nulls(rows, f.type) for f in columns.METADATA
            ]
            writer.fill({fragment: pa.table(found, schema=columns.METADATA)})
            writer.fill({fragment: _embedded(catalog.reader(key), fragment)})
        writer.index_ids()
    catalog.update(key, listed=True, scanned_at="2026-01-01T00:00:00+00:00")
    return key


def _embedded(reader: DatasetReader, fragment: int) -> pa.Table:
    """Null vectors, and the hash of each file, which is its number."""
    table = reader.snapshot().get_fragment(fragment).to_table(columns=["file_name"])
    numbers = [b"%d" % int(name[:-4]) for name in table["file_name"].to_pylist()]
    hashes = [hashlib.blake2b(text, digest_size=16).hexdigest() for text in numbers]
    values = {
        "content_hash": pa.array(hashes),
        "embed_state": pa.array(np.full(len(hashes), int(StageState.DONE), np.uint8)),
    }
    schema = columns.embedding(DIM)
    found = [values.get(f.name, pa.nulls(len(hashes), f.type)) for f in schema]
    return pa.table(found, schema=schema)


def rescanned(server: common.Server, key: str, total: int, *, missing: int = 0) -> float:
    """Seconds from the POST until the API says that it is over."""
    began = time.perf_counter()
    server.http.post(f"/api/datasets/{key}/rescan").raise_for_status()

    def over() -> bool | None:
        return server.get(f"/api/progress/{key}")["stages"]["listing"]["state"] == "done" or None

    common.until(over)
    took = time.perf_counter() - began
    now = common.until(lambda: _complete(server, key))
    if (now["total"], now["missing"], now["error"]) != (total, missing, None):
        raise RuntimeError(f"{now['total']} and {now['missing']} missing: {now['error']}")
    return took


def _complete(server: common.Server, key: str) -> dict[str, object] | None:
    now: dict[str, object] = server.get(f"/api/progress/{key}")
    return now if now["status"] == "complete" else None


def change(tree: Path, count: int) -> None:
    """New, changed, moved and vanished files, spread over the tree."""
    step = count // (3 * CHANGED)
    numbers = [n * step for n in range(3 * CHANGED)]
    for at, number in enumerate(numbers):
        path = tree / f"{number // FOLDER:04d}" / f"{number:07d}.jpg"
        if at % 3 == 0:
            path.write_bytes(b"changed %d" % number)
            path.with_name(f"new {number}.jpg").write_bytes(b"new %d" % number)
        elif at % 3 == 1:
            path.rename(path.with_name(f"moved {number}.jpg"))
        else:
            path.unlink()


def bare(tree: Path) -> float:
    """Seconds to name and stat every file, and no more."""
    began = time.perf_counter()
    waiting, found = [str(tree)], 0
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    waiting.append(entry.path)
                else:
                    found += entry.stat().st_size >= 0
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
