"""Where an export is put together: files of its own, and a plan of the originals that go with them.

Nothing is copied while an export is made: ``plan.arrow`` says which original belongs under which
name, and who takes the result copies, links or sends it. Small files (a label for each image)
lie in the plan as well, so that a million of them cost one file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from rayograph.errors import ExportStopped
from rayograph.export.plain import to_json

FILES, PLAN, FAILURES, ABOUT = "files", "plan.arrow", "failures.csv", "export.json"
FAILURE_FIELDS = ("id", "uri", "file_name", "folder", "error_code", "error")
_PLAN = pa.schema(
    [("name", pa.string()), ("uri", pa.string()), ("data", pa.binary()), ("size", pa.int64())]
)
_LOT = 4096


@dataclass(slots=True)
class Tally:
    """How far an export is; ``failed`` of ``done`` rows are left out of what holds images."""

    total: int = 0
    done: int = 0
    failed: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the plan: an original by its uri, or the bytes themselves."""

    name: str
    uri: str | None
    data: bytes | None
    size: int | None


class Staging:
    """One export in the making, in a folder of its own.

    Args:
        tell: called with the tally every so often; may raise ``ExportStopped``.
        most_bytes: an export that would take more disk ends with an error.
    """

    def __init__(
        self,
        folder: Path,
        *,
        tell: Callable[[Tally], object] = lambda _: None,
        most_bytes: int | None = None,
    ) -> None:
        self.folder = folder
        self.tally = Tally()
        self._tell = tell
        self._most = most_bytes
        self._plan: pa.RecordBatchStreamWriter | None = None
        self._plan_file: IO[bytes] | None = None
        self._entries: list[tuple[str, str | None, bytes | None, int | None]] = []
        self._disk_bytes = self._planned_bytes = 0
        self._failures_file: IO[str] | None = None
        (folder / FILES).mkdir(parents=True)

    def open(self, name: str) -> IO[bytes]:
        """A new file of the result, to be closed by the caller."""
        path = self.folder / FILES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("xb")

    def scratch(self, name: str) -> Path:
        """A file that is no part of the result."""
        return self.folder / f"scratch-{name}"

    def small(self, name: str, data: bytes) -> None:
        """A small file of the result."""
        self._put((name, None, data, len(data)))
        self._count(len(data))

    def place(self, name: str, row: Mapping[str, Any]) -> None:
        """The original of a row under a name of its own."""
        self._put((name, row["uri"], None, row["size"]))
        self._count(row["size"] or 0)

    def fail(self, row: Mapping[str, Any], code: str, error: str) -> None:
        """Leave a row out and say why."""
        self.tally.failed += 1
        if self._failures_file is None:
            path = self.scratch(FAILURES)
            self._failures_file = path.open("w", newline="", encoding="utf-8")
        if not self._failures_file.tell():
            csv.writer(self._failures_file).writerow(FAILURE_FIELDS)
        values = {**row, "error_code": code, "error": error}
        csv.writer(self._failures_file).writerow([values.get(f) for f in FAILURE_FIELDS])

    def failures(self) -> Iterator[dict[str, str]]:
        """What was left out so far."""
        if self._failures_file is None:
            return
        self._failures_file.flush()
        with self.scratch(FAILURES).open(newline="", encoding="utf-8") as file:
            yield from csv.DictReader(file)

    def step(self, rows: int, size_bytes: int = 0) -> None:
        """Count rows that are done; ends an export that was told to stop or grew too large."""
        self.tally.done += rows
        self.tally.bytes += size_bytes
        self._disk_bytes += size_bytes
        self._tell(self.tally)
        if self._most is not None and self._disk_bytes > self._most:
            raise ExportStopped(
                f"the export takes more than {self._most / 1e9:.1f} GB",
                hint="export fewer images, or raise exports.max_gb",
            )

    def finish(self, about: Mapping[str, Any], *, alone: bool) -> None:
        """Close everything and, unless the result is one file, say beside it what it is."""
        if not alone:
            if self._failures_file is not None:
                self._failures_file.close()
                self.small(FAILURES, self.scratch(FAILURES).read_bytes())
            self.small(ABOUT, (to_json(about) + "\n").encode())
        self._flush()
        self.close()
        own = sum(path.stat().st_size for _, path in files(self.folder))
        self.tally.bytes = own + self._planned_bytes

    def close(self) -> None:
        """Let go of its files, also when it is not finished; what is no part of the result goes."""
        for file in (self._plan, self._plan_file, self._failures_file):
            if file is not None:
                file.close()
        self._plan = self._plan_file = self._failures_file = None
        for path in self.folder.glob("scratch-*"):
            path.unlink()

    def _count(self, size_bytes: int) -> None:
        self._planned_bytes += size_bytes
        self.tally.bytes += size_bytes

    def _put(self, entry: tuple[str, str | None, bytes | None, int | None]) -> None:
        self._entries.append(entry)
        if len(self._entries) >= _LOT:
            self._flush()

    def _flush(self) -> None:
        if not self._entries:
            return
        if self._plan is None:
            self._plan_file = (self.folder / PLAN).open("wb")
            self._plan = pa.ipc.new_stream(self._plan_file, _PLAN)
        columns = [
            pa.array(c, t)
            for c, t in zip(zip(*self._entries, strict=True), _PLAN.types, strict=True)
        ]
        self._plan.write_batch(pa.record_batch(columns, schema=_PLAN))
        self._entries.clear()


def entries(folder: Path) -> Iterator[Entry]:
    """The plan of an export that is made."""
    path = folder / PLAN
    if not path.exists():
        return
    with path.open("rb") as file, pa.ipc.open_stream(file) as reader:
        for batch in reader:
            for row in batch.to_pylist():
                yield Entry(**row)


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The export's own files and their names."""
    root = folder / FILES
    for path in sorted(root.rglob("*")):
        if path.is_file():
            yield path.relative_to(root).as_posix(), path


def single(folder: Path) -> Path | None:
    """The one file an export is, None when it is a folder."""
    if (folder / PLAN).exists():
        return None
    found = [path for _, path in files(folder)]
    return found[0] if len(found) == 1 else None


def failures_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Further failures as lines of ``failures.csv``."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([[row.get(f) for f in FAILURE_FIELDS] for row in rows])
    return out.getvalue().encode()
