"""What both clients ask about a whole dataset: duplicates, clusters, outliers, samples, the map."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import httpx
from pydantic import BaseModel

from rayograph.analysis.answers import (
    AnalysisInfo,
    AnalysisList,
    ClusterList,
    ClusterPage,
    Computing,
    Decide,
    Decision,
    DecisionPage,
    DecisionResult,
    DuplicatePage,
    OutlierPage,
    SamplePage,
)
from rayograph.analysis.asked import AnalysisKind, Likeness, SampleMethod
from rayograph.client.calls import Call, read
from rayograph.client.transport import Transport
from rayograph.errors import AnalysisFailed, NotReady, ServerError

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
Hear = Callable[[Computing], object]
_FIRST_S, _MOST_S = 0.1, 1.0
PAGE = 1000


def there(kind: type[M]) -> Callable[[httpx.Response], M | Computing]:
    """A parser of answers that may say it is still being worked out."""

    def parse(response: httpx.Response) -> M | Computing:
        return read(Computing)(response) if response.status_code == 202 else read(kind)(response)

    return parse


def table(response: httpx.Response) -> pa.Table | Computing:
    if response.status_code == 202:
        return read(Computing)(response)
    import pyarrow as pa

    try:
        return pa.ipc.open_stream(response.content).read_all()
    except pa.ArrowInvalid:
        raise ServerError(f"{response.url} did not answer as rayograph does") from None


def ask(dataset: str, path: str, parse: Callable[[httpx.Response], T], **params: Any) -> Call[T]:
    given = {key: value for key, value in params.items() if value is not None}
    return Call("GET", f"/api/datasets/{dataset}/{path}", parse, given)


def decide(
    dataset: str, image_ids: str | Iterable[str], best_id: str, decision: Decision | None
) -> Call[DecisionResult]:
    ids = [image_ids] if isinstance(image_ids, str) else list(image_ids)
    body = Decide(image_ids=ids, best_id=best_id, decision=decision).model_dump()
    path = f"/api/datasets/{dataset}/duplicates/decisions"
    return Call("POST", path, read(DecisionResult), body=body)


def refresh(dataset: str, analysis: AnalysisKind, parameters: dict[str, Any]) -> Call[Computing]:
    body = {"parameters": parameters, "refresh": True}
    return Call("POST", f"/api/datasets/{dataset}/{analysis}", read(Computing), body=body)


def cancel(dataset: str, analysis: AnalysisKind) -> Call[None]:
    return Call("DELETE", f"/api/datasets/{dataset}/{analysis}", lambda _: None)


class Patience:
    """How long to pause before asking again, and when to give up."""

    def __init__(self, wait: bool, timeout: float | None, hear: Hear | None) -> None:
        self._wait, self._hear, self._pause_s = wait, hear, _FIRST_S
        self._end = None if timeout is None else time.monotonic() + timeout

    def pause_s(self, now: Computing) -> float:
        """Seconds to the next look.

        Raises:
            NotReady: told not to wait.
            TimeoutError: the time given is over.
        """
        if self._hear is not None:
            self._hear(now)
        if not self._wait:
            raise NotReady(f"it is being worked out: {far(now)}", hint="ask again, or wait")
        if self._end is not None and time.monotonic() >= self._end:
            raise TimeoutError(f"not worked out in time: {far(now)}")
        self._pause_s = min(_MOST_S, 1.5 * self._pause_s)
        return self._pause_s


def far(now: Computing) -> str:
    """How far an analysis is, in words."""
    if now.done is None or not now.total:
        return now.stage
    return f"{now.stage}, {100 * now.done // now.total} %"


def unfinished(known: list[AnalysisInfo], analysis: AnalysisKind) -> bool:
    """Whether something of a kind is still wanted.

    Raises:
        AnalysisFailed: nothing is, and something failed.
    """
    mine = [one for one in known if one.analysis == analysis]
    if any(one.state == "wanted" for one in mine):
        return True
    failed = next((one for one in mine if one.state == "failed"), None)
    if failed is not None:
        raise AnalysisFailed(failed.error or "it could not be worked out")
    return False


class Discovery:
    """The part of ``Dataset`` that is about the whole of it; every answer is waited for.

    ``wait=False`` raises ``NotReady`` instead of waiting, ``timeout`` (s) ``TimeoutError``;
    ``on_progress`` is called at each look.
    """

    id: str
    _transport: Transport

    def duplicates(
        self,
        kind: Likeness = "exact",
        threshold: float | None = None,
        *,
        show: Literal["open", "decided", "all"] = "open",
        limit: int = 20,
        cursor: str | None = None,
        wait: bool = True,
        timeout: float | None = None,
        on_progress: Hear | None = None,
    ) -> DuplicatePage:
        """Groups of images with the same bytes, the same looks or the same content."""
        params = {"kind": kind, "threshold": threshold, "show": show}
        call = ask(
            self.id, "duplicates", there(DuplicatePage), **params, limit=limit, cursor=cursor
        )
        return self._when_there(call, Patience(wait, timeout, on_progress))

    def decide(
        self, image_ids: str | Iterable[str], best_id: str, decision: Decision | None
    ) -> int:
        """Keep or hide images beside the best of their group, or say they are no duplicates."""
        return self._transport.send(decide(self.id, image_ids, best_id, decision)).matched

    def decisions(self, limit: int = 100, cursor: str | None = None) -> DecisionPage:
        """One page of what was decided about duplicates."""
        call = ask(self.id, "duplicates/decisions", read(DecisionPage), limit=limit, cursor=cursor)
        return self._transport.send(call)

    def outliers(
        self,
        neighbours: int = 10,
        *,
        limit: int = 100,
        cursor: str | None = None,
        wait: bool = True,
        timeout: float | None = None,
        on_progress: Hear | None = None,
    ) -> OutlierPage:
        """Images that are like no others, the strangest first."""
        params = {"neighbours": neighbours, "limit": limit, "cursor": cursor}
        call = ask(self.id, "outliers", there(OutlierPage), **params)
        return self._when_there(call, Patience(wait, timeout, on_progress))

    def sample(
        self,
        n: int | None = None,
        *,
        method: SampleMethod = "diverse",
        share: float | None = None,
        seed: int = 0,
        by: str | None = None,
        where: str | None = None,
        wait: bool = True,
        timeout: float | None = None,
        on_progress: Hear | None = None,
    ) -> SamplePage:
        """Some images that stand for all, all of them in ``items``."""
        params = {"n": n, "method": method, "share": share, "seed": seed, "by": by, "where": where}
        whole: SamplePage | None = None
        cursor = None
        while whole is None or cursor is not None:
            parse = there(SamplePage)
            call = ask(self.id, "sample", parse, **params, limit=PAGE, cursor=cursor)
            page = self._when_there(call, Patience(wait, timeout, on_progress))
            whole, cursor = joined(whole, page), page.next_cursor
        return whole

    def clusters(
        self,
        *,
        seed: int = 0,
        wait: bool = True,
        timeout: float | None = None,
        on_progress: Hear | None = None,
    ) -> ClusterList:
        """Images that are alike, at several granularities, with names and examples."""
        call = ask(self.id, "clusters", there(ClusterList), seed=seed)
        return self._when_there(call, Patience(wait, timeout, on_progress))

    def cluster(
        self, cluster_id: str, *, seed: int = 0, limit: int = 100, cursor: str | None = None
    ) -> ClusterPage:
        """One page of a cluster's images, the most typical first."""
        params = {"seed": seed, "limit": limit, "cursor": cursor}
        call = ask(self.id, f"clusters/{cluster_id}", there(ClusterPage), **params)
        return self._when_there(call, Patience(True, None, None))

    def map(
        self,
        *,
        seed: int = 0,
        colour: str | None = None,
        wait: bool = True,
        timeout: float | None = None,
        on_progress: Hear | None = None,
    ) -> pa.Table:
        """A place in the plane for each image: ``id``, ``x``, ``y``, ``cluster``.

        With ``colour``, a field, also the number of its value; the schema's metadata says under
        ``rayograph`` what the numbers mean.
        """
        call = ask(self.id, "map", table, seed=seed, colour=colour)
        return self._when_there(call, Patience(wait, timeout, on_progress))

    def analyses(self) -> list[AnalysisInfo]:
        """What was asked about this dataset so far, and what became of it."""
        return self._transport.send(ask(self.id, "analyses", read(AnalysisList))).items

    def refresh(self, analysis: AnalysisKind, **parameters: Any) -> Computing:
        """Work an analysis out anew; until it is done, the last result is answered."""
        return self._transport.send(refresh(self.id, analysis, parameters))

    def wait_for_analyses(
        self,
        analysis: AnalysisKind,
        timeout: float | None = None,
    ) -> None:
        """Wait until nothing of this kind is being worked out, after ``refresh``.

        Raises:
            AnalysisFailed: the last try failed.
            TimeoutError: not over within ``timeout`` seconds.
        """
        patience = Patience(True, timeout, None)
        while unfinished(self.analyses(), analysis):
            time.sleep(patience.pause_s(Computing()))

    def cancel_analysis(self, analysis: AnalysisKind) -> None:
        """End what is being worked out; results there are stay."""
        self._transport.send(cancel(self.id, analysis))

    def _when_there(self, call: Call[T | Computing], patience: Patience) -> T:
        while isinstance(found := self._transport.send(call), Computing):
            time.sleep(patience.pause_s(found))
        return found


def joined(whole: SamplePage | None, page: SamplePage) -> SamplePage:
    if whole is None:
        return page
    return page.model_copy(update={"items": [*whole.items, *page.items]})
