"""From paths that something happened to, to what a scan looks at: files there now, and rows."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator

from rayograph.listing import Chunk, Walk, folder_of
from rayograph.sources import Source, display, file_uri, is_image_name, quote_path


class Touched:
    """Some files and folders of a local source.

    Args:
        paths: absolute; each may be a file or a folder, and there or not.
    """

    def __init__(self, paths: Iterable[str], source: Source, *, follow_symlinks: bool) -> None:
        self._source = source
        self._follow = follow_symlinks
        self._files: defaultdict[str, list[str]] = defaultdict(list)
        self._folders: list[str] = []
        self._gone: list[str] = []
        for path in sorted(set(paths)):
            folder, name = os.path.split(path)
            if any(path.startswith(f"{home}/") for home in self._folders[-1:]):
                continue
            if os.path.isdir(path):  # noqa: PTH112 (bytes survive)
                self._folders.append(path)
            elif is_image_name(name):
                self._files[folder].append(name)
            elif not os.path.lexists(path):
                self._gone.append(path)

    def chunks(self) -> Iterator[Chunk]:
        """Those files that may be there, by folder."""
        for folder, names in self._files.items():
            there = [name for name in names if os.path.lexists(f"{folder}/{name}")]
            if there:
                yield Chunk(folder, there)
        for folder in self._folders if self._source.recursive else ():
            inside = Source("folder", file_uri(folder), folder)
            yield from Walk(inside, workers=1, follow_symlinks=self._follow)

    def where(self) -> str:
        """The filter of a scan that picks the rows of all of them."""
        parts = []
        for folder, names in self._files.items():
            shown = _text(folder_of(folder, self._source.root))
            uris = ", ".join(_text(file_uri(f"{folder}/{name}")) for name in names)
            parts.append(f"(folder = {shown} and uri in ({uris}))")
        inside = (f"file://{quote_path(folder)}/" for folder in (*self._folders, *self._gone))
        parts += [f"starts_with(uri, {_text(prefix)})" for prefix in inside]
        return " or ".join(parts) or "false"


def is_listed(path: str, root: str) -> bool:
    """Whether a walk would come by here: folders whose names begin with a dot are passed over."""
    inside = path[len(root) :].strip("/").split("/")
    return not any(part.startswith(".") for part in inside[:-1]) and (
        is_image_name(inside[-1]) or not inside[-1].startswith(".")
    )


def _text(value: str) -> str:
    return "'" + display(value).replace("'", "''") + "'"
