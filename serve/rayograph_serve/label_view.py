"""One labelling as the API shows it: who gets which class, and where the scores came from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rayograph.analysis.answers import Computing
from rayograph.catalog import Catalog, DatasetRow
from rayograph.catalog.analyses import AskedState, Result
from rayograph.catalog.analysis_data import marks_of
from rayograph.catalog.corrections import Corrections
from rayograph.catalog.filters import in_sight
from rayograph.catalog.label_counts import EDGES, Histograms, LabelCounts, count_from
from rayograph.labelling.answers import Bins, ClassInfo, Labels, Quality
from rayograph.labelling.definition import Labelling
from rayograph.schema import Coverage


class Known(NamedTuple):
    """How the scoring of a labelling stands."""

    state: AskedState
    error: str | None
    computing: Computing | None


def view(  # noqa: PLR0917
    catalog: Catalog,
    counting: LabelCounts,
    row: DatasetRow,
    labelling: Labelling,
    known: Known,
    result: Result | None,
) -> Labels:
    """All there is to say of a labelling, from the newest version of the table."""
    reader = catalog.reader(row.dataset_id, row.serving)
    snapshot = reader.snapshot()
    found = counting.of(row.dataset_id, snapshot, labelling)
    said = catalog.analyses.corrections(row.dataset_id).read(labelling)
    classes = _classes(labelling, found, said)
    about = None if result is None else result.about
    stale = about is not None and (
        about.marks != marks_of(reader, snapshot) or about.model_key != row.model_key
    )
    labelled = sum(each.count for each in classes)
    total = int(snapshot.count_rows(in_sight(snapshot)))
    return Labels(
        name=labelling.name,
        several=labelling.several,
        use=labelling.use,
        classes=classes,
        unlabelled=None if labelling.several else found.scored - labelled,
        stale=stale,
        coverage=Coverage(searched=found.scored, total=total),
        model=None if about is None else about.model,
        corrections=len(said),
        unused=_unused(said, result),
        quality=_quality(result),
        made_at=None if about is None else about.made_at,
        took_s=None if about is None else about.took_s,
        created_at=labelling.created_at,
        **known._asdict(),
    )


def _classes(labelling: Labelling, found: Histograms, said: Corrections) -> list[ClassInfo]:
    edges = EDGES.tolist()
    return [
        ClassInfo(
            name=each.name,
            key=each.key,
            prompts=each.texts,
            threshold=each.threshold,
            count=count_from(found.counts[at], each.threshold),
            yes=int((said.said[:, at] > 0).sum()),
            no=int((said.said[:, at] < 0).sum()),
            where=f"labels.{labelling.name}:{each.key}",
            histogram=Bins(edges=edges, counts=found.counts[at].tolist()),
        )
        for at, each in enumerate(labelling.classes)
    ]


def _unused(said: Corrections, result: Result | None) -> int:
    """How many contents were corrected after the probe was trained."""
    if result is None or result.about.more.get("use") != "probe":
        return len(said)
    later = np.array(said.table["said_at"].to_pylist()) > result.about.made_at
    return len(set(said.table["content"].filter(later).to_pylist())) if len(later) else 0


def _quality(result: Result | None) -> Quality | None:
    more: dict[str, Any] = {} if result is None else result.about.more
    if more.get("use") != "probe":
        return None
    return Quality(examples=more["examples"], words=more["words_right"], probe=more["probe_right"])
