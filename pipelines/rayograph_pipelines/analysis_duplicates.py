"""Groups of copies: the same bytes, the same looks, or the same content."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.analysis import best, near
from rayograph.analysis.asked import DuplicatesAsked
from rayograph.analysis.groups import Groups, stars
from rayograph.catalog import DatasetRow
from rayograph.catalog.analyses import About
from rayograph.catalog.analysis_data import contents, with_prints
from rayograph.progress import embeds
from rayograph.schema import StageState
from rayograph_pipelines.analysis_bench import Bench
from rayograph_pipelines.analysis_pairs import pairs_of
from rayograph_pipelines.analysis_vectors import about as about_vectors

_LOT = 4_096
_PRINTS = ("id", "size", "mtime", "content_hash", "phash")


def duplicates(bench: Bench, row: DatasetRow, asked: DuplicatesAsked) -> tuple[pa.Table, About]:
    """Groups of copies, with the best of each."""
    if asked.kind == "semantic":
        return _semantic(bench, row, asked)
    bench.tell("reading", None, None)
    reader = bench.catalog.reader(row.dataset_id, row.serving)
    table, marks, version = contents(reader)
    table = _fingerprinted(bench, row, table, decode=asked.kind == "near")
    if asked.kind == "exact":
        bench.tell("comparing", None, None)
        groups = Groups.of_equal(_codes(table["content_hash"]))
        # One that has no hash has a size like no other, so it has no copy either.
        covered = table.num_rows - int(pc.sum(_unread(table)).as_py() or 0)
    else:
        known = table["phash"].is_valid().to_numpy()
        hashes = table["phash"].fill_null(0).to_numpy()
        told = bench.step("comparing")
        groups = near.groups(hashes, known, int(asked.threshold or 0), told)
        covered = int(known.sum())
    about = About(covered, table.num_rows, marks, table_version=version)
    return _grouped(table, groups), about


def _semantic(bench: Bench, row: DatasetRow, asked: DuplicatesAsked) -> tuple[pa.Table, About]:
    found = bench.vectors(row)
    reader = bench.catalog.reader(row.dataset_id, row.serving)
    table, _, _ = contents(reader)
    place = pc.index_in(found.ids, value_set=table["id"].combine_chunks())
    table = table.take(place.fill_null(0))
    pairs = pairs_of(
        bench.analyses,
        row.dataset_id,
        found,
        table["content_hash"].combine_chunks(),
        model_key=row.model_key,
        least=float(asked.threshold or 0),
        tell=bench.step("comparing"),
    )
    groups = stars(len(found.ids), pairs)
    return _grouped(table, groups), about_vectors(row, found)


def _codes(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Equal values get equal numbers; null gets -1."""
    codes = pc.dictionary_encode(column).combine_chunks().indices
    numbers: npt.NDArray[np.int64] = codes.fill_null(-1).to_numpy(zero_copy_only=False)
    return numbers.astype(np.int64)


def _grouped(table: pa.Table, groups: Groups) -> pa.Table:
    """A result's rows: group by group, the best first, then the nearest."""
    chosen = best.best_of(groups, table)
    order = np.lexsort((groups.distance, ~chosen.best, groups.group))
    rows, group = groups.rows[order], groups.group[order]
    flags = chosen.best[order]
    reasons = np.where(flags, chosen.reason[group] if len(group) else 0, 0)
    return pa.table(
        {
            "group": pa.array(group.astype(np.int32)),
            "id": table["id"].take(pa.array(rows)).combine_chunks(),
            "content_hash": table["content_hash"].take(pa.array(rows)).combine_chunks(),
            "distance": pa.array(groups.distance[order].astype(np.float32)),
            "best": pa.array(flags),
            "reason": pa.array(reasons.astype(np.uint8), mask=~flags),
        }
    )


def _fingerprinted(bench: Bench, row: DatasetRow, table: pa.Table, *, decode: bool) -> pa.Table:
    """``table`` with the hashes of images that no model has looked at.

    They are kept beside the results as they come, so that no file is read twice, and a kill costs
    the last lot.
    """
    table = with_prints(table, bench.analyses.side(row.dataset_id, "fingerprints"))
    missing = _unhashed(table) if decode else _unread(table)
    if embeds(row):
        # What the run has still to look at gets its hashes there: no file is decoded twice.
        done = pc.equal(pc.fill_null(table["embed_state"], 0), int(StageState.DONE))
        missing = pc.and_(missing, done)
    todo = table.filter(missing).select(["id", "uri", "size", "mtime"])
    if not todo.num_rows:
        return table
    told, done, lot = bench.step("reading files"), 0, list[pa.Table]()
    told(0, todo.num_rows)
    for found in bench.fingerprints(todo, decode):
        lot.append(found.select(_PRINTS))
        done += found.num_rows
        told(done, todo.num_rows)
        if sum(part.num_rows for part in lot) >= _LOT:
            bench.analyses.add_to_side(row.dataset_id, "fingerprints", pa.concat_tables(lot))
            lot = []
    if lot:
        bench.analyses.add_to_side(row.dataset_id, "fingerprints", pa.concat_tables(lot))
    return with_prints(table, bench.analyses.side(row.dataset_id, "fingerprints"))


def _unhashed(table: pa.Table) -> pa.ChunkedArray:
    """Images that can be decoded, as far as is known, and have no perceptual hash."""
    broken = pc.equal(pc.fill_null(table["meta_state"], 0), int(StageState.FAILED))
    return pc.and_(pc.invert(table["phash"].is_valid()), pc.invert(broken))


def _unread(table: pa.Table) -> pa.ChunkedArray:
    """Files without a content hash whose size another file has: only they can have a copy."""
    counted = pc.value_counts(table["size"])
    several = counted.field(0).filter(pc.greater(counted.field(1), 1))
    shared = pc.is_in(table["size"], value_set=several, skip_nulls=True)
    return pc.and_(pc.invert(table["content_hash"].is_valid()), shared)
