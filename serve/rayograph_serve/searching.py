"""Search: a query becomes a vector of the model that made the dataset's, and the nearest win."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from rayograph.catalog import Catalog, DatasetReader, DatasetRow, Snapshot
from rayograph.catalog.filters import Filter, in_sight
from rayograph.catalog.nearest import find_nearest
from rayograph.catalog.vectors import vectors_at
from rayograph.catalog.words import find_words
from rayograph.errors import ModelUnavailable, NotReady, WeightsChanged
from rayograph.progress import embeds
from rayograph.schema import Coverage, Cutoff, Hit, ImageRecord, SearchRequest, SearchResponse
from rayograph.settings import Settings
from rayograph_serve.calibration import Calibration, Cutoffs
from rayograph_serve.engine import Located
from rayograph_serve.filters import chosen_by
from rayograph_serve.querying import Asker, Query, Space
from rayograph_serve.ranking import POOL, Ranked, fuse, rank_worth, word_ranks
from rayograph_serve.work import Work


@dataclass(frozen=True, slots=True)
class _Among:
    """One version of a dataset's rows, and what is picked of them (None: all)."""

    reader: DatasetReader
    snapshot: Snapshot
    where: Filter | None

    @classmethod
    async def newest(cls, reader: DatasetReader, where: Filter | None) -> _Among:
        return cls(reader, await asyncio.to_thread(reader.snapshot), where)


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found, best first, and among how many; ``usual`` is the calibrated cut-off."""

    among: _Among
    ranked: list[Ranked]
    searched: int
    total: int
    usual: float | None = None
    model: str | None = None


class Searcher:
    """Ranks a dataset's images.

    Args:
        locate: where an image's bytes are.
        records: table rows as the API's records.
    """

    def __init__(
        self,
        catalog: Catalog,
        work: Work,
        settings: Settings,
        *,
        locate: Callable[[str], Awaitable[Located]],
        records: Callable[[DatasetRow, list[dict[str, Any]]], list[ImageRecord]],
    ) -> None:
        self._catalog = catalog
        self._work = work
        self._settings = settings
        self._asker = Asker(work, settings, locate=locate)
        self._calibration = Calibration(work)
        self._records = records

    async def search(self, row: DatasetRow, request: SearchRequest) -> SearchResponse:
        """The nearest images to what is asked for, among those that have vectors."""
        began = time.perf_counter()
        where = chosen_by(row, request.where)
        if request.by == "words":
            found = await self._words_alone(row, request, where)
            return found.model_copy(update={"took_ms": _ms_since(began)})
        if not embeds(row):
            raise ModelUnavailable(
                f"this dataset cannot be searched: {row.embed_note or 'no model'}",
                hint="GET /api/models says which models there are",
            )
        if row.model is None:
            raise NotReady("a model is still being chosen", hint="try again in a moment")
        try:
            found = await self._search_in(row, self._serving(row), request, where)
        except ModelUnavailable as error:
            if isinstance(error, WeightsChanged):
                # The vectors are made anew, from now on.
                await self._work.start(row.dataset_id)
            making = self._making(row)
            if making is None:
                raise
            found = await self._search_in(row, making, request, where)
        except NotReady:
            newest = await asyncio.to_thread(self._catalog.dataset, row.dataset_id)
            if newest.space == row.space:
                raise
            # Another model began to serve while this one was being asked.
            return await self.search(newest, request)
        return found.model_copy(update={"took_ms": _ms_since(began)})

    async def _words_alone(
        self, row: DatasetRow, request: SearchRequest, where: Filter | None
    ) -> SearchResponse:
        """All images have their names from the start, so all are searched."""
        reader = self._catalog.reader(row.dataset_id, row.serving)
        among = await _Among.newest(reader, where)
        ranked = await _by_words(among, None, request)
        _, total = await asyncio.to_thread(reader.page, offset=0, limit=1, where=where)
        ranked.sort(key=lambda each: each.word_rank or 0)
        return await self._answer(row, request, _Found(among, ranked, total, total))

    def _serving(self, row: DatasetRow) -> Space:
        reader = self._catalog.reader(row.dataset_id, row.serving)
        return Space(reader, str(row.model), row.model_key)

    def _making(self, row: DatasetRow) -> Space | None:
        """The vectors of a model that is to serve later."""
        if row.next_model is None or row.next_model_key is None:
            return None
        reader = self._catalog.reader(row.dataset_id, row.serving.other)
        return Space(reader, row.next_model, row.next_model_key)

    async def _search_in(
        self, row: DatasetRow, space: Space, request: SearchRequest, where: Filter | None
    ) -> SearchResponse:
        vector = await self._asker.query(row, space, request)
        found, cutoffs = await asyncio.gather(
            self._found(row, await _Among.newest(space.reader, where), vector, request),
            self._calibration.cutoffs(row.dataset_id, space, wait=request.cutoff == "auto"),
        )
        if not found.searched and where is None and not found.ranked:
            raise NotReady("no image has a vector yet", hint="try again in a moment")
        usual = _usual(cutoffs, request)
        return await self._answer(row, request, replace(found, usual=usual, model=space.model))

    async def _found(
        self, row: DatasetRow, among: _Among, vector: Query, request: SearchRequest
    ) -> _Found:
        reader, snapshot, where = among.reader, among.snapshot, among.where
        reader.require_vectors(snapshot)
        worded = await _by_words(among, vector, request)
        searched, total = await asyncio.to_thread(reader.coverage, snapshot, where)
        # One more than asked for says whether there is a next page.
        wanted = max(request.offset + request.k + 1, POOL if worded else 0)
        nearest = await asyncio.to_thread(
            find_nearest,
            snapshot,
            reader.space,
            vector,
            k=wanted,
            refine=self._settings.index.refine,
            where=where,
            picked=total,
            thorough=bool(row.index_thorough),
        )
        # A vector of zeros has no direction, so no similarity either.
        pairs = zip(nearest.addresses, nearest.scores, strict=True)
        meant = [Ranked(at, score, score) for at, score in pairs if math.isfinite(score)]
        ranked = fuse(meant, worded) if worded else meant
        return _Found(among, ranked, searched, total)

    async def _answer(
        self, row: DatasetRow, request: SearchRequest, found: _Found
    ) -> SearchResponse:
        kept = [each for each in found.ranked if _passes(each, request.cutoff, found.usual)]
        end = request.offset + request.k
        page = kept[request.offset : end]
        among = found.among
        rows = await asyncio.to_thread(
            among.reader.records_at, among.snapshot, [each.row for each in page]
        )
        return SearchResponse(
            items=[
                _hit(*pair, found.usual)
                for pair in zip(self._records(row, rows), page, strict=True)
            ],
            coverage=Coverage(searched=found.searched, total=found.total),
            took_ms=0.0,
            model=found.model,
            cutoff=None if found.usual is None else round(found.usual, 6),
            next_offset=end if len(kept) > end else None,
        )


async def _by_words(among: _Among, vector: Query | None, request: SearchRequest) -> list[Ranked]:
    # Examples steer by meaning: pictures that only have the words would not follow.
    steered = request.by == "both" and (request.more_like or request.less_like)
    if request.text is None or request.by == "meaning" or steered:
        return []
    most = POOL if request.by == "both" else request.offset + request.k + 1
    return await asyncio.to_thread(_worded, among, vector, request.text, most)


def _worded(among: _Among, vector: Query | None, text: str, most: int) -> list[Ranked]:
    snapshot, where = among.snapshot, among.where
    sql = where.sql(snapshot) if where is not None else in_sight(snapshot)
    ranks = word_ranks(find_words(snapshot, text, k=most, sql=sql))
    vectors = {} if vector is None else vectors_at(snapshot, among.reader.space, list(ranks))
    found = []
    for row, rank in ranks.items():
        own = vectors.get(row)
        near = None if own is None or vector is None else float(own @ vector)
        found.append(Ranked(row, rank_worth(rank), near, rank))
    return found


def _hit(record: ImageRecord, each: Ranked, usual: float | None) -> Hit:
    return Hit(
        image=record,
        score=round(each.score, 6),
        similarity=None if each.similarity is None else round(each.similarity, 6),
        word_rank=each.word_rank,
        likely=_likely(each, usual),
    )


def _passes(each: Ranked, cutoff: Cutoff | None, usual: float | None) -> bool:
    if cutoff is None:
        return True
    if isinstance(cutoff, float):
        return each.similarity is not None and each.similarity >= cutoff
    return _likely(each, usual) is not False


def _usual(cutoffs: Cutoffs | None, request: SearchRequest) -> float | None:
    """The cut-off for a text or for pictures; of a mixture nobody knows what is unusual."""
    steered = bool(request.more_like or request.less_like)
    if cutoffs is None or (request.text is not None and steered):
        return None
    return cutoffs.text if request.text is not None else cutoffs.picture


def _likely(each: Ranked, usual: float | None) -> bool | None:
    if each.word_rank is not None:
        return True
    if usual is None or each.similarity is None:
        return None
    return each.similarity >= usual


def _ms_since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 2)
