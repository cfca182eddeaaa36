"""What is worked out about a whole dataset; 202 while it is not there yet."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Query, Request, status
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from rayograph.analysis.answers import (
    AnalysisList,
    ClusterList,
    ClusterPage,
    Computing,
    Decide,
    DecisionPage,
    DecisionResult,
    DuplicatePage,
    MapPage,
    OutlierPage,
    Place,
    Refresh,
    SamplePage,
)
from rayograph.analysis.asked import (
    KINDS,
    AnalysisKind,
    ClustersAsked,
    DuplicatesAsked,
    Likeness,
    MapAsked,
    OutliersAsked,
    SampleAsked,
    SampleMethod,
    asked_of,
)
from rayograph_serve.mapping import ARROW, COLUMNS, MapPart, arrow_answer, columns_of
from rayograph_serve.routes import parts
from rayograph_serve.routes.parts import DatasetId, Engine, Where

router = parts.router("analyses")
Limit = Annotated[int, Query(ge=1, le=1000, description="images a page")]
Groups = Annotated[int, Query(ge=1, le=100, description="groups a page")]
Seed = Annotated[int, Query(ge=0, lt=2**31, description="another one: another choice")]
Cursor = Annotated[str | None, Query(max_length=1000, description="`next_cursor`")]
_LATER: dict[int | str, dict[str, Any]] = {
    202: {"model": Computing, "description": "It is being worked out; ask again."}
}


def _answer(found: Any) -> Any:
    if isinstance(found, Computing):
        return JSONResponse(found.model_dump(), 202, {"Retry-After": "1"})
    return found


@router.get("/datasets/{dataset_id}/analyses", summary="List what was asked of a dataset")
async def analyses(dataset_id: DatasetId, engine: Engine) -> AnalysisList:
    """Duplicates, clusters, outliers, samples and maps that somebody asked for."""
    return await engine.discovery.known(dataset_id)


@router.get(
    "/datasets/{dataset_id}/duplicates",
    summary="Groups of images that are the same",
    response_model=DuplicatePage,
    responses=_LATER,
)
async def duplicates(
    dataset_id: DatasetId,
    engine: Engine,
    *,
    kind: Annotated[Likeness, Query(description="same bytes, same looks, same content")] = "exact",
    threshold: Annotated[
        float | None, Query(description="near: bits, 0 to 10; semantic: similarity, 0.5 to 1")
    ] = None,
    show: Annotated[
        Literal["open", "decided", "all"], Query(description="which groups, by decisions")
    ] = "open",
    limit: Groups = 20,
    cursor: Cursor = None,
) -> Any:
    """The largest group first; in each the best copy first, with why."""
    asked = asked_of("duplicates", {"kind": kind, "threshold": threshold})
    assert isinstance(asked, DuplicatesAsked)
    found = await engine.discovery.duplicates(
        dataset_id, asked, limit=limit, cursor=cursor, show=show
    )
    return _answer(found)


@router.get("/datasets/{dataset_id}/duplicates/decisions", summary="List decisions on duplicates")
async def decisions(
    dataset_id: DatasetId, engine: Engine, *, limit: Limit = 100, cursor: Cursor = None
) -> DecisionPage:
    """Pairs of contents, by their hashes; equal hashes speak of copies of one content."""
    return await engine.discovery.decisions(dataset_id, limit=limit, cursor=cursor)


@router.post("/datasets/{dataset_id}/duplicates/decisions", summary="Decide about duplicates")
async def decide(dataset_id: DatasetId, body: Decide, engine: Engine) -> DecisionResult:
    """Kept by content: a decision outlives rescans, moves and changes of the model."""
    return await engine.discovery.decide(dataset_id, body)


@router.get(
    "/datasets/{dataset_id}/outliers",
    summary="Images that are like no others",
    response_model=OutlierPage,
    responses=_LATER,
)
async def outliers(
    dataset_id: DatasetId,
    engine: Engine,
    *,
    neighbours: Annotated[int, Query(ge=1, le=100, description="how many are compared")] = 10,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """The strangest first; `score` is the mean cosine distance to the nearest neighbours."""
    asked = asked_of("outliers", {"neighbours": neighbours})
    assert isinstance(asked, OutliersAsked)
    found = await engine.discovery.outliers(dataset_id, asked, limit=limit, cursor=cursor)
    return _answer(found)


@router.get(
    "/datasets/{dataset_id}/sample",
    summary="Some images that stand for all",
    response_model=SamplePage,
    responses=_LATER,
)
async def sample(
    dataset_id: DatasetId,
    engine: Engine,
    *,
    method: Annotated[SampleMethod, Query(description="what the sample is to be")] = "diverse",
    n: Annotated[int | None, Query(ge=1, le=100_000, description="images; default 100")] = None,
    share: Annotated[float | None, Query(gt=0, le=1, description="or so much of all")] = None,
    seed: Seed = 0,
    by: Annotated[
        str | None, Query(max_length=64, description="balanced: the field to balance by")
    ] = None,
    where: Where = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """In the order of the choice: any first part of it is such a sample too."""
    parameters = {"method": method, "n": n, "share": share, "seed": seed, "by": by, "where": where}
    asked = asked_of("sample", parameters)
    assert isinstance(asked, SampleAsked)
    return _answer(await engine.discovery.sample(dataset_id, asked, limit=limit, cursor=cursor))


@router.get(
    "/datasets/{dataset_id}/clusters",
    summary="Images that are alike, at several granularities",
    response_model=ClusterList,
    responses=_LATER,
)
async def clusters(dataset_id: DatasetId, engine: Engine, *, seed: Seed = 0) -> Any:
    """Levels from coarse to fine, each nested in the one before, with names and examples."""
    return _answer(await engine.discovery.clusters(dataset_id, ClustersAsked(seed=seed)))


@router.get(
    "/datasets/{dataset_id}/clusters/{cluster_id}",
    summary="Page through a cluster's images",
    response_model=ClusterPage,
    responses=_LATER,
)
async def cluster(
    dataset_id: DatasetId,
    cluster_id: Annotated[str, Path(max_length=16, description="`LEVEL-NUMBER`")],
    engine: Engine,
    *,
    seed: Seed = 0,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """The most typical first."""
    found = await engine.discovery.cluster(
        dataset_id, cluster_id, seed=seed, limit=limit, cursor=cursor
    )
    return _answer(found)


@router.get(
    "/datasets/{dataset_id}/map",
    summary="A place in the plane for each image",
    response_model=MapPage,
    responses={
        **_LATER,
        200: {
            "description": "JSON, or with `Accept: application/vnd.apache.arrow.stream` an Arrow "
            "stream of id, x, y, cluster and perhaps colour.",
            "content": {ARROW: {"schema": {"type": "string", "format": "binary"}}},
        },
    },
)
async def map_(
    dataset_id: DatasetId,
    engine: Engine,
    request: Request,
    *,
    seed: Seed = 0,
    limit: Annotated[
        int | None, Query(ge=1, le=2**31, description="places; default: Arrow all, JSON 1,000")
    ] = None,
    cursor: Cursor = None,
    offset: Annotated[int | None, Query(ge=0, description="instead of a cursor")] = None,
    columns: Annotated[
        str | None,
        Query(max_length=100, description="Arrow: which, commas between; default: all four"),
    ] = None,
    colour: Annotated[
        str | None, Query(max_length=64, description="a field; each place gets a number for it")
    ] = None,
) -> Any:
    """Images that are alike lie near each other. JSON gives 10,000 places at once at most."""
    as_json = not _wants_arrow(request)
    if as_json:
        limit = min(limit or 1_000, 10_000)
    chosen = COLUMNS if as_json else columns_of(columns)
    part = MapPart(limit, cursor, offset, chosen, colour)
    found = await engine.discovery.map(dataset_id, MapAsked(seed=seed), part)
    if isinstance(found, Computing):
        return _answer(found)
    if as_json:
        items = [Place(**one) for one in found.table.to_pylist()]
        page = {"bounds": found.bounds, "next_cursor": found.next_cursor, "total": found.total}
        more = {"level": found.level, "clusters": found.clusters, "legend": found.legend}
        return MapPage(items=items, **page, **more, **found.said)
    return await run_in_threadpool(arrow_answer, found)


def _wants_arrow(request: Request) -> bool:
    accept = request.headers.get("accept", "*/*")
    return ARROW in accept or accept.strip() in ("", "*/*")


def _steered(kind: AnalysisKind) -> None:
    async def refresh(dataset_id: DatasetId, body: Refresh, engine: Engine) -> Computing:
        """A result there is stays until the new one takes its place."""
        return await engine.discovery.refresh(dataset_id, kind, body.parameters, anew=body.refresh)

    async def cancel(dataset_id: DatasetId, engine: Engine) -> None:
        """Ends what is being worked out, whatever its parameters; results there are stay."""
        await engine.discovery.cancel(dataset_id, kind)

    refresh.__name__, cancel.__name__ = f"refresh_{kind}", f"cancel_{kind}"
    path = f"/datasets/{{dataset_id}}/{kind}"
    router.add_api_route(
        path,
        refresh,
        methods=["POST"],
        status_code=status.HTTP_202_ACCEPTED,
        summary=f"Work out {kind} anew",
    )
    router.add_api_route(
        path,
        cancel,
        methods=["DELETE"],
        status_code=status.HTTP_204_NO_CONTENT,
        summary=f"Cancel working out {kind}",
    )


for _kind in KINDS:
    _steered(_kind)
