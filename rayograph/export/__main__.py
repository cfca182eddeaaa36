"""The child that makes exports, so that no request waits for one: ``python -m rayograph.export``.

    make FOLDER        make the export of a job's folder and note there how far it is
    table SPEC         write one table to the standard output
    send FOLDER KIND   write a made export to the standard output as one archive

It ends when its standard input does: nothing goes on after the server is gone.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO, cast

from rayograph.catalog import Catalog
from rayograph.errors import ExportStopped, RayographError
from rayograph.export import outcome
from rayograph.export.formats import is_one_file
from rayograph.export.jobs import Job, Spec, file_name
from rayograph.export.names import safe_part
from rayograph.export.rows import Rows
from rayograph.export.staging import Staging, Tally
from rayograph.export.tables import WRITERS, Pipe
from rayograph.export.write import write

_TELL_S = 0.25
FAILED = 3


def main(arguments: list[str]) -> int:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    verb, *rest = arguments
    try:
        if verb == "make":
            return _make(Job(Path(rest[0])))
        if verb == "table":
            return _table(Spec(**json.loads(rest[0])))
        outcome.send(Path(rest[0]), sys.stdout.buffer, cast("outcome.Archive", rest[1]))
        sys.stdout.buffer.flush()
    except RayographError as error:
        sys.stderr.write(json.dumps(error.to_json()) + "\n")
        return FAILED
    except BrokenPipeError:
        # Nobody takes it any more. What is still buffered must not be tried at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return 0


def _make(job: Job) -> int:
    spec = job.spec()
    tally = Tally()
    told = 0.0

    def tell(now: Tally) -> None:
        nonlocal told, tally
        tally = now
        if time.monotonic() - told < _TELL_S:
            return
        told = time.monotonic()
        if not job.is_there():
            raise ExportStopped("the export was cancelled")
        job.note("running", **_counts(now))

    try:
        rows = _rows(spec)
        tally.total = rows.total
        tell(tally)
        staging = Staging(job.made, tell=tell, most_bytes=spec.max_bytes)
        write(spec.form, rows, staging, images=spec.images)
        name = safe_part(rows.dataset.name) or "export"
        found = _counts(staging.tally)
        job.note("done", **found, file_name=file_name(job, name))
    except Exception as error:
        if not job.is_there():
            return FAILED
        job.note("failed", **_counts(tally), error=_reason(error))
        if not isinstance(error, RayographError | OSError):
            raise
        return FAILED
    return 0


def _table(spec: Spec) -> int:
    assert is_one_file(spec.form, None)
    rows = _rows(spec)
    pipe = Pipe(sys.stdout.buffer)
    for _ in WRITERS[spec.form](rows, cast("BinaryIO", pipe)):
        pipe.flush()
    pipe.flush()
    return 0


def _rows(spec: Spec) -> Rows:
    catalog = Catalog(spec.catalog, read_only=True)
    row = catalog.dataset(spec.dataset_id)
    reader = catalog.reader(row.dataset_id)
    return Rows(
        row,
        reader,
        where=spec.where,
        ids=spec.ids,
        vectors=spec.vectors,
        labels=spec.labels,
    )


def _counts(tally: Tally) -> dict[str, int]:
    return {
        "done": tally.done,
        "total": tally.total,
        "failed": tally.failed,
        "bytes": tally.bytes,
    }


def _reason(error: Exception) -> str:
    if isinstance(error, RayographError):
        return error.message if error.hint is None else f"{error.message}; {error.hint}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "it failed; the server's log says why"


def _end_with_parent() -> None:
    # Not through Python's buffer: its lock must be free when the interpreter ends.
    while os.read(0, 4096):
        pass
    os._exit(FAILED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
