"""Finding images without opening any: folders are walked by name, files are stat'ed in chunks.

``Walk`` names files quickly (a folder of a million is one ``scandir``); ``rows`` stats a chunk of
names and makes table rows. The two halves are apart so that the second can run on many cores.
"""

from __future__ import annotations

import json
import os
import stat
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from glob import iglob
from itertools import islice
from typing import Any

from rayograph import ids
from rayograph.errors import SourceForbidden, SourceNotFound
from rayograph.sources import (
    Source,
    display,
    is_image_name,
    is_plain,
    local_path,
    quote_path,
)

CHUNK = 4096
CAPTIONS = "captions.jsonl"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Names of files in one folder; for remote sources their size, mtime and mark as well.

    A mark (an ETag) is another as soon as the bytes are.
    """

    folder: str
    names: list[str]
    sizes: list[int | None] | None = None
    mtimes: list[float | None] | None = None
    marks: list[str | None] | None = None


@dataclass(slots=True)
class _Listed:
    names: list[str]
    folders: list[str]
    links: list[str]


class Walk:
    """Names every image under a source, once, several folders at a time.

    Iterating yields ``Chunk``s. ``skipped`` counts what was passed over by reason:
    ``not_an_image``, ``unreadable_folder``, ``link_loop``, ``not_a_file``, ``broken_link``.
    """

    def __init__(self, source: Source, *, workers: int = 2, follow_symlinks: bool = True) -> None:
        self.source = source
        self.skipped: Counter[str] = Counter()
        # Folders that could not be looked into: what was in them may be there still.
        self.unreadable: list[str] = []
        self._workers = workers
        self._follow = follow_symlinks
        # (device, inode) of each folder listed: a link to one of them must not list it twice.
        self._seen: set[tuple[int, int]] = set()

    def __iter__(self) -> Iterator[Chunk]:
        kind = self.source.kind
        if kind == "folder":
            yield from self._folders()
        elif kind == "file":
            path = _path_of(self.source)
            yield Chunk(os.path.dirname(path), [os.path.basename(path)])  # noqa: PTH119, PTH120
        elif kind == "glob":
            yield from self._glob()
        elif kind == "manifest":
            yield from self._manifest()
        else:
            yield from self._remote()

    def _folders(self) -> Iterator[Chunk]:
        waiting: deque[str] = deque([self.source.root])
        links: deque[str] = deque()
        running: set[Future[_Listed]] = set()
        homes: dict[Future[_Listed], str] = {}
        self._enter(self.source.root)
        with ThreadPoolExecutor(self._workers, "list") as pool:
            while waiting or running or links:
                # Links come last: whatever is reachable without one is listed under its own name.
                if not waiting and not running:
                    link = links.popleft()
                    if self._enter(link):
                        waiting.append(link)
                    else:
                        self.skipped["link_loop"] += 1
                while waiting and len(running) < self._workers:
                    folder = waiting.popleft()
                    future = pool.submit(self._scan, folder)
                    running.add(future)
                    homes[future] = folder
                if not running:
                    continue
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    folder, listed = homes.pop(future), future.result()
                    if self.source.recursive:
                        waiting.extend(f for f in sorted(listed.folders) if self._enter(f))
                        links.extend(sorted(listed.links))
                    listed.names.sort()
                    for start in range(0, len(listed.names), CHUNK):
                        yield Chunk(folder, listed.names[start : start + CHUNK])

    def _enter(self, folder: str) -> bool:
        try:
            info = os.stat(folder)  # noqa: PTH116
        except OSError:
            return True  # the scan itself reports why
        key = (info.st_dev, info.st_ino)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _scan(self, folder: str) -> _Listed:
        found = _Listed([], [], [])
        others = 0
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if is_image_name(entry.name) and not entry.is_dir(follow_symlinks=False):
                        found.names.append(entry.name)
                    elif entry.is_dir(follow_symlinks=False):
                        if not entry.name.startswith("."):
                            found.folders.append(entry.path)
                    elif self._follow and entry.is_symlink() and entry.is_dir():
                        found.links.append(entry.path)
                    elif entry.name != CAPTIONS and not entry.name.startswith("."):
                        others += 1
        except OSError:
            self.skipped["unreadable_folder"] += 1
            self.unreadable.append(folder)
        if others:
            self.skipped["not_an_image"] += others
        return found

    def _glob(self) -> Iterator[Chunk]:
        pattern = _path_of(self.source)
        folder = ""
        names: list[str] = []
        # A pattern with several ``**`` names one file more than once.
        seen: set[str] = set()
        for path in iglob(pattern, recursive=True):  # noqa: PTH207 (bytes survive)
            if path in seen:
                continue
            seen.add(path)
            if not is_image_name(path) or os.path.isdir(path):  # noqa: PTH112
                self.skipped["not_an_image"] += 1
                continue
            home, name = os.path.split(path)
            if home != folder or len(names) >= CHUNK:
                if names:
                    yield Chunk(folder, names)
                folder, names = home, []
            names.append(name)
        if names:
            yield Chunk(folder, names)

    def _manifest(self) -> Iterator[Chunk]:
        from rayograph.annotations.manifests import addresses

        seen: set[int] = set()
        rows = addresses(self.source.uri)
        while lot := list(islice(rows, CHUNK)):
            folders: dict[str, list[str]] = {}
            for uri in lot:
                # Hashes will do: what is seen twice by mistake of them is one in 10^13.
                if uri is None or not is_image_name(uri):
                    self.skipped["not_an_image" if uri else "no_file"] += 1
                elif hash(uri) not in seen:
                    seen.add(hash(uri))
                    home, _, name = (local_path(uri) or uri).rpartition("/")
                    folders.setdefault(home, []).append(name)
            for home, names in folders.items():
                unknown: list[Any] = [None] * len(names)
                yield Chunk(home, names, *((unknown, unknown) if "://" in home else ()))

    def _remote(self) -> Iterator[Chunk]:
        import fsspec

        depth = None if self.source.recursive else 1
        try:
            # Listings of before would hide what has changed since.
            fs, root = fsspec.core.url_to_fs(self.source.uri, use_listings_cache=False)
            # A folder that is refused is no empty one.
            for folder, _, files in fs.walk(root, maxdepth=depth, detail=True, on_error="raise"):
                names = sorted(name for name in files if is_image_name(name))
                self.skipped["not_an_image"] += len(files) - len(names)
                for start in range(0, len(names), CHUNK):
                    part = names[start : start + CHUNK]
                    yield Chunk(
                        fs.unstrip_protocol(folder),
                        part,
                        [files[name].get("size") for name in part],
                        [_mtime(files[name]) for name in part],
                        [_mark(files[name]) for name in part],
                    )
        except PermissionError as error:
            raise SourceForbidden(
                f"{display(self.source.uri)} may not be read", hint="allow it, or give credentials"
            ) from error
        except FileNotFoundError as error:
            raise SourceNotFound(f"there is no {display(self.source.uri)}") from error
        except Exception as error:
            # Every kind of store has errors of its own.
            raise SourceNotFound(
                f"{display(self.source.uri)} does not answer ({type(error).__name__})",
                hint="is the address right, and is the network there?",
            ) from error


def _mtime(info: dict[str, Any]) -> float | None:
    for key in ("mtime", "LastModified", "updated", "created"):
        value = info.get(key)
        if value is not None:
            stamp = getattr(value, "timestamp", None)
            return float(stamp()) if stamp else float(value)
    return None


def _mark(info: dict[str, Any]) -> str | None:
    for key in ("ETag", "etag", "md5Hash", "generation"):
        value = info.get(key)
        if value:
            return str(value).strip('"')
    return None


def _path_of(source: Source) -> str:
    from rayograph.sources import local_path

    return local_path(source.uri) or source.uri


Columns = dict[str, list[Any]]


def rows(
    chunk: Chunk, dataset: str, root: str, *, with_ids: bool = True
) -> tuple[Columns, Counter[str]]:
    """The listing columns of a chunk's files, and what was passed over.

    Args:
        with_ids: else the ids are null; making them takes as long as looking at the files.
    """
    remote = chunk.sizes is not None
    prefix = chunk.folder if remote else "file://" + quote_path(chunk.folder)
    prefix = prefix.rstrip("/") + "/"
    if chunk.sizes is not None and chunk.mtimes is not None:
        names, sizes, mtimes, skipped = chunk.names, chunk.sizes, chunk.mtimes, Counter[str]()
        plain, uris = False, [prefix + name for name in names]
    else:
        names, sizes, mtimes, skipped = _stated(chunk)
        # One look at all names: hardly any has to be written otherwise.
        plain = is_plain("".join(names))
        uris = [prefix + (name if plain else quote_path(name)) for name in names]
    return {
        "id": [ids.image_id(dataset, uri) for uri in uris] if with_ids else [None] * len(uris),
        "uri": uris,
        "file_name": names if plain else [*map(display, names)],
        "folder": [folder_of(chunk.folder, root)] * len(uris),
        "size": sizes,
        "mtime": mtimes,
        "etag": chunk.marks or [None] * len(uris),
    }, skipped


Stated = tuple[list[str], list[int | None], list[float | None], Counter[str]]


def _stated(chunk: Chunk) -> Stated:
    """The files of a local chunk that are there, with their sizes and times."""
    look, regular, folder = os.stat, stat.S_ISREG, chunk.folder + "/"
    names, sizes, mtimes, skipped = [], [], [], Counter[str]()
    for name in chunk.names:
        size: int | None = None
        mtime: float | None = None
        try:
            info = look(folder + name)
        except FileNotFoundError:
            skipped["broken_link"] += 1
            continue
        except OSError:
            # It has an image's name and is there: the metadata stage says why it fails.
            pass
        else:
            if not regular(info.st_mode):
                skipped["not_a_file"] += 1
                continue
            size, mtime = info.st_size, info.st_mtime
        names.append(name)
        sizes.append(size)
        mtimes.append(mtime)
    return names, sizes, mtimes, skipped


def folder_of(folder: str, root: str) -> str:
    """The folder as shown: relative to the source, empty at its top."""
    inside = folder[len(root) :] if folder.startswith(root) else _bare(folder, root)
    return display(inside.strip("/"))


def _bare(folder: str, root: str) -> str:
    """Remote folders come back spelled their file system's own way: compare without scheme."""
    if "://" not in folder:
        return folder
    bare, top = (text.partition("://")[2].strip("/") for text in (folder, root))
    return bare.removeprefix(top)


def read_captions(source: Source) -> dict[str, str]:
    """uri -> caption from a ``captions.jsonl`` (``{"file", "caption"}`` lines) in the folder.

    Lines that cannot be read are left out: captions are an extra, never a reason to fail.
    """
    if source.kind != "folder":
        return {}
    captions: dict[str, str] = {}
    try:
        with open(f"{source.root}/{CAPTIONS}", encoding="utf-8") as lines:  # noqa: PTH123
            for line in lines:
                try:
                    entry = json.loads(line)
                    uri = f"file://{quote_path(source.root)}/{quote_path(entry['file'])}"
                    if caption := str(entry["caption"]).strip():
                        captions[uri] = caption
                except (ValueError, KeyError, TypeError):
                    continue
    except OSError:
        return {}
    return captions
