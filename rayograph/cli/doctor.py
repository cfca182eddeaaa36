"""``rayograph doctor``: is everything there that rayograph needs?"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rayograph import __version__
from rayograph.cli.base import address
from rayograph.cli.server import SERVER_PACKAGES
from rayograph.errors import CatalogError, RayographError
from rayograph.settings import Settings

if TYPE_CHECKING:
    from rayograph.catalog import DatasetRow

Verdict = Literal["good", "note", "bad"]
BASE_PACKAGES = ("click", "httpx", "lancedb", "pillow", "pyarrow", "pydantic", "pylance")
PACKAGE_NAMES = {"open_clip": "open_clip_torch"}
LITTLE_DISK_BYTES, LITTLE_MEMORY_BYTES = 2 * 10**9, 4 * 10**9


@dataclass(frozen=True, slots=True)
class Check:
    """What was found; ``bad`` must be mended, ``note`` is worth knowing."""

    name: str
    verdict: Verdict
    found: str
    advice: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def examine(settings: Settings) -> list[Check]:
    """Every check, in the order in which they should be mended."""
    examinations: tuple[Callable[[Settings], Iterator[Check]], ...] = (
        _python,
        _packages,
        _machine,
        _catalog,
        _tiles,
        _port,
        _model,
    )
    return [check for examination in examinations for check in examination(settings)]


def _python(_: Settings) -> Iterator[Check]:
    found = f"{platform.python_version()} at {sys.executable}"
    good = sys.version_info >= (3, 11)
    yield Check("python", "good" if good else "bad", found, "" if good else "use 3.11 or newer")
    yield Check("rayograph", "good", __version__)


def _packages(_: Settings) -> Iterator[Check]:
    for name in BASE_PACKAGES:
        found = _version(name)
        yield Check(name, "good" if found else "bad", found or "missing", "" if found else _pip())
    for name in SERVER_PACKAGES:
        found = _version(PACKAGE_NAMES.get(name, name))
        advice = "" if found else f"to run a server here: {_pip('[server]')}"
        yield Check(name, "good" if found else "note", found or "missing", advice)


def _pip(extra: str = "") -> str:
    return f"pip install 'rayograph{extra}'"


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _machine(_: Settings) -> Iterator[Check]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Check("cpu", "good", f"{cores} cores")
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        little = memory < LITTLE_MEMORY_BYTES
        advice = "with a server, expect swapping" if little else ""
        yield Check("memory", "note" if little else "good", _size(memory), advice)
    yield _gpu()


def _gpu() -> Check:
    if _version("torch") is None:
        return Check("gpu", "note", "not looked for", "torch is not installed")
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        return Check("gpu", "good", ", ".join(names))
    return Check("gpu", "note", "none", "embedding runs on the CPU, some 40 images/s on 2 cores")


def _size(count_bytes: float) -> str:
    return f"{count_bytes / 10**9:.1f} GB"


def _catalog(settings: Settings) -> Iterator[Check]:
    uri = settings.catalog.uri
    if "://" not in uri:
        yield from _disk(Path(uri).expanduser().absolute())
    from rayograph.catalog import open_catalog

    try:
        rows = open_catalog(uri).datasets()
    except CatalogError as error:
        folder = Path(uri).expanduser()
        if "://" not in uri and not folder.exists():
            yield Check("catalog", "good", f"{uri} is not there yet", "`rayograph up` makes it")
        else:
            yield Check("catalog", "bad", error.message, error.hint or "")
        return
    except (OSError, RuntimeError, ValueError) as error:
        yield Check("catalog", "bad", f"{uri}: {str(error).splitlines()[0][:200]}")
        return
    yield Check("catalog", "good", f"{uri} holds {len(rows)} datasets")
    for row in rows:
        if row.index_recall is not None:
            yield _index(row, settings)


def _index(row: DatasetRow, settings: Settings) -> Check:
    low = row.index_recall is not None and row.index_recall < settings.index.min_recall
    found = f"{row.name}: finds {row.index_recall:.3f} of the ten nearest"
    advice = "`rayograph rescan` checks it again; index.refine finds more" if low else ""
    return Check("vector index", "note" if low else "good", found, advice)


def _disk(folder: Path) -> Iterator[Check]:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    little = free < LITTLE_DISK_BYTES
    advice = "free some, or choose another --catalog" if little else ""
    yield Check("disk", "bad" if little else "good", f"{_size(free)} free at {folder}", advice)
    if not os.access(folder, os.W_OK):
        yield Check("catalog folder", "bad", f"{folder} is read-only", "choose another --catalog")


def _tiles(settings: Settings) -> Iterator[Check]:
    from rayograph.tiles.store import tiles_folder, used_bytes

    folder, limit = tiles_folder(settings), settings.tiles.max_disk_gb * 10**9
    if folder is None:
        advice = "to open giants, set tiles.folder to one that all machines share"
        yield Check("tiles", "note", "no folder: the catalog lies in a bucket", advice)
        return
    used = used_bytes(folder)
    full = used > 0.9 * limit
    found = f"{_size(used)} of {_size(limit)} used at {folder}"
    advice = "delete some giants, or raise tiles.max_disk_gb" if full else ""
    yield Check("tiles", "note" if full else "good", found, advice)


def _port(settings: Settings) -> Iterator[Check]:
    host, port = settings.server.host, settings.server.port
    url = address(host, port)
    try:
        with socket.create_connection((url.split("//")[1].rsplit(":", 1)[0].strip("[]"), port), 1):
            pass
    except OSError:
        yield Check("port", "good", f"{port} is free")
        return
    from rayograph.client import Client

    try:
        with Client(url, token=settings.server.token, timeout_s=3) as client:
            found = client.health()
    except RayographError:
        yield Check("port", "bad", f"{port} is in use by another program", "choose another --port")
        return
    yield Check("port", "good", f"rayograph {found.version} answers at {url}")


def _model(settings: Settings) -> Iterator[Check]:
    if _version("open_clip_torch") is None or _version("torch") is None:
        yield Check("model", "note", "not looked for", f"to embed here: {_pip('[server]')}")
        return
    from rayograph.encoders import choose_model

    try:
        choice = choose_model(settings.model)
    except RayographError as error:
        yield Check("model", "bad", error.message, error.hint or "")
        return
    verdict: Verdict = "good" if choice.name or settings.model == "none" else "note"
    yield Check("model", verdict, f"{choice.name or 'none'}: {choice.reason}")
