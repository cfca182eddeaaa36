"""The floor under a start: Ray and Serve with an application of one line, as they come.

Run as a program it prints the seconds of each step as one JSON line, and stays until its standard
input ends, so that its memory can be looked at.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from benchmarks.common import environ


@contextmanager
def running() -> Iterator[tuple[dict[str, float], list[psutil.Process]]]:
    """The steps' seconds since the program was started, and its processes."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bare_serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environ(),
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        line = next((text for text in process.stdout if text.startswith("{")), None)
        if line is None:
            raise RuntimeError("bare Serve did not start")
        steps: dict[str, float] = json.loads(line)
        steps["first answer"] = time.perf_counter() - began
        mother = psutil.Process(process.pid)
        yield steps, [mother, *mother.children(recursive=True)]
    finally:
        process.stdin.close()
        process.wait(60)


def main() -> None:
    began = time.perf_counter()
    steps: dict[str, float] = {}

    def mark(name: str) -> None:
        steps[name] = time.perf_counter() - began

    import ray
    from ray import serve as ray_serve

    from rayograph.backend import free_port

    mark("imports")
    ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False)
    mark("ray.init")

    @ray_serve.deployment
    class Hello:
        def __call__(self, request: Any) -> str:
            return "hello"

    port = free_port()
    ray_serve.start(http_options={"host": "127.0.0.1", "port": port})
    ray_serve.run(Hello.bind())  # type: ignore[attr-defined]
    import httpx

    httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).raise_for_status()
    mark("serve.run and a first answer")
    print(json.dumps(steps), flush=True)
    sys.stdin.read()
    ray_serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main()
