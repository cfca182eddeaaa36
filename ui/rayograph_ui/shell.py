"""The page without Gradio: what the boot front sends in the first second.

Nothing heavy may be imported here; the same markup and modules are what Gradio frames later.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from rayograph_ui import panels

if TYPE_CHECKING:
    from fastapi import FastAPI

STYLES = (
    *("base", "bar", "filter", "facets", "histogram", "sources", "grid", "strip", "panels"),
    *("stages", "model", "search", "selection", "listing", "detail", "described", "curation"),
    *("shapes", "viewer", "hits", "export", "discover", "labelling", "map"),
)
TITLE = "rayograph"


def static_dir() -> Path:
    """The folder behind ``/static/``."""
    return Path(__file__).parent / "static"


@functools.cache
def head_html() -> str:
    """What belongs in ``<head>``: styles, every module at once, and the theme before paint."""
    modules = sorted(path.name for path in static_dir().glob("*.js"))
    return "\n".join(
        [
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<link rel="icon" href="/static/icon.svg" type="image/svg+xml">',
            '<link rel="preload" href="/static/fonts/inter-latin.woff2" as="font"'
            ' type="font/woff2" crossorigin>',
            *(f'<link rel="stylesheet" href="/static/css/{name}.css">' for name in STYLES),
            *(f'<link rel="modulepreload" href="/static/{name}">' for name in modules),
            '<script src="/static/js/early.js"></script>',
            '<script type="module" src="/static/app.js"></script>',
        ]
    )


@functools.cache
def page_html() -> str:
    """The page's own markup, without ``<html>`` around it."""
    return (
        '<div id="rayograph" class="rg">'
        + panels.bar()
        + '<div class="rg-body">'
        + panels.facets()
        + '<div class="rg-middle">'
        + panels.browse()
        + "</div>"
        + panels.labelling()
        + panels.work()
        + "</div>"
        + panels.detail()
        + panels.failures()
        + panels.discover()
        + panels.export()
        + panels.snapshots()
        + panels.notices()
        + "</div>"
    )


@functools.cache
def shell_html() -> str:
    """The whole document, complete with nothing behind it but ``/static/`` and the API."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{TITLE}</title>\n{head_html()}\n</head>\n<body>{page_html()}</body></html>\n"
    )


def mount_static(app: FastAPI) -> None:
    """Serve ``/static/``; browsers ask again each time, which an ETag makes cheap."""
    from starlette.responses import Response
    from starlette.staticfiles import StaticFiles
    from starlette.types import Scope

    class Fresh(StaticFiles):
        async def get_response(self, path: str, scope: Scope) -> Response:
            response = await super().get_response(path, scope)
            response.headers["Cache-Control"] = "no-cache"
            return response

    app.mount("/static", Fresh(directory=static_dir()), name="static")
