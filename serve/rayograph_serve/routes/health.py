"""Health: is the process alive, and is everything behind it there."""

from __future__ import annotations

import time

from fastapi import Request, Response, status

from rayograph import __version__
from rayograph.schema import Health
from rayograph_serve.routes import parts
from rayograph_serve.routes.parts import Engine

router = parts.router("health")


@router.get("/healthz", summary="Liveness")
async def healthz(request: Request) -> Health:
    """Answers as long as the process does, whatever state the rest is in."""
    uptime_s = time.monotonic() - request.app.state.started
    return Health(status="ok", version=__version__, uptime_s=round(uptime_s, 3))


@router.get(
    "/readyz",
    summary="Readiness",
    responses={
        503: {"model": Health, "description": "Not ready yet; `phase` says what is missing"}
    },
)
async def readyz(response: Response, engine: Engine) -> Health:
    """200 once every call can be answered, 503 with ``Retry-After`` before."""
    health = await engine.readiness()
    if health.status != "ready":
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        response.headers["Retry-After"] = "1"
    return health
