"""What an analysis is worked out with: the catalog, the model's words, files' hashes, an ear."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rayograph.catalog import Catalog, DatasetRow
from rayograph.catalog.analyses import Analyses
from rayograph.catalog.analysis_data import Vectors, vectors
from rayograph.catalog.filters import Filter
from rayograph.errors import NotReady

Tell = Callable[[str, int | None, int | None], None]
Texts = Callable[[str, str | None, list[str]], npt.NDArray[np.float16]]
# Rows with ``id`` and ``uri`` -> the same with hashes, as they come; whether to decode.
Fingerprints = Callable[[pa.Table, bool], Iterator[pa.Table]]


@dataclass(frozen=True)
class Bench:
    """What an analysis is worked out with.

    Args:
        tell: takes the stage, and how far it is.
        texts: vectors of texts by the model that made a dataset's.
    """

    catalog: Catalog
    tell: Tell
    texts: Texts
    fingerprints: Fingerprints

    @property
    def analyses(self) -> Analyses:
        return self.catalog.analyses

    def step(self, stage: str) -> Callable[[int, int], None]:
        """A stage's progress."""
        self.tell(stage, None, None)
        return partial(self.tell, stage)

    def vectors(self, row: DatasetRow, where: Filter | None = None) -> Vectors:
        """A dataset's vectors, of what a filter picks.

        Raises:
            NotReady: there are none.
        """
        self.tell("reading", None, None)
        found = vectors(self.catalog.reader(row.dataset_id, row.serving), where)
        if not len(found.ids):
            raise NotReady("no image has a vector yet", hint="try again when some are ready")
        return found
