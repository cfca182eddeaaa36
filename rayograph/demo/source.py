"""The word ``demo`` as a source: a folder by the catalog, drawn while it is looked at."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from pathlib import Path

from rayograph.demo.write import grow_demo, start_demo
from rayograph.settings import Settings
from rayograph.sources import Source, resolve

DEMO = "demo"


def open_source(text: str, settings: Settings, *, recursive: bool = True) -> Source:
    """Resolve what the user typed; for ``demo`` the first pictures are drawn right away.

    Raises:
        SourceError: nothing is there, or the demo cannot be written.
    """
    if text != DEMO:
        return resolve(text, recursive=recursive)
    return resolve(str(start_demo(demo_folder(settings))))


def demo_folder(settings: Settings) -> Path:
    """Where the demo is drawn: in a local catalog, else in its cache, else in a temporary one."""
    catalog = settings.catalog
    place = catalog.uri.removeprefix("file://")
    if "://" in place:
        place = catalog.cache or f"{tempfile.gettempdir()}/rayograph-{os.getuid()}"
    return Path(place).expanduser().absolute() / DEMO


def growth(source: Source, settings: Settings) -> Generator[None]:
    """Yields each time the source should be walked: once, the demo after each lot drawn."""
    folder = demo_folder(settings)
    if source.root != str(folder):
        yield
        return
    for _ in grow_demo(folder):
        yield
