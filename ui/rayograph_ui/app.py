"""The page as a Gradio app: Gradio frames it, ``static/`` does the work over our own API."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import FastAPI

from rayograph_ui.shell import TITLE, head_html, mount_static, page_html, shell_html, static_dir

__all__ = ["build", "mount", "mount_static", "shell_html", "static_dir"]

T = TypeVar("T")


def build() -> Any:
    """The ``gradio.Blocks`` that holds the page."""
    return _in_a_loop(_blocks)


def mount(app: FastAPI) -> FastAPI:
    """Put the page at ``/`` behind every route ``app`` already has, and return the app to run.

    Call it last: what is registered afterwards is hidden by the page.
    """
    if not any(getattr(route, "path", None) == "/static" for route in app.routes):
        mount_static(app)
    return _in_a_loop(lambda: _mount(app))


def _blocks() -> Any:
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    import gradio

    with gradio.Blocks(
        title=TITLE, analytics_enabled=False, fill_width=True, fill_height=True
    ) as blocks:
        gradio.HTML(
            page_html(),
            elem_id="rg-frame",
            padding=False,
            container=False,
            apply_default_css=False,
            js_on_load=None,
        )
    return blocks


def _mount(app: FastAPI) -> FastAPI:
    blocks = _blocks()
    import gradio

    mounted: FastAPI = gradio.mount_gradio_app(
        app,
        blocks,
        path="/",
        head=head_html(),
        # Fonts by name only: a theme's default fonts would be fetched from the internet.
        theme=gradio.themes.Base(font=["system-ui"], font_mono=["monospace"]),
        ssr_mode=False,
        footer_links=[],
        favicon_path=str(static_dir() / "icon.svg"),
        show_error=False,
    )
    return mounted


def _in_a_loop(make: Callable[[], T]) -> T:
    """Call ``make`` with an event loop running: without one Gradio opens several, closing none."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:

        async def run() -> T:
            return make()

        return asyncio.run(run())
    return make()
