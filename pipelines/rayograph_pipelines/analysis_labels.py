"""The scores of a labelling: words or corrections make a head, the head scores every vector.

Fragments are scored one lot at a time, each with a commit of its own, and noted with the mark of
the head and of the vectors: what was done before a kill, or before a dataset grew, is not done
again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from threadpoolctl import threadpool_limits

from rayograph.analysis.unrelated import TEXTS
from rayograph.catalog import DatasetReader, DatasetRow
from rayograph.catalog.analyses import About, Result, Wanted
from rayograph.catalog.analysis_data import marks_of
from rayograph.catalog.corrections import Corrections
from rayograph.catalog.counts import DONE
from rayograph.catalog.filters import present
from rayograph.catalog.labels import matrix
from rayograph.catalog.vectors import sample_vectors
from rayograph.errors import InvalidRequest, NotFound, NotReady
from rayograph.labelling.definition import Labelling
from rayograph.labelling.heads import Head, Scale, by_words, mean_text, scale_of, to_table
from rayograph.labelling.probe import Examples, Refined, prior_of, refined
from rayograph_pipelines.analysis_bench import Bench

_LOT_ROWS = 16_000
_LISTED = 500
_SAMPLE, _PRIOR_SAMPLE = 1_024, 4_096
_SIDE = "labelled"
Vectors = npt.NDArray[np.float32]


def labelled(bench: Bench, row: DatasetRow, wanted: Wanted) -> tuple[pa.Table, About]:
    """Score every image that has a vector; the result is the head that did."""
    labelling = _labelling(row, wanted)
    reader = bench.catalog.reader(row.dataset_id, row.serving)
    bench.tell("reading", None, None)
    last = bench.analyses.result(row.dataset_id, wanted.asked)
    scale, measured = _scale(bench, row, reader, last)
    words = by_words(_texts(bench, row, labelling), scale, several=labelling.several)
    more: dict[str, Any] = {"use": labelling.use, "scale": list(scale), "measured": measured}
    head = words
    if labelling.use == "probe":
        probe = _probe(bench, reader, labelling, words)
        head = probe.head
        more |= {
            "examples": probe.examples,
            "words_right": probe.words_right,
            "probe_right": probe.probe_right,
        }
    marks, version = marks_of(reader), reader.snapshot().version
    _score(bench, row, labelling, head)
    more |= {"head": head.mark}
    snapshot = reader.snapshot()
    shown = present(snapshot) or "true"
    about = About(
        int(snapshot.count_rows(f"({shown}) and {reader.space.state} = {DONE}")),
        int(snapshot.count_rows(shown)),
        marks,
        row.model,
        row.model_key,
        version,
        more=more,
    )
    return to_table(head, [each.key for each in labelling.classes]), about


def _labelling(row: DatasetRow, wanted: Wanted) -> Labelling:
    number = getattr(wanted.asked, "number", None)
    for labelling in row.labellings.items:
        if labelling.number == number:
            return labelling
    raise NotFound("these labels were removed")


def _texts(bench: Bench, row: DatasetRow, labelling: Labelling) -> Vectors:
    """For each class the mean of its prompts' vectors, length 1."""
    prompts = [text for each in labelling.classes for text in each.texts]
    vectors = bench.texts(str(row.model), row.model_key, prompts).astype(np.float32)
    found, at = [], 0
    for each in labelling.classes:
        found.append(mean_text(vectors[at : at + len(each.texts)]))
        at += len(each.texts)
    return np.stack(found)


def _scale(
    bench: Bench, row: DatasetRow, reader: DatasetReader, last: Result | None
) -> tuple[Scale, int]:
    """What a similarity means here, and of how many vectors that was found out.

    It stays until a dataset has doubled: else a few new images would have all scored anew.
    """
    vectors = reader.counts().stage("embedding")["done"]
    if not vectors:
        raise NotReady("no image has a vector yet", hint="try again when some are ready")
    if last is not None and last.about.model_key == row.model_key:
        known = last.about.more
        if "scale" in known and vectors < 2 * known["measured"]:
            return Scale(*known["scale"]), int(known["measured"])
    texts = bench.texts(str(row.model), row.model_key, list(TEXTS)).astype(np.float32)
    return scale_of(texts, sample_vectors(reader, _SAMPLE)), vectors


def _score(bench: Bench, row: DatasetRow, labelling: Labelling, head: Head) -> None:
    table = bench.catalog.labels(row, labelling)
    table.prepare()
    fragments = table.fragments()
    done = _done(bench, row, labelling, head)
    todo = [(number, mark, rows) for number, mark, rows in fragments if (number, mark) not in done]
    told, total = bench.step("scoring"), sum(rows for _, _, rows in fragments)
    at = total - sum(rows for _, _, rows in todo)
    # Products so small are done before a second thread has heard of them.
    with threadpool_limits(1):
        for lot in _lots(todo):
            told(at, total)
            table.score([number for number, _, _ in lot], head)
            _note(bench, row, labelling, head, lot)
            at += sum(rows for _, _, rows in lot)
    told(total, total)


def _lots(todo: list[tuple[int, str, int]]) -> list[list[tuple[int, str, int]]]:
    """Fragments that are committed together: small ones come in numbers."""
    lots: list[list[tuple[int, str, int]]] = []
    room = 0
    for one in todo:
        if one[2] > room:
            lots.append([])
            room = _LOT_ROWS
        lots[-1].append(one)
        room -= one[2]
    return lots


def _done(bench: Bench, row: DatasetRow, labelling: Labelling, head: Head) -> set[tuple[int, str]]:
    """Fragments, with the mark of their vectors, that this head has scored last."""
    table = bench.analyses.side(row.dataset_id, _SIDE)
    if table is None:
        return set()
    last: dict[int, tuple[str, str]] = {}
    for one in table.filter(pc.equal(table["labelling"], labelling.number)).to_pylist():
        last[one["fragment"]] = one["head"], one["mark"]
    return {(number, mark) for number, (by, mark) in last.items() if by == head.mark}


def _note(
    bench: Bench, row: DatasetRow, labelling: Labelling, head: Head, lot: list[tuple[int, str, int]]
) -> None:
    rows = {
        "labelling": pa.array([labelling.number] * len(lot), pa.int32()),
        "head": pa.array([head.mark] * len(lot)),
        "fragment": pa.array([number for number, _, _ in lot], pa.int64()),
        "mark": pa.array([mark for _, mark, _ in lot]),
    }
    bench.analyses.add_to_side(row.dataset_id, _SIDE, pa.table(rows))


# -- the probe --------------------------------------------------------------------------------


def _probe(bench: Bench, reader: DatasetReader, labelling: Labelling, words: Head) -> Refined:
    said = bench.analyses.corrections(reader.dataset_id).read(labelling)
    examples = _examples(reader, said)
    if not len(examples):
        raise InvalidRequest(
            "nothing has been corrected yet", hint="say of some images whether they are right"
        )
    prior = prior_of(words, sample_vectors(reader, _PRIOR_SAMPLE, seed=1))
    thresholds = [each.threshold for each in labelling.classes]
    return refined(words, examples, prior, thresholds, bench.step("training"))


def _examples(reader: DatasetReader, said: Corrections) -> Examples:
    """Corrected images that have a vector, one for each content."""
    snapshot, space = reader.snapshot(), reader.space
    found = []
    names = ["id", space.content_hash, space.vector]
    for column, values in _keys(said, space.content_hash).items():
        for start in range(0, len(values), _LISTED):
            listed = ", ".join(f"'{value}'" for value in values[start : start + _LISTED])
            picked = f"{column} in ({listed}) and {space.state} = {DONE}"
            found.append(snapshot.to_table(columns=names, filter=picked))
    table = pa.concat_tables(found) if found else None
    if table is None or not table.num_rows:
        width = snapshot.schema.field(space.vector).type.list_size
        nothing = np.zeros((0, said.said.shape[1]), np.int8)
        return Examples(np.zeros((0, width), np.float32), nothing, np.zeros(0, np.float32))
    claims = said.of(table["id"], table[space.content_hash])
    assert claims is not None
    vectors = matrix(table[space.vector], np.ones(table.num_rows, bool))
    _, first = np.unique(table[space.content_hash].fill_null("").to_pylist(), return_index=True)
    unknown = np.flatnonzero(table[space.content_hash].is_null().to_numpy())
    chosen = np.union1d(first, unknown)
    return Examples(vectors[chosen], claims[chosen], np.ones(len(chosen), np.float32))


def _keys(said: Corrections, hashes: str) -> dict[str, list[str]]:
    """What corrected images are looked for by, for each column; a quote cannot be in one."""
    contents = [each for each in said.contents.to_pylist() if "'" not in each]
    return {
        hashes: [each for each in contents if not each.startswith("id:")],
        "id": [each.removeprefix("id:") for each in contents if each.startswith("id:")],
    }
