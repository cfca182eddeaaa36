"""A COCO file like train2017 (118,000 images, 860,000 objects with outlines): read, matched and
written into the table's columns; beside the bare json.load of the file."""

from __future__ import annotations

import contextlib
import json
import re
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa

from benchmarks import common
from benchmarks.common import median, ratio, seconds
from rayograph import ids
from rayograph.annotations.found import find
from rayograph.annotations.matching import Matcher
from rayograph.annotations.reading import Job, Summary
from rayograph.catalog import LISTING, Catalog
from rayograph.catalog.counts import status_of
from rayograph.catalog.filters import Filter
from rayograph.guard import Guard
from rayograph.sources import Source
from rayograph.where import parse
from rayograph_serve.annotated import of_ids

CLASSES = 80
POINTS = 24
FRAGMENT = 16_384


def write_coco(path: Path, images: int, objects: int) -> None:
    """A document with as much in it, and in the same form, as COCO's own."""
    rng = np.random.default_rng(7)
    whose = np.sort(rng.integers(0, images, objects))
    boxes = (rng.random((objects, 4)) * [400, 300, 200, 150]).round(2)
    kinds = rng.integers(0, CLASSES, objects)
    with path.open("w") as out:
        out.write('{"info": {"year": 2017}, "images": [')
        for n in range(images):
            image = {"id": n, "file_name": f"{n:012d}.jpg", "width": 640, "height": 480}
            out.write((", " if n else "") + json.dumps(image))
        out.write('], "categories": ')
        out.write(json.dumps([{"id": n, "name": f"class {n}"} for n in range(CLASSES)]))
        out.write(', "annotations": [')
        for n in range(objects):
            x, y, width, height = boxes[n]
            angles = np.linspace(0, 6.2, POINTS)
            outline = np.stack([x + np.cos(angles) * width, y + np.sin(angles) * height], 1)
            entry = {
                "segmentation": [outline.round(2).ravel().tolist()],
                "area": round(float(width * height), 4),
                "iscrowd": 0,
                "image_id": int(whose[n]),
                "bbox": boxes[n].tolist(),
                "category_id": int(kinds[n]),
                "id": n,
            }
            out.write((", " if n else "") + json.dumps(entry))
        out.write("]}")


def listed(catalog: Catalog, folder: Path, images: int) -> str:
    """A dataset of as many rows, as the listing leaves it."""
    source = Source("folder", f"file://{folder}", str(folder))
    key = ids.dataset_id(source.uri, source.name)
    names = [f"{n:012d}.jpg" for n in range(images)]
    rows = pa.table(
        {
            "id": [ids.image_id(key, name) for name in names],
            "uri": [f"{source.uri}/train2017/{name}" for name in names],
            "file_name": names,
            "folder": ["train2017"] * images,
            "size": pa.nulls(images, pa.int64()),
            "mtime": pa.nulls(images, pa.float64()),
            "caption": pa.nulls(images, pa.string()),
        },
        schema=LISTING,
    )
    row, _ = catalog.create(source, None, rows.slice(0, 1))
    catalog.writer(row.dataset_id).append(rows.slice(1), fragment_rows=FRAGMENT)
    return row.dataset_id


class Watched:
    """The highest memory of its own that a child of this process took, MB."""

    def __init__(self) -> None:
        self.peak_mb = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watched:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.05):
            for child in psutil.Process().children():
                with contextlib.suppress(OSError):
                    text = Path(f"/proc/{child.pid}/status").read_text()
                    found = re.search(r"RssAnon:\s+(\d+)", text)
                    self.peak_mb = max(self.peak_mb, int(found[1]) / 1024 if found else 0)


@dataclass(slots=True)
class Cost:
    """What a child took: s on the clock, s of processor time, MB of memory of its own."""

    clock_s: float
    cpu_s: float
    memory_mb: float

    def row(self, name: str) -> tuple[str, ...]:
        return name, seconds(self.clock_s), seconds(self.cpu_s), f"{self.memory_mb:,.0f} MB"


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def bare_load(path: Path) -> Cost:
    """What ``json.load`` alone takes, in a process of its own."""
    code = f"import json; json.load(open({str(path)!r}))"
    began, used = time.perf_counter(), _cpu_s()
    with Watched() as watched:
        subprocess.run([sys.executable, "-c", code], check=True)
    return Cost(time.perf_counter() - began, _cpu_s() - used, watched.peak_mb)


def read(job: Job) -> tuple[Summary, Cost]:
    """What was read, and what it took the child."""
    began, used = time.perf_counter(), _cpu_s()
    guard: Guard[Summary] = Guard("rayograph.annotations.reading:read", None, timeout_s=3600)
    with Watched() as watched:
        (found,) = guard.map([job])
    clock_s = time.perf_counter() - began
    guard.close()
    assert isinstance(found, Summary), found
    return found, Cost(clock_s, _cpu_s() - used, watched.peak_mb)


def applied(catalog: Catalog, key: str, matcher: Matcher) -> tuple[float, float]:
    """Seconds, on the clock and of the processor, to match every row and fill its columns."""
    writer, reader = catalog.writer(key), catalog.reader(key)
    began, used = time.perf_counter(), time.process_time()
    for fragment, _ in reader.fragments():
        of = reader.snapshot().get_fragment(fragment)
        writer.fill({fragment: matcher.columns(of.to_table(columns=matcher.needs))})
    return time.perf_counter() - began, time.process_time() - used


def asked(catalog: Catalog, key: str, middle: int) -> list[tuple[str, str]]:
    """What the page asks for afterwards."""
    reader = catalog.reader(key)
    chosen = Filter(parse("label:'class 7' and objects>=3"), partial(status_of, embeds=True))
    page = partial(reader.page, offset=middle, limit=100)
    image_ids = [row["id"] for row in page()[0]][:60]
    calls: list[tuple[str, Callable[[], object]]] = [
        ("a page of 100 records", page),
        (
            "first page and total of label and objects",
            partial(reader.page, offset=0, limit=100, where=chosen),
        ),
        ("the boxes and outlines of 60 images", partial(of_ids, reader, image_ids)),
    ]
    return [(name, seconds(median([_timed(call) for _ in range(9)]))) for name, call in calls]


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _less(cost: Cost, bare: Cost) -> str:
    return ratio(cost.memory_mb, bare.memory_mb)


def main() -> None:
    options = common.arguments(__doc__, 118_000, objects=860_000)
    common.machine()
    with common.scratch() as work:
        folder = work / "data"
        path = folder / "annotations" / "instances_train2017.json"
        for name in ("train2017", "annotations"):
            (folder / name).mkdir(parents=True)
        (folder / "train2017" / f"{0:012d}.jpg").touch()
        write_coco(path, options.count, options.objects)
        common.say(f"{path.stat().st_size / 1e6:,.0f} MB of JSON")
        bare = bare_load(path)
        catalog = Catalog(str(work / "catalog"))
        key = listed(catalog, folder, options.count)
        source = catalog.dataset(key).source
        found = find(source)
        assert found is not None
        out = str(work / "out.arrow")
        summary, cost = read(Job(found, source.root, out))
        matcher = Matcher(out, summary.kind)
        apply_s, apply_cpu_s = applied(catalog, key, matcher)
        assert (matcher.matched, summary.annotations) == (options.count, options.objects)
        both = cost.cpu_s + apply_cpu_s
        common.table(
            (f"{options.count:,} images, {options.objects:,} objects", "took", "cpu", "memory"),
            [
                bare.row("bare json.load"),
                cost.row("read in a child"),
                ("matched and written", seconds(apply_s), seconds(apply_cpu_s), ""),
                ("both beside json.load", "", ratio(both, bare.cpu_s), _less(cost, bare)),
            ],
        )
        common.table(("then", "p50"), asked(catalog, key, options.count // 2))


if __name__ == "__main__":
    main()
