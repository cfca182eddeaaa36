"""What similarity is unusual in a dataset, so that a query that matches nothing can say so.

A model's similarities mean nothing by themselves: 0.25 is a good match for one and noise for
another. So they are compared with those of things that mostly do not belong together: texts about
anything, and other pictures of the dataset (docs/decisions/0017).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rayograph.analysis.unrelated import TEXTS
from rayograph.catalog.vectors import sample_vectors
from rayograph.errors import RayographError
from rayograph_serve.querying import Space
from rayograph_serve.work import Work

log = logging.getLogger(__name__)
# The share of such pairs that is less alike than the cut-off.
_TEXT_SHARE, _PICTURE_SHARE = 0.975, 0.99
_FEWEST, _SAMPLE = 50, 1024
_PATIENCE_S = 0.5
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """The least similarity of a likely match, for texts and for pictures."""

    text: float
    picture: float
    vectors: int


class Calibration:
    """Cut-offs by dataset and model, measured when first asked for and again as it grows."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._known: dict[tuple[str, str | None], Cutoffs] = {}
        self._measuring: dict[tuple[str, str | None], asyncio.Task[Cutoffs | None]] = {}

    async def cutoffs(self, dataset_id: str, space: Space, *, wait: bool) -> Cutoffs | None:
        """None while too few have vectors, or it takes longer than a search should.

        Args:
            wait: however long it takes.
        """
        key = (dataset_id, space.key)
        vectors = (await asyncio.to_thread(space.reader.counts)).stage("embedding")["done"]
        known = self._known.get(key)
        if vectors < _FEWEST or (known and vectors < 2 * known.vectors):
            return known
        task = self._measuring.get(key)
        if task is None:
            task = asyncio.create_task(self._measured(key, space, vectors))
            self._measuring[key] = task
            task.add_done_callback(lambda _: self._measuring.pop(key, None))
        done, _ = await asyncio.wait({task}, timeout=None if wait else _PATIENCE_S)
        return task.result() if done else known

    async def _measured(
        self, key: tuple[str, str | None], space: Space, vectors: int
    ) -> Cutoffs | None:
        try:
            texts = [await self._work.text(space.model, space.key, text) for text in TEXTS]
            sample = await asyncio.to_thread(sample_vectors, space.reader, _SAMPLE)
        except RayographError as error:
            log.info("no cut-offs for %s: %s", key[0], error)
            return None
        if len(sample) < _FEWEST:
            return None
        self._known[key] = cutoffs_of(np.asarray(texts, np.float32), sample, vectors)
        return self._known[key]


def cutoffs_of(texts: Vectors, pictures: Vectors, vectors: int) -> Cutoffs:
    """From vectors of length 1: texts about anything, and a sample of the pictures."""
    between = texts @ pictures.T
    among = (pictures @ pictures.T)[np.triu_indices(len(pictures), 1)]
    return Cutoffs(
        text=float(np.quantile(between, _TEXT_SHARE)),
        picture=float(np.quantile(among, _PICTURE_SHARE)),
        vectors=vectors,
    )
