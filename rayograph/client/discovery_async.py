"""The same questions about a whole dataset, to be awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from rayograph.analysis.answers import (
    AnalysisInfo,
    AnalysisList,
    ClusterList,
    ClusterPage,
    Computing,
    Decision,
    DecisionPage,
    DuplicatePage,
    OutlierPage,
    SamplePage,
)
from rayograph.analysis.asked import AnalysisKind, Likeness, SampleMethod
from rayograph.client.calls import Call, read
from rayograph.client.discovery import (
    PAGE,
    Hear,
    Patience,
    ask,
    cancel,
    decide,
    joined,
    refresh,
    table,
    there,
    unfinished,
)
from rayograph.client.transport import AsyncTransport

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")


class AsyncDiscovery:
    """The part of ``AsyncDataset`` that is about the whole of it; every answer is waited for.

    ``wait=False`` raises ``NotReady`` instead of waiting, ``timeout`` (s) ``TimeoutError``;
    ``on_progress`` is called at each look.
    """

    id: str
    _transport: AsyncTransport

    async def duplicates(
        self,
        kind: Likeness = "exact",
        threshold: float | None = None,
        *,
        show: Literal["open", "decided", "all"] = "open",
        limit: int = 20,
        cursor: str | None = None,
        wait: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109 (as in the blocking client)
        on_progress: Hear | None = None,
    ) -> DuplicatePage:
        """Groups of images with the same bytes, the same looks or the same content."""
        params = {"kind": kind, "threshold": threshold, "show": show}
        call = ask(
            self.id, "duplicates", there(DuplicatePage), **params, limit=limit, cursor=cursor
        )
        return await self._when_there(call, Patience(wait, timeout, on_progress))

    async def decide(
        self, image_ids: str | Iterable[str], best_id: str, decision: Decision | None
    ) -> int:
        """Keep or hide images beside the best of their group, or say they are no duplicates."""
        return (await self._transport.send(decide(self.id, image_ids, best_id, decision))).matched

    async def decisions(self, limit: int = 100, cursor: str | None = None) -> DecisionPage:
        """One page of what was decided about duplicates."""
        call = ask(self.id, "duplicates/decisions", read(DecisionPage), limit=limit, cursor=cursor)
        return await self._transport.send(call)

    async def outliers(
        self,
        neighbours: int = 10,
        *,
        limit: int = 100,
        cursor: str | None = None,
        wait: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109 (as in the blocking client)
        on_progress: Hear | None = None,
    ) -> OutlierPage:
        """Images that are like no others, the strangest first."""
        params = {"neighbours": neighbours, "limit": limit, "cursor": cursor}
        call = ask(self.id, "outliers", there(OutlierPage), **params)
        return await self._when_there(call, Patience(wait, timeout, on_progress))

    async def sample(
        self,
        n: int | None = None,
        *,
        method: SampleMethod = "diverse",
        share: float | None = None,
        seed: int = 0,
        by: str | None = None,
        where: str | None = None,
        wait: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109 (as in the blocking client)
        on_progress: Hear | None = None,
    ) -> SamplePage:
        """Some images that stand for all, all of them in ``items``."""
        params = {"n": n, "method": method, "share": share, "seed": seed, "by": by, "where": where}
        whole: SamplePage | None = None
        cursor = None
        while whole is None or cursor is not None:
            parse = there(SamplePage)
            call = ask(self.id, "sample", parse, **params, limit=PAGE, cursor=cursor)
            page = await self._when_there(call, Patience(wait, timeout, on_progress))
            whole, cursor = joined(whole, page), page.next_cursor
        return whole

    async def clusters(
        self,
        *,
        seed: int = 0,
        wait: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109 (as in the blocking client)
        on_progress: Hear | None = None,
    ) -> ClusterList:
        """Images that are alike, at several granularities, with names and examples."""
        call = ask(self.id, "clusters", there(ClusterList), seed=seed)
        return await self._when_there(call, Patience(wait, timeout, on_progress))

    async def cluster(
        self, cluster_id: str, *, seed: int = 0, limit: int = 100, cursor: str | None = None
    ) -> ClusterPage:
        """One page of a cluster's images, the most typical first."""
        params = {"seed": seed, "limit": limit, "cursor": cursor}
        call = ask(self.id, f"clusters/{cluster_id}", there(ClusterPage), **params)
        return await self._when_there(call, Patience(True, None, None))

    async def map(
        self,
        *,
        seed: int = 0,
        colour: str | None = None,
        wait: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109 (as in the blocking client)
        on_progress: Hear | None = None,
    ) -> pa.Table:
        """A place in the plane for each image: ``id``, ``x``, ``y``, ``cluster``.

        With ``colour``, a field, also the number of its value; the schema's metadata says under
        ``rayograph`` what the numbers mean.
        """
        call = ask(self.id, "map", table, seed=seed, colour=colour)
        return await self._when_there(call, Patience(wait, timeout, on_progress))

    async def analyses(self) -> list[AnalysisInfo]:
        """What was asked about this dataset so far, and what became of it."""
        return (await self._transport.send(ask(self.id, "analyses", read(AnalysisList)))).items

    async def refresh(self, analysis: AnalysisKind, **parameters: Any) -> Computing:
        """Work an analysis out anew; until it is done, the last result is answered."""
        return await self._transport.send(refresh(self.id, analysis, parameters))

    async def wait_for_analyses(
        self,
        analysis: AnalysisKind,
        timeout: float | None = None,  # noqa: ASYNC109 (as in the blocking client)
    ) -> None:
        """Wait until nothing of this kind is being worked out, after ``refresh``.

        Raises:
            AnalysisFailed: the last try failed.
            TimeoutError: not over within ``timeout`` seconds.
        """
        patience = Patience(True, timeout, None)
        while unfinished(await self.analyses(), analysis):  # noqa: ASYNC110
            await asyncio.sleep(patience.pause_s(Computing()))

    async def cancel_analysis(self, analysis: AnalysisKind) -> None:
        """End what is being worked out; results there are stay."""
        await self._transport.send(cancel(self.id, analysis))

    async def _when_there(self, call: Call[T | Computing], patience: Patience) -> T:
        while isinstance(found := await self._transport.send(call), Computing):  # noqa: ASYNC110
            await asyncio.sleep(patience.pause_s(found))  # nothing tells when it is there
        return found
