"""Labels by words in an export: the class each image gets, and its scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from rayograph.catalog.labels import require_scores
from rayograph.export.names import safe_part
from rayograph.labelling.definition import Labelling
from rayograph.labelling.heads import assigned

NONE = "unlabelled"


class LabelColumns:
    """The columns of one labelling as an export has them.

    ``label`` is the class (a list where an image can have several), ``labels.NAME.CLASS`` each
    score. Corrections are in them.

    Raises:
        NotReady: nothing has been scored yet.
    """

    def __init__(self, labelling: Labelling, snapshot: Any) -> None:
        require_scores(snapshot, labelling)
        self._labelling = labelling
        self.names = labelling.columns[:-1]

    def of(self, raw: pa.Table) -> dict[str, pa.ChunkedArray]:
        """The columns of some rows."""
        found = {"label": self._classes(raw)}
        for at, each in enumerate(self._labelling.classes):
            name = f"labels.{self._labelling.name}.{each.key}"
            found[name] = raw[self._labelling.score(at)]
        return found

    def _classes(self, raw: pa.Table) -> pa.ChunkedArray:
        labelling = self._labelling
        best = raw[labelling.best].fill_null(-1).to_numpy()
        got = np.zeros((raw.num_rows, len(labelling.classes)), bool)
        for at, each in enumerate(labelling.classes):
            scores = raw[labelling.score(at)].fill_null(-1).to_numpy()
            got[:, at] = assigned(scores, best, at, each.threshold, of_several=labelling.several)
        got[raw[labelling.best].is_null().to_numpy()] = False
        names = pa.array([each.name for each in labelling.classes], pa.string())
        if not labelling.several:
            place = pa.array(got.argmax(axis=1), mask=~got.any(axis=1))
            return pa.chunked_array([names.take(place)])
        rows, places = np.nonzero(got)
        offsets = np.searchsorted(rows, np.arange(raw.num_rows + 1)).astype(np.int32)
        lists = pa.ListArray.from_arrays(pa.array(offsets), names.take(pa.array(places)))
        return pa.chunked_array([lists])


def labels_in(row: Mapping[str, Any]) -> list[str]:
    """The classes a row of such an export has."""
    given = row.get("label")
    return [given] if isinstance(given, str) else list(given or ())


def class_folder(row: Mapping[str, Any]) -> str:
    """The folder a trainer of classifiers looks for an image in; empty: no labels were asked."""
    if "label" not in row:
        return ""
    return f"{safe_part(next(iter(labels_in(row)), NONE)) or NONE}/"
