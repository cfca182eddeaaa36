"""Ray Serve's wrapping: one deployment whose app is built inside the replica."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from ray import serve as ray_serve

APP_NAME = "rayograph"


def api_deployment(build: Callable[[], FastAPI], *, replicas: int) -> Any:
    """An application that serves what ``build`` makes.

    ``build`` runs in the replica, because an app with Gradio in it cannot be pickled.
    """

    @ray_serve.deployment(
        name="api",
        num_replicas=replicas,
        # Serve's default of 5 lets 31 thumbnails a second through.
        max_ongoing_requests=1000,
        max_queued_requests=4000,
        ray_actor_options={"num_cpus": 0},
        health_check_period_s=5,
        graceful_shutdown_timeout_s=3,
    )
    @ray_serve.ingress(build)
    class Api:
        """The HTTP service."""

    return Api.bind()  # type: ignore[attr-defined]
