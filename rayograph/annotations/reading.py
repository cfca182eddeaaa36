"""Reads annotations in a guarded child into one Arrow file, which the parent maps and joins.

Whatever a file holds, the child bears it: its memory, its time, a crash.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from rayograph.annotations import coco, found, manifests, voc, yolo
from rayograph.annotations.found import Found
from rayograph.annotations.reports import Annotated, Notes, Reading
from rayograph.errors import SourceError

Kind = Literal["path", "stem", "uri"]
SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("labels", pa.list_(pa.string())),
        ("objects", pa.int32()),
        ("annotations", pa.string()),
        ("described", pa.string()),
        ("extra", pa.string()),
    ]
)
_BATCH_ROWS = 2048
_BATCH_CHARS = 32_000_000


@dataclass(frozen=True, slots=True)
class Job:
    """What to read, the local folder its images are in (None: they are elsewhere), and where to."""

    found: Found
    root: str | None
    out: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What was read: how keys are to be understood, how much there is, and what did not fit."""

    kind: Kind
    images: int
    annotations: int
    labels: int
    notes: dict[str, Any]


def read(job: Job, _: None) -> Summary:
    """The guarded child's work."""
    notes = Notes()
    with contextlib.ExitStack() as stack:
        try:
            kind, rows = _rows(job, notes, stack)
            images, objects, labels = _write(rows, job.out)
        except SourceError as error:
            notes.note = error.message
            kind, (images, objects, labels) = "path", _write(iter(()), job.out)
        except OSError as error:
            notes.note = f"it cannot be read: {error.strerror or 'an error of the store'}"
            kind, (images, objects, labels) = "path", _write(iter(()), job.out)
    return Summary(kind, images, objects, labels, asdict(notes))


def _rows(job: Job, notes: Notes, stack: contextlib.ExitStack) -> tuple[Kind, Reading]:
    place, root = job.found.place, job.root
    match job.found.form:
        case "manifest":
            return "uri", manifests.read(place, notes)
        case "yolo":
            return "stem", yolo.read(Path(place), found.yolo_key(root), notes)
        case "voc":
            return "stem", voc.read(Path(place), found.voc_key(root), notes)
        case "coco":
            files = [_local(name, stack) for name in job.found.files]
            names = [Path(name).name for name in job.found.files]
            return "path", coco.read(files, found.coco_keys(root), names, notes)


def _local(name: str, stack: contextlib.ExitStack) -> Path:
    """A file on this machine: one in a bucket is fetched, for as long as it is read."""
    if "://" not in name:
        return Path(name)
    import fsspec

    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rayograph-"))
    path = Path(folder, "annotations.json")
    fs, inside = fsspec.core.url_to_fs(name)
    fs.get_file(inside, str(path))
    return path


def _write(rows: Reading, out: str) -> tuple[int, int, int]:
    images = objects = 0
    labels = set[str]()
    with pa.OSFile(out, "wb") as sink, pa.ipc.new_file(sink, SCHEMA) as writer:
        for batch in _batches(rows):
            columns = zip(*batch, strict=True)
            arrays = [pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=SCHEMA))
            images += len(batch)
            objects += sum(row.objects for row in batch)
            labels.update(label for row in batch for label in row.labels)
    return images, objects, len(labels)


def _batches(rows: Reading) -> Iterator[list[Annotated]]:
    batch: list[Annotated] = []
    chars = 0
    for row in rows:
        batch.append(row)
        chars += len(row.sheet or "") + len(row.extra or "")
        if len(batch) >= _BATCH_ROWS or chars >= _BATCH_CHARS:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch
