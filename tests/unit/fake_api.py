"""A small real API for the client's tests: the contract's routes over two datasets in memory."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from rayograph.annotations.answers import AnnotationsOf
from rayograph.errors import (
    AccessDenied,
    DatasetNotFound,
    RayographError,
    Unavailable,
)
from rayograph.schema import DatasetChange, NewDataset, SearchRequest
from rayograph.where import parse

FRESH, DONE = "aaaaaaaaaa", "bbbbbbbbbb"


def progress(dataset_id: str, ready: int, failed: int = 0, total: int = 3) -> dict[str, Any]:
    left = total - ready - failed
    stage = {"done": ready, "failed": failed, "total": total, "rate": 10.0, "eta_s": 1.0}
    return {
        "dataset_id": dataset_id,
        "total": total,
        "pending": left,
        "indexed": 0,
        "embedding": 0,
        "ready": ready,
        "failed": failed,
        "status": "in_progress" if left else "complete",
        "stages": {"metadata": stage},
    }


def record(dataset_id: str, number: int, status: str = "ready") -> dict[str, Any]:
    known = {"size": 10, "mtime": 1.0, "width": None, "height": None, "format": None}
    return {
        "id": f"{dataset_id}-{number:020x}",
        "dataset_id": dataset_id,
        "uri": f"file:///pictures/{number}%20a.jpg",
        "file_name": f"{number} a.jpg",
        "folder": "",
        "status": status,
        "error_code": "truncated" if status == "failed" else None,
        "error": "the file ends early" if status == "failed" else None,
        "caption": None,
        "tags": [],
        "rating": None,
        "favorite": False,
        **known,
    }


def arrow_map() -> bytes:
    columns: dict[str, list[Any]] = {"id": ["a", "b"], "x": [0.0, 1.0], "y": [0.0, 0.5]}
    table = pa.table({**columns, "cluster": [0, 1]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


class FakeApi:
    """``seen`` keeps every request as (method, path with query, body)."""

    def __init__(self) -> None:
        self.reset()
        self.app = self.build()

    def reset(self) -> None:
        """As at the start of each test."""
        self.seen: list[tuple[str, str, Any]] = []
        self.refusals = 0
        self.steps: list[int] = []
        self.looks = 0
        self.becomes = "done"
        self.streams = True
        self.token: str | None = None
        self.count = 3
        self.datasets = {
            FRESH: self.about(FRESH, "fresh"),
            DONE: self.about(DONE, "done", failed=1),
        }

    @staticmethod
    def about(dataset_id: str, name: str, failed: int = 0) -> dict[str, Any]:
        return {
            "dataset_id": dataset_id,
            "name": name,
            "status": "ready",
            "total": 3,
            "source": "file:///pictures",
            "created_at": "2026-01-01T00:00:00Z",
            "failed": failed,
        }

    def get(self, dataset_id: str) -> dict[str, Any]:
        if dataset_id not in self.datasets:
            raise DatasetNotFound(f"no dataset {dataset_id!r}", hint="look at the list")
        return self.datasets[dataset_id]

    def step(self, dataset_id: str) -> dict[str, Any]:
        failed = self.get(dataset_id).get("failed", 0)
        ready = self.steps.pop(0) if self.steps else 3 - failed
        return progress(dataset_id, ready, failed)

    def build(self) -> FastAPI:
        app = FastAPI()

        @app.exception_handler(RayographError)
        async def failed(_: Request, error: RayographError) -> Response:
            return JSONResponse(error.to_json(), error.status)

        @app.middleware("http")
        async def note(request: Request, go: Any) -> Response:
            body = await request.json() if await request.body() else None
            query = f"?{request.url.query}" if request.url.query else ""
            self.seen.append((request.method, request.url.path + query, body))
            if self.refusals:
                self.refusals -= 1
                error = Unavailable("starting")
                return JSONResponse(error.to_json(), 503, {"Retry-After": "0"})
            if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
                return JSONResponse(AccessDenied("a token is needed").to_json(), 401)
            answer: Response = await go(request)
            return answer

        # First: a later route would take their paths for commands.
        self.analysis_routes(app)
        self.annotation_routes(app)
        self.dataset_routes(app)
        self.image_routes(app)
        return app

    def analysis_routes(self, app: FastAPI) -> None:
        """``looks`` is how often an analysis is still being worked out."""
        said = {
            "status": "ready",
            "stale": True,
            "coverage": {"searched": 2, "total": 3},
            "made_at": "2026-01-01T00:00:00Z",
            "took_s": 0.1,
        }
        scored = {"items": [{"image": record(DONE, 1), "score": 0.5}], "total": 2}
        cluster = {"cluster_id": "0-0", "name": "cat", "words": ["cat"], "size": 2, "parent": None}
        cluster |= {"examples": [], "spread": 0.1}
        images = [{"image": record(DONE, n), "distance": n, "decision": None} for n in (1, 2)]
        group = {"group_id": 0, "kind": "near", "size": 2, "best": images[0]["image"]["id"]}
        group |= {"reason": "most pixels", "images": images}
        answers: dict[str, dict[str, Any]] = {
            "duplicates": {"items": [group], "total": 1, "images": 2},
            "outliers": scored,
            "sample": scored,
            "clusters": {"levels": [{"level": 0, "clusters": [cluster]}]},
            "clusters/0-0": {"cluster": cluster, **scored},
        }

        @app.get("/api/datasets/{key}/duplicates/decisions")
        async def decisions(key: str) -> dict[str, Any]:
            return {"items": [], "next_cursor": None, "total": 0}

        @app.post("/api/datasets/{key}/duplicates/decisions")
        async def decide(key: str) -> dict[str, Any]:
            return {"matched": 1}

        @app.get("/api/datasets/{key}/analyses")
        async def analyses(key: str) -> dict[str, Any]:
            self.looks -= 1
            state = "wanted" if self.looks >= 0 else self.becomes
            about = {"analysis": "outliers", "parameters": {}, "state": state, "error": None}
            return {"items": [about]}

        def one(path: str) -> None:
            @app.get(f"/api/datasets/{{key}}/{path}")
            async def get(key: str, request: Request) -> Response:
                self.looks -= 1
                if self.looks >= 0:
                    far = {"status": "computing", "stage": "comparing", "done": 1, "total": 4}
                    return JSONResponse(far, 202)
                if path == "map":
                    return Response(arrow_map())
                after = None if "cursor" in request.query_params else "x"
                return JSONResponse({"next_cursor": after, **answers[path], **said})

            if "/" not in path:
                app.post(f"/api/datasets/{{key}}/{path}", status_code=202)(working)
                app.delete(f"/api/datasets/{{key}}/{path}", status_code=204)(nothing)

        async def working(key: str) -> dict[str, Any]:
            return {"status": "computing", "stage": "waiting", "done": None, "total": None}

        async def nothing(key: str) -> None: ...

        for path in (*answers, "map"):
            one(path)

    def annotation_routes(self, app: FastAPI) -> None:
        @app.get("/api/datasets/{key}/annotations")
        async def report(key: str) -> dict[str, Any]:
            problem = {"file": "x.json", "line": 7, "field": "annotations[2].bbox", "reason": "bad"}
            counts = {"annotations": 9, "labels": 2, "images": 4, "images_matched": 3}
            missing = {"images_missing": 1, "missing": ["gone.jpg"], "broken": 1}
            head = {"state": "applied", "format": "coco", "file": "/x.json", "named": True}
            return {**head, **counts, **missing, "problems": [problem]}

        @app.post("/api/datasets/{key}/annotations")
        async def annotations_of(key: str, body: AnnotationsOf) -> dict[str, Any]:
            cat = {"label": "cat", "box": [1, 2, 3, 4]}
            return {"items": {image: [cat] for image in body.image_ids[:1]}}

    def dataset_routes(self, app: FastAPI) -> None:
        @app.post("/api/datasets", status_code=202)
        async def add(new: NewDataset) -> dict[str, Any]:
            self.datasets[FRESH] = self.about(FRESH, new.name or "fresh")
            return {"success": True, "dataset_id": FRESH, "status": "processing", "message": "ok"}

        @app.get("/api/datasets")
        async def datasets() -> dict[str, Any]:
            return {"items": list(self.datasets.values())}

        @app.get("/api/datasets/{key}")
        async def dataset(key: str) -> dict[str, Any]:
            return self.get(key)

        @app.patch("/api/datasets/{key}")
        async def change(key: str, change: DatasetChange) -> dict[str, Any]:
            about = self.get(key)
            if change.path is not None:
                about["source"] = change.path
            elif change.priority is not None:
                about["priority"] = change.priority
            else:
                about["next_model"] = change.model
            return self.get(key)

        @app.delete("/api/datasets/{key}", status_code=204)
        async def delete(key: str) -> None:
            del self.datasets[self.get(key)["dataset_id"]]

        @app.get("/api/datasets/{key}/status")
        async def status(key: str) -> dict[str, Any]:
            self.get(key)
            return {"dataset_id": key, "status": "ready", "started_at": "2026-01-01T00:00:00Z"}

        @app.get("/api/progress/{key}")
        async def now(key: str) -> dict[str, Any]:
            return self.step(key)

        @app.get("/sse/progress/{key}")
        async def stream(key: str) -> Response:
            if not self.streams:
                return JSONResponse({"detail": "Not Found"}, 404)
            self.get(key)
            return StreamingResponse(self.events(key), media_type="text/event-stream")

        @app.post("/api/datasets/{key}/{command}", status_code=202)
        async def command(key: str, command: str, body: dict[str, Any] | None = None) -> Any:
            if command != "search":
                return self.step(key)
            asked = SearchRequest.model_validate(body)
            if asked.where is not None:
                parse(asked.where)
            hit = {"image": record(key, 1), "score": 0.5}
            return {"items": [hit], "coverage": {"searched": 2, "total": 3}, "took_ms": 1.5}

        @app.post("/api/datasets/{key}/images/batch")
        async def batch(key: str) -> dict[str, Any]:
            return {"matched": 1, "items": []}

    def events(self, key: str) -> Iterator[str]:
        """Comments, then progress; the stream breaks off before the end when ``steps`` says so."""
        yield ": hello\n\n"
        while True:
            now = self.step(key)
            yield f"event: progress\ndata: {json.dumps(now)}\n\n"
            if now["status"] == "complete" or not self.steps:
                return

    def image_routes(self, app: FastAPI) -> None:
        @app.get("/api/datasets/{key}/images")
        async def images(
            key: str, limit: int, cursor: int = 0, where: str | None = None
        ) -> dict[str, Any]:
            if where is not None:
                parse(where)
            last = min(cursor + min(limit, 2), self.count)
            items = [record(key, number) for number in range(cursor, last)]
            after = str(last) if last < self.count else None
            return {"items": items, "next_cursor": after, "total": self.count}

        @app.get("/api/datasets/{key}/failures")
        async def failures(key: str, where: str | None = None) -> dict[str, Any]:
            items = [record(key, 0, "failed")]
            reasons = [{"error_code": "truncated", "count": 1}]
            return {"items": items, "next_cursor": None, "total": 1, "reasons": reasons}

        @app.get("/api/datasets/{key}/fields")
        async def fields(key: str) -> dict[str, Any]:
            about = {"kind": "number", "about": "px", "aliases": ["w"], "values": []}
            return {"items": [{"name": "width", **about}]}

        @app.get("/api/images/{key}")
        async def image(key: str) -> dict[str, Any]:
            return record(key.split("-", maxsplit=1)[0], 1)

        @app.get("/api/images/{key}/file")
        @app.get("/api/images/{key}/thumbnail")
        async def content(key: str) -> Response:
            return Response(b"P6 1 1 255\n\x01\x02\x03", media_type="image/x-portable-pixmap")

        @app.get("/api/models")
        async def models() -> dict[str, Any]:
            return {"items": [], "in_use": None, "reason": "none was chosen"}

        @app.get("/api/healthz")
        async def health() -> dict[str, Any]:
            return {"status": "ok", "version": "0.1.0", "uptime_s": 1.0}


@contextlib.contextmanager
def serving(app: Any) -> Iterator[str]:
    """The app behind a real server on a free port; its url."""
    started = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            started.set()

    server = Server(uvicorn.Config(app, port=0, log_level="error", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert started.wait(10)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
