"""The backend process: starts (or joins) Ray, deploys the service, and says how far it is.

A composition root beside ``cli``: it alone brings pipelines, serve and ui together. Its parent,
the front, reads one JSON object a line from its standard output: ``{"step": ...}`` while it comes
up, then ``{"ready": port}``. It ends when its standard input does, so it never outlives the front.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import urllib.request
from typing import TYPE_CHECKING, Any

from rayograph.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

log = logging.getLogger(__name__)
_NAMESPACE = "rayograph"
_READY_POLL_S = 0.05


def main() -> int:
    """Entry of ``python -m rayograph.backend``; settings come as one line on standard input."""
    settings = Settings.model_validate_json(sys.stdin.readline())
    logging.basicConfig(level=settings.log_level.upper(), stream=sys.stderr)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the front decides when this ends
    say = _Speaker(os.dup(1))
    os.dup2(2, 1)  # nothing else may write into the protocol
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    threading.Thread(target=_until_eof, args=(over,), daemon=True).start()
    scratch = tempfile.mkdtemp(prefix="rayograph-")
    try:
        port = start(settings, scratch, say, over)
        if not over.is_set():
            say(ready=port)
        over.wait()
    finally:
        stop(settings)
        shutil.rmtree(scratch, ignore_errors=True)
    return 0


def start(settings: Settings, scratch: str, say: _Speaker, over: threading.Event) -> int:
    """Bring everything up; returns the loopback port Serve answers on, or early once ``over``."""
    port = free_port()
    _environment(settings, scratch)
    say(step="starting ray")
    # Ray's own start is mostly waiting for its processes: the slow imports fit into it.
    importing = threading.Thread(target=importlib.import_module, args=("ray.serve",))
    import ray  # noqa: F401 (before the thread: two threads must not import it at once)

    importing.start()
    init_ray(settings)
    importing.join()
    say(step="starting serve")
    from ray import serve as ray_serve

    from rayograph_serve.deployments import APP_NAME, api_deployment

    ray_serve.start(http_options={"host": "127.0.0.1", "port": port, "location": "HeadOnly"})

    def build() -> FastAPI:
        return build_app(settings)

    application = api_deployment(build, replicas=settings.server.replicas)
    # Serve's own wait looks once a second, and again for every proxy; ours ends with the first
    # answer of the application itself.
    ray_serve.run_many(
        [ray_serve.RunTarget(application, name=APP_NAME, route_prefix="/")],
        wait_for_ingress_deployment_creation=False,
        wait_for_applications_running=False,
    )
    say(step="deploying")
    _wait_until_answering(port, over)
    threading.Thread(target=_warm_up, args=(settings,), daemon=True).start()
    return port


def _warm_up(settings: Settings) -> None:
    from rayograph_pipelines.remote import RayWork

    RayWork(settings).warm_up()


def build_app(settings: Settings) -> FastAPI:
    """The whole application, built inside the replica."""
    from rayograph.catalog import Catalog
    from rayograph_pipelines.remote import RayWork
    from rayograph_serve.app import create_app
    from rayograph_serve.catalog_engine import CatalogEngine
    from rayograph_ui.lazy import mount_lazily

    logging.basicConfig(level=settings.log_level.upper())
    engine = CatalogEngine(Catalog(settings.catalog.uri), RayWork(settings), settings)
    return create_app(engine, settings, mount_page=mount_lazily)


def init_ray(settings: Settings) -> None:
    """Join the configured cluster, or start a private one.

    The private one counts more CPUs than there are: its actors ask for fractions and are limited
    by name, and a second dataset must never wait for a slot the first one holds.
    """
    import ray

    options: dict[str, Any] = {
        "namespace": _NAMESPACE,
        "log_to_driver": settings.log_level == "debug",
        "configure_logging": False,
    }
    if settings.ray.address is not None:
        ray.init(address=settings.ray.address, **options)
        return
    cpus = settings.ray.num_cpus or max(8, 2 * (os.cpu_count() or 1))
    ray.init(
        num_cpus=cpus,
        include_dashboard=False,
        object_store_memory=settings.ray.object_store_mb * 1024 * 1024,
        **options,
    )


def stop(settings: Settings) -> None:
    """Take Serve's application down; a private cluster goes with this process."""
    import ray

    with contextlib.suppress(Exception):
        if settings.ray.address is not None:
            from ray import serve as ray_serve

            from rayograph_serve.deployments import APP_NAME

            ray_serve.delete(APP_NAME)
        ray.shutdown()


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment(settings: Settings, scratch: str) -> None:
    """What Ray reads from the environment; set before it is imported."""
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_num_prestart_python_workers", "3")
    os.environ.setdefault("RAY_preload_python_modules", "ray.serve._private.replica")
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    # Ray nices every worker by 15, the replica too; the stages step back by themselves instead.
    os.environ.setdefault("RAY_worker_niceness", "0")
    if settings.server.ha_proxy:
        os.environ.setdefault("RAY_SERVE_ENABLE_HA_PROXY", "1")
        os.environ.setdefault("RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S", "0")
        # HAProxy's files are in one fixed place by default; two instances must not share them.
        os.environ["RAY_SERVE_HAPROXY_CONFIG_FILE_LOC"] = f"{scratch}/haproxy.cfg"
        os.environ["RAY_SERVE_HAPROXY_SOCKET_PATH"] = f"{scratch}/admin.sock"
        os.environ["RAY_SERVE_HAPROXY_SERVER_STATE_BASE"] = scratch
        os.environ["RAY_SERVE_HAPROXY_SERVER_STATE_FILE"] = f"{scratch}/server-state"
        # Its ports are fixed by default as well.
        for name in ("FALLBACK_PROXY_HTTP", "HAPROXY_METRICS", "HAPROXY_STATS"):
            os.environ[f"RAY_SERVE_{name}_PORT"] = str(free_port())
        first = free_port()
        os.environ["RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT"] = str(first)
        os.environ["RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT"] = str(min(first + 200, 65535))


def _wait_until_answering(port: int, over: threading.Event) -> None:
    """Until the application itself answers, or nobody waits any more; Serve has no event for it."""
    url = f"http://127.0.0.1:{port}/api/healthz"
    while not over.wait(_READY_POLL_S):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass


def _until_eof(over: threading.Event) -> None:
    sys.stdin.read()
    over.set()


class _Speaker:
    """Writes the protocol's lines."""

    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(descriptor, "w", buffering=1)

    def __call__(self, **event: object) -> None:
        print(json.dumps(event), file=self._file)


if __name__ == "__main__":
    sys.exit(main())
