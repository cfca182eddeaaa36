"""Where a local catalog lies, and what lies beside its tables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rayograph.errors import CatalogReadOnly

if TYPE_CHECKING:
    from rayograph.settings import Settings


def local_folder(uri: str) -> Path | None:
    """The folder of a local catalog, None for one in a bucket."""
    path = uri.removeprefix("file://")
    return None if "://" in path else Path(path).expanduser().absolute()


def folder_beside(settings: Settings, name: str) -> Path | None:
    """A folder in ``catalog.cache`` or beside the tables; None for a catalog in a bucket alone."""
    if settings.catalog.cache:
        return Path(settings.catalog.cache).expanduser().absolute() / name
    home = local_folder(settings.catalog.uri)
    return home / name if home is not None else None


def writable_folder(folder: Path) -> Path:
    """Make the folder if need be.

    Raises:
        CatalogReadOnly: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CatalogReadOnly(
            f"cannot make the catalog folder {folder}: {error.strerror}",
            hint="choose another with --catalog",
        ) from None
    if not os.access(folder, os.W_OK):
        raise CatalogReadOnly(
            f"the catalog folder {folder} is read-only", hint="choose another with --catalog"
        )
    return folder
