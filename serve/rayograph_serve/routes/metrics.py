"""Metrics for Prometheus: requests, thumbnails, and how far each dataset is."""

from __future__ import annotations

import time
from collections.abc import Iterator

from fastapi import Request
from fastapi.responses import PlainTextResponse
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rayograph_serve.engine import Engine as EngineProtocol
from rayograph_serve.routes import parts
from rayograph_serve.routes.parts import Engine
from rayograph_serve.thumbnails import ThumbnailStore

router = parts.router("health", prefix="")
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_STATES = ("pending", "indexed", "embedding", "ready", "failed")


@router.get("/metrics", summary="Prometheus metrics", response_class=PlainTextResponse)
async def metrics(request: Request, engine: Engine) -> PlainTextResponse:
    """Request counts and latencies by route, thumbnails by origin, images by dataset and state."""
    own: CollectorRegistry = request.app.state.metrics
    text = generate_latest(own) + generate_latest(await _datasets(engine))
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")


async def _datasets(engine: EngineProtocol) -> CollectorRegistry:
    """The datasets as they are now; built for each scrape, so none outlives its dataset."""
    registry = CollectorRegistry(auto_describe=False)
    images = Gauge("rayograph_images", "Images by status", ["dataset", "status"], registry=registry)
    stages = Gauge(
        "rayograph_stage_images",
        "Images by stage and outcome",
        ["dataset", "stage", "outcome"],
        registry=registry,
    )
    disk = Gauge("rayograph_tiles_bytes", "Disk a giant takes", ["dataset"], registry=registry)
    recall = Gauge(
        "rayograph_index_recall", "Recall@10 of the vector index", ["dataset"], registry=registry
    )
    for dataset in (await engine.datasets()).items:
        if dataset.index_recall is not None:
            recall.labels(dataset.dataset_id).set(dataset.index_recall)
        if dataset.disk_bytes is not None:
            disk.labels(dataset.dataset_id).set(dataset.disk_bytes)
        progress = await engine.progress(dataset.dataset_id)
        for status, count in zip(_STATES, progress.counts, strict=True):
            images.labels(dataset.dataset_id, status).set(count)
        for name, stage in progress.stages.items():
            for outcome in ("done", "failed", "skipped", "total"):
                stages.labels(dataset.dataset_id, name, outcome).set(getattr(stage, outcome))
    return registry


class _ThumbnailCounts:
    """A collector over a store's own counters, which it keeps without knowing of Prometheus."""

    def __init__(self, store: ThumbnailStore) -> None:
        self._store = store

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily(
            "rayograph_thumbnails", "Thumbnails by where they came from", labels=["origin"]
        )
        for origin, count in sorted(self._store.counts.items()):
            family.add_metric([origin], count)
        yield family


def new_registry(store: ThumbnailStore) -> CollectorRegistry:
    """One application's own registry: two in a process do not add up."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_ThumbnailCounts(store))
    return registry


class MeasureRequests:
    """ASGI middleware: counts requests and their time by route template, method and status."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._requests = Counter(
            "rayograph_requests",
            "HTTP requests",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "rayograph_request_seconds",
            "Time to the first byte of an answer",
            ["route"],
            buckets=_BUCKETS_S,
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = _template(scope)
                self._requests.labels(_method(scope), route, str(message["status"])).inc()
                self._seconds.labels(route).observe(time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, measured)


def _template(scope: Scope) -> str:
    """The route's template, never the path itself: labels must stay few."""
    shortcut = scope.get("rayograph.route")
    if shortcut is not None:
        return str(shortcut)
    return getattr(scope.get("route"), "path", None) or "other"


def _method(scope: Scope) -> str:
    method = str(scope["method"])
    return method if method in {"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"} else "other"
