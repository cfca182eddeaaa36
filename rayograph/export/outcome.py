"""Taking a made export out of its staging folder: copied or linked in place, or sent as one stream.

Originals are read only now. One that cannot be had any more is left out and told in the
``failures.csv`` and ``export.json`` of the result, which therefore come last.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal

from rayograph.errors import ImageFault, InvalidRequest
from rayograph.export import staging
from rayograph.export.plain import to_json
from rayograph.export.staging import ABOUT, FAILURE_FIELDS, FAILURES, Entry
from rayograph.sources import local_path, open_uri

Link = Literal["copy", "symlink", "hardlink"]
Archive = Literal["zip", "tar", "links"]
# Names and uris of the originals, in an archive that leaves them out.
LINKS = ".links.jsonl"
_AT_ONCE_BYTES = 64 << 20


class _Ending:
    """What is written last, because it tells what became of everything before."""

    def __init__(self) -> None:
        self._kept = {FAILURES: b"", ABOUT: b""}
        self._late: list[dict[str, Any]] = []

    def keeps(self, entry: Entry) -> bool:
        if entry.name in self._kept and entry.data is not None:
            self._kept[entry.name] = entry.data
            return True
        return False

    def fail(self, entry: Entry, fault: ImageFault | OSError) -> None:
        code = fault.fault if isinstance(fault, ImageFault) else "unreadable"
        text = fault.message if isinstance(fault, ImageFault) else fault.strerror or "unreadable"
        row = {"uri": entry.uri, "file_name": entry.name, "error_code": code, "error": text}
        self._late.append(row)

    def files(self) -> Iterator[tuple[str, bytes]]:
        failures, about = self._kept[FAILURES], self._kept[ABOUT]
        if self._late:
            head = failures or (",".join(FAILURE_FIELDS) + "\r\n").encode()
            failures = head + staging.failures_csv(self._late)
            said = json.loads(about or b"{}")
            said["failed"] = said.get("failed", 0) + len(self._late)
            about = (to_json(said) + "\n").encode()
        for name, data in ((FAILURES, failures), (ABOUT, about)):
            if data:
                yield name, data


def assemble(folder: Path, *, link: Link = "copy") -> Path:
    """Put the originals beside the export's own files; returns the folder that holds all."""
    root, ending = folder / staging.FILES, _Ending()
    for entry in staging.entries(folder):
        if ending.keeps(entry):
            continue
        path = root / entry.name
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry.data is not None:
            path.write_bytes(entry.data)
            continue
        try:
            fetch(entry.uri or "", path, link)
        except (ImageFault, OSError) as fault:
            path.unlink(missing_ok=True)
            ending.fail(entry, fault)
    for name, data in ending.files():
        (root / name).write_bytes(data)
    return root


def link_listed(root: Path, link: Link) -> None:
    """Make the links that an archive of links lists; ``root`` is where it was unpacked."""
    listed, ending = root / LINKS, _Ending()
    if not listed.exists():
        return
    for name in (FAILURES, ABOUT):
        path = root / name
        ending.keeps(Entry(name, None, path.read_bytes() if path.exists() else b"", None))
    with listed.open(encoding="utf-8") as lines:
        for line in lines:
            entry = Entry(**json.loads(line), data=None, size=None)
            path = inside(root, entry.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                fetch(entry.uri or "", path, link)
            except (ImageFault, OSError) as fault:
                ending.fail(entry, fault)
    for name, data in ending.files():
        (root / name).write_bytes(data)
    listed.unlink()


def inside(root: Path, name: str) -> Path:
    """Where a file of an archive goes.

    Raises:
        InvalidRequest: out of the folder.
    """
    parts = name.split("/")
    if not name or name.startswith("/") or "\\" in name or {"", ".", ".."} & set(parts):
        raise InvalidRequest(f"the archive holds a file called {name[:80]!r}")
    return root.joinpath(*parts)


def fetch(uri: str, path: Path, link: Link) -> None:
    """An original under a new name; only files of this machine can be linked."""
    source = local_path(uri)
    if link != "copy":
        if source is None:
            raise ImageFault(
                "not a file of this machine, so it cannot be linked", fault="unreadable"
            )
        if not os.path.isfile(source):  # noqa: PTH113 (names that are no text)
            raise ImageFault("the file is gone", fault="missing")
        (os.symlink if link == "symlink" else os.link)(source, path)
        return
    with open_uri(uri) as original, path.open("xb") as copy:
        shutil.copyfileobj(original, copy, 1 << 20)


def send(folder: Path, sink: IO[bytes], kind: Archive) -> None:
    """The whole export as one archive, written as it is read: nothing is kept on disk."""
    archive = _Zip(sink) if kind == "zip" else _Tar(sink)
    ending = _Ending()
    for name, path in staging.files(folder):
        with path.open("rb") as file:
            archive.add(name, file, path.stat().st_size)
    links = []
    for entry in staging.entries(folder):
        if ending.keeps(entry):
            continue
        if entry.data is not None:
            archive.add_bytes(entry.name, entry.data)
        elif kind == "links":
            links.append(to_json({"name": entry.name, "uri": entry.uri}) + "\n")
        else:
            _send_original(archive, entry, ending)
    if links:
        archive.add_bytes(LINKS, "".join(links).encode())
    for name, data in ending.files():
        archive.add_bytes(name, data)
    archive.close()


def _send_original(archive: _Zip | _Tar, entry: Entry, ending: _Ending) -> None:
    try:
        file = open_uri(entry.uri or "")
    except (ImageFault, OSError) as fault:
        ending.fail(entry, fault)
        return
    with file:
        try:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            data = file.read() if size <= _AT_ONCE_BYTES else None
        except OSError as fault:
            ending.fail(entry, fault)
            return
        if data is not None:
            archive.add_bytes(entry.name, data)
        else:
            # One that shrinks from now on breaks the stream off, and whoever takes it is told.
            archive.add(entry.name, file, size)


class _Tar:
    def __init__(self, sink: IO[bytes]) -> None:
        self._tar = tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115

    def add(self, name: str, file: IO[bytes], size: int) -> None:
        info = tarfile.TarInfo(name)
        info.size = size
        self._tar.addfile(info, file)
        # Otherwise a list of everything that was ever written.
        self._tar.members = []  # type: ignore[attr-defined]

    def add_bytes(self, name: str, data: bytes) -> None:
        self.add(name, io.BytesIO(data), len(data))

    def close(self) -> None:
        self._tar.close()


class _Zip:
    def __init__(self, sink: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED)

    def add(self, name: str, file: IO[bytes], size: int) -> None:
        info = zipfile.ZipInfo(name)
        info.file_size = size
        with self._zip.open(info, "w", force_zip64=True) as member:
            shutil.copyfileobj(file, member, 1 << 20)

    def add_bytes(self, name: str, data: bytes) -> None:
        self._zip.writestr(zipfile.ZipInfo(name), data)

    def close(self) -> None:
        self._zip.close()


def check_target(path: Path, *, overwrite: bool, one_file: bool, source: str | None) -> None:
    """Refuse a target that would touch a source, or what somebody else put there.

    Args:
        source: the folder or file the dataset was opened from, where that is on this machine.

    Raises:
        InvalidRequest: choose another.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100 (links are looked through below)
    if source is not None:
        root, real = Path(source).resolve(), path.resolve()
        if real == root or root in real.parents or real in root.parents:
            raise InvalidRequest(
                f"{path} lies in, or holds, the source of this dataset",
                hint="export to a folder outside it",
            )
    if not os.path.lexists(path):
        return
    if path.is_dir() and not path.is_symlink():
        if not one_file and not any(path.iterdir()):
            return
        if one_file:
            raise InvalidRequest(f"{path} is a folder, and this format is one file")
        if not overwrite:
            raise InvalidRequest(f"{path} is not empty", hint="give another, or say overwrite")
        if not _is_ours(path):
            raise InvalidRequest(
                f"{path} holds something else than an export", hint="only exports are replaced"
            )
    elif not overwrite:
        raise InvalidRequest(f"{path} exists", hint="give another, or say overwrite")
    elif not one_file:
        raise InvalidRequest(f"{path} is a file, and this format is a folder")


def _is_ours(path: Path) -> bool:
    try:
        return bool(json.loads((path / ABOUT).read_bytes())["made_by"] == "rayograph")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def beside(target: Path) -> Path:
    """A folder beside the target for what is not whole yet; clears what a killed export left."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for old in target.parent.glob(f".{_escaped(target.name)}.partial-*"):
        pid = old.name.rpartition("-")[2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            shutil.rmtree(old, ignore_errors=True)
    path = target.parent / f".{target.name}.partial-{os.getpid()}"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    return path


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def publish(made: Path, target: Path) -> Path:
    """What was made takes the target's name, whole or not at all; an old export goes."""
    if made.is_file():
        made.replace(target)
        return target
    old = target.parent / f".{target.name}.old-{os.getpid()}"
    if target.is_dir():
        target.rename(old)
    made.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    return target
