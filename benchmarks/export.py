"""Exports: rows a second and memory of tables, images a second of copies, links and shards."""

from __future__ import annotations

import multiprocessing
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks import common, synthetic
from benchmarks.common import say
from rayograph.catalog import Catalog
from rayograph.datasets import open_dataset
from rayograph.export.local import export
from rayograph.schema import NewDataset
from rayograph.settings import Settings

_TABLES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("parquet", {}),
    ("parquet", {"vectors": True}),
    ("csv", {}),
    ("jsonl", {}),
    ("coco", {}),
)
_IMAGES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("folder", {}),
    ("folder", {"link": "symlink"}),
    ("folder", {"link": "hardlink"}),
    ("yolo", {}),
    ("huggingface", {}),
    ("webdataset", {}),
)


def main() -> None:
    options = common.arguments(__doc__, 1_000_000, images=10_000, dim=512)
    common.machine()
    with common.scratch() as work:
        for count in sorted({min(100_000, options.count), options.count}):
            tables(work, count, options.dim)
        images(work, options.images)


def tables(work: Path, count: int, dim: int) -> None:
    catalog = work / f"catalog-{count}"
    key = synthetic.write(Catalog(str(catalog)), count, dim=dim, index=False)
    rows = []
    for form, how in _TABLES:
        took, peak, size = apart(_export, str(catalog), key, form, str(work / "out"), how)
        rows.append(row(_name(form, how), count, took, peak, size))
    took, peak, size = apart(_bare_parquet, str(catalog), key, str(work / "out"))
    rows.append(row("parquet, whole table at once", count, took, peak, size))
    common.table((f"{count:,} rows", "took", "rows/s", "peak memory", "size"), rows)
    shutil.rmtree(catalog)


def images(work: Path, count: int) -> None:
    folder = common.photographs(work / "pictures", count)
    settings = Settings.model_validate({"catalog": {"uri": str(work / "catalog")}, "model": "none"})
    catalog = Catalog(settings.catalog.uri)
    new = NewDataset(path=str(folder))
    options = settings.model_copy(
        update={"listing": settings.listing.model_copy(update={"first_page": count + 1})}
    )
    key = open_dataset(catalog, new, options)[0].dataset_id
    _sized(catalog, key)
    rows = []
    for form, how in _IMAGES:
        took, peak, size = apart(_export, settings.catalog.uri, key, form, str(work / "out"), how)
        rows.append(row(_name(form, how), count, took, peak, size))
    took, peak, size = apart(_bare_copy, str(folder), str(work / "out"))
    rows.append(row("shutil.copytree", count, took, peak, size))
    common.table((f"{count:,} images", "took", "images/s", "peak memory", "size"), rows)


def _sized(catalog: Catalog, key: str) -> None:
    """Metadata of every row, as the stage would have left it."""
    with catalog.lock(key):
        writer = catalog.writer(key)
        for fragment, length in catalog.reader(key).fragments():
            writer.fill({fragment: synthetic.metadata(length)})


def row(name: str, count: int, took: float, peak: int, size: int) -> tuple[str, ...]:
    rate = f"{count / took:,.0f}"
    return name, f"{took:.1f} s", rate, f"{peak / 1e6:,.0f} MB", f"{size / 1e6:,.0f} MB"


def _name(form: str, how: dict[str, Any]) -> str:
    if "link" in how:
        return f"{form} of {how['link']}s"
    return f"{form} with vectors" if how.get("vectors") else form


# -- each in a process of its own, so that its memory is its own -----------------------------


def apart(work: Callable[..., float], *arguments: Any) -> tuple[float, int, int]:
    """Seconds, peak memory in bytes, and bytes written."""
    ours, theirs = multiprocessing.Pipe()
    spawn = multiprocessing.get_context("spawn")
    child = spawn.Process(target=_child, args=(theirs, work, arguments))
    child.start()
    theirs.close()
    found: tuple[float, int, int] = ours.recv()
    child.join()
    say(f"{work.__name__.strip('_')} {arguments[2:3]}: {found[0]:.1f} s")
    return found


def _child(pipe: Any, work: Callable[..., float], arguments: tuple[Any, ...]) -> None:
    took = work(*arguments)
    # Not ru_maxrss: that begins with what the parent had.
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
    out = Path(arguments[-2] if isinstance(arguments[-1], dict) else arguments[-1])
    paths = [out] if out.is_file() else [path for path in out.rglob("*") if path.is_file()]
    size = sum(path.lstat().st_size for path in paths)
    pipe.send((took, peak, size))
    out.unlink() if out.is_file() else shutil.rmtree(out)


def _export(catalog: str, key: str, form: str, out: str, how: dict[str, Any]) -> float:
    opened = Catalog(catalog, read_only=True)
    began = time.perf_counter()
    export(opened, key, form, out, **how)
    return time.perf_counter() - began


def _bare_parquet(catalog: str, key: str, out: str) -> float:
    """What a script of three lines would do."""
    table = Catalog(catalog, read_only=True).table(key).to_lance()
    names = [name for name in table.schema.names if name != "vector"]
    began = time.perf_counter()
    pq.write_table(table.to_table(columns=names), out, compression="zstd")
    return time.perf_counter() - began


def _bare_copy(folder: str, out: str) -> float:
    began = time.perf_counter()
    shutil.copytree(folder, out)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
