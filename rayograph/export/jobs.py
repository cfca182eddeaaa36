"""Exports on disk: what was asked, how far each is, and its result, in a folder of its own.

Whoever makes an export holds the lock of its folder, and the kernel lets go of it however that
process ends: one that says ``running`` while nobody holds it was interrupted. No list of jobs is
kept anywhere else, so nothing can be lost or stuck.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from rayograph.errors import NotFound
from rayograph.export import staging
from rayograph.export.words import Export

_ID = re.compile(r"[0-9a-f]{16}")
_SPEC, _STATE, _LOCK, MADE = "job.json", "state.json", ".lock", "made"
# Nobody takes longer to begin one.
_BEGUN_S = 60.0
INTERRUPTED = "it was interrupted: the server ended meanwhile; export again"


@dataclass(frozen=True, slots=True)
class Spec:
    """What an export is about."""

    catalog: str
    dataset_id: str
    form: str
    where: str | None = None
    ids: list[str] | None = None
    vectors: bool = False
    labels: str | None = None
    images: bool | None = None
    one_file: bool = False
    max_bytes: int | None = None
    created_at: str = ""


class Job:
    """One export's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def export_id(self) -> str:
        return self.folder.name

    @property
    def made(self) -> Path:
        return self.folder / MADE

    def spec(self) -> Spec:
        return Spec(**json.loads((self.folder / _SPEC).read_bytes()))

    def is_there(self) -> bool:
        """False once somebody has removed it: then nobody goes on with it."""
        return (self.folder / _SPEC).exists()

    def note(self, state: str, **values: Any) -> None:
        """Say how far it is; readers see all of it or nothing."""
        path = self.folder / f"{_STATE}.{os.getpid()}"
        path.write_text(json.dumps({"state": state, **values}))
        path.replace(self.folder / _STATE)

    def record(self) -> Export:
        """How far it is, as the API says it."""
        spec = self.spec()
        said = json.loads((self.folder / _STATE).read_bytes())
        if said["state"] in ("queued", "running") and not self._is_held():
            # Whoever held it may have ended it between the two looks.
            said = json.loads((self.folder / _STATE).read_bytes())
            if said["state"] in ("queued", "running"):
                said |= {"state": "failed", "error": INTERRUPTED}
        known = {name: said[name] for name in Export.model_fields if name in said}
        return Export(
            export_id=self.export_id,
            dataset_id=spec.dataset_id,
            format=spec.form,
            where=spec.where,
            one_file=spec.one_file,
            created_at=spec.created_at,
            **{"done": 0, **known},
        )

    def finished_at(self) -> float:
        return (self.folder / _STATE).stat().st_mtime

    def size_bytes(self) -> int:
        """Disk it takes."""
        paths = self.made.rglob("*") if self.made.exists() else iter(())
        return sum(path.stat().st_size for path in paths if path.is_file())

    def remove(self) -> None:
        """Away with it, whatever it is doing: its maker notices and ends."""
        gone = self.folder.with_name(f".removed-{self.export_id}-{secrets.token_hex(4)}")
        with contextlib.suppress(FileNotFoundError):
            self.folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def hold(self) -> IO[str]:
        """Hold it as its maker, for as long as the file stays open anywhere."""
        file = (self.folder / _LOCK).open("a+")
        fcntl.flock(file, fcntl.LOCK_EX)
        return file

    def _is_held(self) -> bool:
        try:
            with (self.folder / _LOCK).open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False


class Jobs:
    """All exports below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self, spec: dict[str, Any]) -> tuple[Job, IO[str]]:
        """A new export that waits for its turn, and the lock that is to be held till its end."""
        about = Spec(**spec, created_at=datetime.now(UTC).isoformat(timespec="seconds"))
        home = self.folder / about.dataset_id
        home.mkdir(parents=True, exist_ok=True)
        key = secrets.token_hex(8)
        # Made aside: whoever lists exports sees it only when it is held.
        aside = Job(home / f".new-{key}")
        aside.folder.mkdir(mode=0o700)
        (aside.folder / _SPEC).write_text(json.dumps(asdict(about)))
        aside.note("queued")
        lock = aside.hold()
        aside.folder.rename(home / key)
        return Job(home / key), lock

    def of(self, dataset_id: str) -> list[Job]:
        """A dataset's exports, newest first."""
        return sorted(self._all(dataset_id), key=_created, reverse=True)

    def get(self, dataset_id: str, export_id: str) -> Job:
        """One of them.

        Raises:
            NotFound: there is none, or none any more.
        """
        job = Job(self.folder / dataset_id / export_id)
        if not _ID.fullmatch(export_id) or not job.is_there():
            raise NotFound(f"no export {export_id[:40]!r}", hint="it may have been cleaned up")
        return job

    def forget(self, dataset_id: str) -> None:
        """Remove all exports of a dataset."""
        for job in self.of(dataset_id):
            job.remove()
        shutil.rmtree(self.folder / dataset_id, ignore_errors=True)

    def tidy(self, *, keep_s: float, max_bytes: int) -> None:
        """Remove what is older than ``keep_s``, and the oldest while all take too much disk."""
        left: list[tuple[float, int, Job]] = []
        for job in [job for home in self._homes() for job in self._all(home.name)]:
            with contextlib.suppress(OSError, ValueError, NotFound):
                if job.record().state in ("queued", "running"):
                    continue
                if time.time() - job.finished_at() > keep_s:
                    job.remove()
                else:
                    left.append((job.finished_at(), job.size_bytes(), job))
        used = sum(size for _, size, _ in left)
        for _, size, job in sorted(left, key=lambda item: item[0]):
            if used <= max_bytes:
                break
            job.remove()
            used -= size
        self._clear()

    def _homes(self) -> Iterator[Path]:
        return (path for path in self.folder.glob("*") if path.is_dir())

    def _all(self, dataset_id: str) -> Iterator[Job]:
        for path in (self.folder / dataset_id).glob("*"):
            if _ID.fullmatch(path.name) and (path / _SPEC).exists():
                yield Job(path)

    def _clear(self) -> None:
        """What a killed process left of a removal, or of one that it was about to begin."""
        for path in self.folder.glob("*/.removed-*"):
            shutil.rmtree(path, ignore_errors=True)
        for path in self.folder.glob("*/.new-*"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _BEGUN_S:
                    shutil.rmtree(path, ignore_errors=True)


def _created(job: Job) -> tuple[str, float]:
    try:
        return job.spec().created_at, job.folder.stat().st_ctime
    except (OSError, ValueError):
        return "", 0.0


def file_name(job: Job, name: str) -> str | None:
    """What the result is called: its one file, or the dataset's name for an archive."""
    alone = staging.single(job.made)
    return alone.name if alone else name
