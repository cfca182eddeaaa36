"""Open image datasets of any size and search them while you look."""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["AsyncClient", "Client", "RayographError", "__version__", "open_catalog"]

if TYPE_CHECKING:
    from rayograph.catalog import open_catalog
    from rayograph.client import AsyncClient, Client
    from rayograph.errors import RayographError

_HOMES = {
    "Client": "rayograph.client",
    "AsyncClient": "rayograph.client",
    "RayographError": "rayograph.errors",
    "open_catalog": "rayograph.catalog",
}


def __getattr__(name: str) -> object:
    # Imported on first use: the command line must answer before httpx or lance are loaded.
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'rayograph' has no attribute {name!r}")
