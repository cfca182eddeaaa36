"""Import all four packages in the driver and on a Ray worker; both must come from the wheel."""

from __future__ import annotations

import importlib
import sys

import ray

PACKAGES = (
    "rayograph",
    "rayograph_pipelines.stages.embed",
    "rayograph_serve.app",
    "rayograph_ui",
)


def homes() -> list[str]:
    return [str(importlib.import_module(name).__file__) for name in PACKAGES]


def main() -> None:
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        found = homes() + ray.get(ray.remote(num_cpus=0)(homes).remote())
    finally:
        ray.shutdown()
    strays = [path for path in found if not path.startswith(sys.prefix)]
    assert not strays, f"not from the wheel: {strays}"


if __name__ == "__main__":
    main()
