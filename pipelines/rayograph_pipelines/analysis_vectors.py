"""Analyses of vectors: outliers, samples, clusters and the map."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.analysis import cells, clusters, places, sample
from rayograph.analysis.asked import ClustersAsked, MapAsked, OutliersAsked, SampleAsked
from rayograph.analysis.clusters import Tree
from rayograph.analysis.groups import Floats, Ints
from rayograph.catalog import DatasetRow
from rayograph.catalog.analyses import About, Wanted
from rayograph.catalog.analysis_data import (
    Vectors,
    captions_of,
    identities,
    single_field,
    values_of,
)
from rayograph.catalog.filters import Filter
from rayograph.catalog.picking import filter_of
from rayograph.errors import InvalidRequest, NotReady, RayographError
from rayograph_pipelines.analysis_bench import Bench

_EXAMPLES = 8
# A dataset that has grown or shrunk by no more keeps its clusters and its map.
_GROWTH = 1.25


def about(row: DatasetRow, found: Vectors, **more: Any) -> About:
    """What a result of these vectors says of itself."""
    return About(
        len(found.ids),
        found.total,
        found.marks,
        row.model,
        row.model_key,
        found.version,
        more=more,
    )


def outliers(bench: Bench, row: DatasetRow, asked: OutliersAsked) -> tuple[pa.Table, About]:
    """Every image by its mean distance to its nearest neighbours, the farthest first."""
    found = bench.vectors(row)
    k = min(asked.neighbours, max(1, len(found.ids) - 1))
    score = cells.mean_distance(cells.neighbours(found.values, k, bench.step("comparing")))
    order = np.lexsort((np.arange(len(score)), -score))
    return _scored(found.ids, order, score[order]), about(row, found)


# -- samples ----------------------------------------------------------------------------------


def sampled(bench: Bench, row: DatasetRow, asked: SampleAsked) -> tuple[pa.Table, About]:
    """Some images that stand for all, in the order of the choice."""
    where = filter_of(row, asked.where) if asked.where is not None else None
    if asked.method in ("random", "balanced"):
        return _drawn(bench, row, asked, where)
    found = bench.vectors(row, where)
    n = _wanted(asked, len(found.ids))
    if n > sample.VECTORS_MOST:
        raise InvalidRequest(
            f"{asked.method} chooses {sample.VECTORS_MOST} images at most",
            hint="ask for fewer, or for the method random",
        )
    choose = sample.diverse if asked.method == "diverse" else sample.typical
    rows, score = choose(found.values, n, asked.seed, bench.step("choosing"))
    return _scored(found.ids, rows, score), about(row, found)


def _drawn(
    bench: Bench, row: DatasetRow, asked: SampleAsked, where: Filter | None
) -> tuple[pa.Table, About]:
    bench.tell("reading", None, None)
    reader = bench.catalog.reader(row.dataset_id, row.serving)
    found = identities(reader, where)
    n = _wanted(asked, len(found.ids))
    if asked.by is None:
        rows = sample.drawn(len(found.ids), n, asked.seed)
    else:
        field = single_field(asked.by, row.own)
        rows = sample.balanced(values_of(reader, found.ids, field), n, asked.seed)
    scores = np.full(len(rows), np.nan, np.float32)
    return _scored(found.ids, rows, scores), about(row, found)


def _wanted(asked: SampleAsked, count: int) -> int:
    if not count:
        raise NotReady("there is no image to choose from", hint="is the filter right?")
    wanted = asked.n if asked.n is not None else round((asked.share or 0) * count)
    return max(1, min(count, wanted))


def _scored(ids: pa.Array, rows: Ints, score: Floats) -> pa.Table:
    nothing = np.isnan(score)
    scores = pa.array(score.astype(np.float32), mask=nothing)
    return pa.table({"id": ids.take(pa.array(rows)), "score": scores})


# -- clusters ---------------------------------------------------------------------------------


def clustered(bench: Bench, row: DatasetRow, wanted: Wanted) -> tuple[pa.Table, About]:
    """Every image's cluster at each level, and what the clusters are."""
    assert isinstance(wanted.asked, ClustersAsked)
    found = bench.vectors(row)
    known = bench.analyses.result(row.dataset_id, wanted.asked)
    kept = _kept_tree(bench, row, wanted, found) if known else None
    tree = kept or clusters.tree(found.values, wanted.asked.seed, bench.step("clustering"))
    label, far = clusters.labels(found.values, tree, bench.step("assigning"))
    before = known.about.more.get("levels") if known and kept else None
    bench.tell("naming", None, None)
    words = _named(bench, row, found, tree, label, before)
    levels = [
        _described(found, words[level], tree.parents[level], label[:, level], far[:, level])
        for level in range(len(tree.centroids))
    ]
    _keep_tree(bench, wanted, tree)
    depth = label.shape[1]
    columns: dict[str, Any] = {"id": found.ids}
    columns |= {f"cluster_{n}": pa.array(label[:, n].astype(np.int32)) for n in range(depth)}
    columns |= {f"distance_{n}": pa.array(far[:, n]) for n in range(depth)}
    return pa.table(columns), about(row, found, levels=levels)


def _kept_tree(bench: Bench, row: DatasetRow, wanted: Wanted, found: Vectors) -> Tree | None:
    """The clusters of the last time, so that they keep their names while a dataset grows."""
    last = bench.analyses.result(row.dataset_id, wanted.asked)
    table = bench.analyses.side(row.dataset_id, "centroids")
    if last is None or table is None or last.about.model_key != row.model_key:
        return None
    if not 1 / _GROWTH <= len(found.ids) / max(1, last.about.covered) <= _GROWTH:
        return None
    mine = [one for one in table.to_pylist() if one["name"] == wanted.name]
    levels = sorted({one["level"] for one in mine})
    if not mine or len(mine[0]["vector"]) != found.values.shape[1]:
        return None
    parts = [[one for one in mine if one["level"] == level] for level in levels]
    return Tree(
        [np.array([one["vector"] for one in part], np.float32) for part in parts],
        [np.array([one["parent"] for one in part], np.int64) for part in parts],
    )


def _keep_tree(bench: Bench, wanted: Wanted, tree: Tree) -> None:
    rows = [
        {"name": wanted.name, "level": level, "parent": int(parent), "vector": vector.tolist()}
        for level, (vectors, parents) in enumerate(zip(tree.centroids, tree.parents, strict=True))
        for vector, parent in zip(vectors, parents, strict=True)
    ]
    kind = pa.schema(
        [
            ("name", pa.string()),
            ("level", pa.int32()),
            ("parent", pa.int32()),
            ("vector", pa.list_(pa.float32())),
        ]
    )
    bench.analyses.set_side(wanted.dataset_id, "centroids", pa.Table.from_pylist(rows, kind))


def _described(
    found: Vectors, words: list[list[str]], parents: Ints, label: Ints, far: Floats
) -> list[dict[str, Any]]:
    """The clusters of one level: words, size, parent, examples, spread."""
    count = len(words)
    size = np.bincount(label, minlength=count)
    total = np.bincount(label, weights=far, minlength=count)
    order = np.lexsort((far, label))
    starts = np.searchsorted(label[order], np.arange(count))
    clusters_of = []
    for number in range(count):
        nearest = order[starts[number] : starts[number] + min(_EXAMPLES, int(size[number]))]
        clusters_of.append(
            {
                "words": words[number],
                "size": int(size[number]),
                "parent": int(parents[number]),
                "examples": found.ids.take(pa.array(nearest)).to_pylist(),
                "spread": round(float(total[number] / max(1, size[number])), 5),
            }
        )
    return clusters_of


def _named(  # noqa: PLR0917
    bench: Bench,
    row: DatasetRow,
    found: Vectors,
    tree: Tree,
    label: Ints,
    before: list[list[dict[str, Any]]] | None,
) -> list[list[list[str]]]:
    """For each level the words of its clusters; those of the last time where they are the same."""
    if before is not None:
        return [[one["words"] for one in level] for level in before]
    captions = captions_of(bench.catalog.reader(row.dataset_id, row.serving), found.ids)
    vocabulary = _vocabulary(bench, row)
    return [
        _words(captions, label[:, level], centroids, vocabulary)
        for level, centroids in enumerate(tree.centroids)
    ]


def _vocabulary(bench: Bench, row: DatasetRow) -> npt.NDArray[np.float16] | None:
    """Vectors of the words there are; None where the model cannot be asked."""
    try:
        return bench.texts(str(row.model), row.model_key, list(clusters.vocabulary()))
    except RayographError:
        return None


def _words(
    captions: pa.ChunkedArray,
    label: Ints,
    centroids: Floats,
    vocabulary: npt.NDArray[np.float16] | None,
) -> list[list[str]]:
    """Words of the images' own captions where half of them have one, else the model's."""
    size = np.bincount(label, minlength=len(centroids))
    said = clusters.caption_words(captions, label, len(centroids), 0)
    captioned = np.bincount(
        label[captions.is_valid().to_numpy()], minlength=len(centroids)
    ) >= 0.5 * np.maximum(size, 1)
    named: list[list[str]] = [[] for _ in centroids]
    if vocabulary is not None:
        words = clusters.vocabulary()
        near = clusters.nearest_words(centroids, size.astype(np.float64), vocabulary)
        named = [[words[n] for n in line] for line in near]
    return [
        own if own and enough else other
        for own, other, enough in zip(said, named, captioned.tolist(), strict=True)
    ]


# -- the map ----------------------------------------------------------------------------------


def mapped(bench: Bench, row: DatasetRow, wanted: Wanted) -> tuple[pa.Table, About]:
    """A place for every image; those that had one keep it while there are about as many."""
    assert isinstance(wanted.asked, MapAsked)
    seed = wanted.asked.seed
    found = bench.vectors(row)
    rows, at = _kept_places(bench, row, wanted, found)
    if not len(rows):
        rows = places.sampled(len(found.ids), seed)
        at = places.fitted(found.values[rows], seed, bench.step("projecting"))
    xy = np.empty((len(found.ids), 2), np.float32)
    xy[rows] = at
    rest = np.setdiff1d(np.arange(len(found.ids)), rows)
    if len(rest):
        basis = rows[:: max(1, len(rows) // places.SAMPLE)]
        xy[rest] = places.placed(
            found.values[rest], found.values[basis], xy[basis], seed, bench.step("placing")
        )
    label, named = _grouped(bench, row, found)
    table = pa.table(
        {
            "id": found.ids,
            "x": pa.array(xy[:, 0]),
            "y": pa.array(xy[:, 1]),
            "cluster": pa.array(label.astype(np.int32)),
        }
    )
    low, high = xy.min(0), xy.max(0)
    bounds = [float(low[0]), float(low[1]), float(high[0]), float(high[1])]
    more = {"level": len(named) - 1, "clusters": named}
    return table, about(row, found, bounds=bounds, **more)


def _grouped(
    bench: Bench, row: DatasetRow, found: Vectors
) -> tuple[Ints, list[list[dict[str, Any]]]]:
    """Every image's cluster of the middle level, and the words of that level and the coarser one.

    They are those of the clusters' own analysis where there is one, so that both say the same; the
    map keeps them itself, since either may be worked out anew without the other.
    """
    bench.tell("clustering", None, None)
    wanted = Wanted(row.dataset_id, ClustersAsked())
    kept = _kept_tree(bench, row, wanted, found)
    last = bench.analyses.result(row.dataset_id, wanted.asked) if kept else None
    tree = kept or clusters.tree(found.values, 0)
    label = clusters.labels(found.values, tree)[0]
    words = _named(bench, row, found, tree, label, last.about.more["levels"] if last else None)
    level = clusters.default_level(len(tree.centroids))
    named = [
        [
            {"words": each, "parent": int(parent)}
            for each, parent in zip(words[at], tree.parents[at], strict=True)
        ]
        for at in range(level + 1)
    ]
    return label[:, level], named


def _kept_places(
    bench: Bench, row: DatasetRow, wanted: Wanted, found: Vectors
) -> tuple[Ints, Floats]:
    """Rows that had a place already, and those places; none where a new projection is due."""
    last = bench.analyses.result(row.dataset_id, wanted.asked)
    nothing = np.zeros(0, np.int64), np.zeros((0, 2), np.float32)
    if last is None or last.about.model_key != row.model_key:
        return nothing
    if not 1 / _GROWTH <= len(found.ids) / max(1, last.about.covered) <= _GROWTH:
        return nothing
    table = last.table(["id", "x", "y"])
    place = pc.index_in(found.ids, value_set=table["id"].combine_chunks()).fill_null(-1)
    place = place.to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(place >= 0)
    at = np.stack([table["x"].to_numpy()[place[rows]], table["y"].to_numpy()[place[rows]]], 1)
    return rows, at.astype(np.float32)
