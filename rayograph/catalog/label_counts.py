"""How many images have which score: counted fragment by fragment, and again where files changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

import lance
import numpy as np
import numpy.typing as npt

from rayograph.catalog.columns import OUT_OF_SIGHT
from rayograph.catalog.labels import present_in
from rayograph.labelling.definition import Labelling

BINS = 100
# Where bins begin and end, as a filter reads them: ``score>=0.07`` counts whole bins.
EDGES = np.array([at / BINS for at in range(BINS + 1)])
Counts = npt.NDArray[np.int64]
_KEPT_TABLES = 64


@dataclass(frozen=True)
class Histograms:
    """``counts [classes, bins]`` of images that can get the class, and how many have a score.

    Where an image has one class, it can get its best one alone.
    """

    counts: Counts
    scored: int
    version: int


class LabelCounts:
    """Counts of any dataset's labellings; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, dict[Hashable, tuple[Counts, int]]] = OrderedDict()

    def of(self, dataset: str, snapshot: lance.LanceDataset, labelling: Labelling) -> Histograms:
        """The histograms of a labelling in one version of a dataset's table."""
        if not present_in(snapshot, labelling):
            nothing = np.zeros((len(labelling.classes), BINS), np.int64)
            return Histograms(nothing, 0, int(snapshot.version))
        key = (dataset, labelling.number, labelling.created_at)
        with self._lock:
            known = self._kept.get(key, {})
        parts = self._parts(snapshot, labelling, known)
        with self._lock:
            self._kept[key] = parts
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT_TABLES:
                self._kept.popitem(last=False)
        nothing = np.zeros((len(labelling.classes), BINS), np.int64)
        counts = sum((counts for counts, _ in parts.values()), nothing)
        scored = sum(scored for _, scored in parts.values())
        return Histograms(counts, scored, int(snapshot.version))

    def _parts(
        self,
        snapshot: lance.LanceDataset,
        labelling: Labelling,
        known: dict[Hashable, tuple[Counts, int]],
    ) -> dict[Hashable, tuple[Counts, int]]:
        names = [*labelling.columns[:-1]]
        names += [name for name in OUT_OF_SIGHT if name in snapshot.schema.names]
        numbers = {f.id() for f in snapshot.lance_schema.fields() if f.name() in names}
        found: dict[Hashable, tuple[Counts, int]] = {}
        for fragment in snapshot.get_fragments():
            about = fragment.metadata
            files = tuple(file.path for file in about.files if numbers & set(file.fields))
            if not files:
                continue
            key = (fragment.fragment_id, files, str(about.deletion_file))
            found[key] = known.get(key) or _counted(fragment, names, labelling)
        return found


def _counted(
    fragment: lance.LanceFragment, names: list[str], labelling: Labelling
) -> tuple[Counts, int]:
    table = fragment.to_table(columns=names)
    there = table[labelling.best].is_valid().to_numpy()
    for name in set(OUT_OF_SIGHT) & set(table.column_names):
        there &= ~table[name].fill_null(False).to_numpy()
    best = table[labelling.best].fill_null(-1).to_numpy()
    counts = np.zeros((len(labelling.classes), BINS), np.int64)
    for at in range(len(labelling.classes)):
        mine = there if labelling.several else there & (best == at)
        values = table[labelling.score(at)].fill_null(0).to_numpy()[mine].astype(np.float64)
        places = np.searchsorted(EDGES, values, side="right") - 1
        counts[at] = np.bincount(np.clip(places, 0, BINS - 1), minlength=BINS)
    return counts, int(there.sum())


def count_from(counts: Counts, threshold: float) -> int:
    """How many have at least a score, one of ``EDGES``."""
    return int(counts[int(np.searchsorted(EDGES, threshold, side="left")) :].sum())
