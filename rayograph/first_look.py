"""A first look at a source, which costs the same however large it is: a page of rows, and whether
there is an image at all."""

from __future__ import annotations

import os
from collections.abc import Iterator

from rayograph.errors import SourceEmpty
from rayograph.listing import Chunk, Columns, Walk, rows
from rayograph.sources import Source, display, is_image_name


def require_images(source: Source) -> None:
    """Make sure there is an image anywhere in the source.

    Raises:
        SourceEmpty: there is none; the hint says what is there instead.
    """
    walk = Walk(source)
    if source.is_giant or next(iter(walk), None) is not None:
        return
    others = sum(walk.skipped.values())
    raise SourceEmpty(
        f"no images in {display(source.root)}",
        hint=f"{others} other entries were passed over" if others else "the folder is empty",
    )


def first_page(
    source: Source, dataset: str, limit: int, *, budget: int = 20_000
) -> tuple[Columns, bool]:
    """Up to ``limit`` rows at once, and whether that was everything there is.

    Looks at about ``budget`` directory entries at most, so it costs the same in a folder of a
    million; the rows it finds are listed again later and recognised by their ids.
    """
    found: Columns = {}
    complete = True
    if source.is_giant:
        # Its rows are made with its tiles.
        return found, False
    for chunk in _peek(source, budget) if source.kind == "folder" else Walk(source, workers=1):
        room = limit - len(found.get("id", []))
        columns, _ = rows(_head(chunk, room), dataset, source.root)
        for name, values in columns.items():
            found.setdefault(name, []).extend(values)
        complete = complete and len(chunk.names) <= room
        if len(found["id"]) >= limit:
            return found, False
    return found, complete and source.kind != "folder"


def _head(chunk: Chunk, room: int) -> Chunk:
    return Chunk(
        chunk.folder,
        chunk.names[:room],
        chunk.sizes[:room] if chunk.sizes is not None else None,
        chunk.mtimes[:room] if chunk.mtimes is not None else None,
        chunk.marks[:room] if chunk.marks is not None else None,
    )


def _peek(source: Source, budget: int) -> Iterator[Chunk]:
    """The first image names under a folder, depth first, looking at ``budget`` entries."""
    stack = [source.root]
    while stack and budget > 0:
        folder, names, below = stack.pop(), [], []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if is_image_name(entry.name) and not entry.is_dir(follow_symlinks=False):
                        names.append(entry.name)
                    elif (
                        source.recursive
                        and not entry.name.startswith(".")
                        and entry.is_dir(follow_symlinks=False)
                    ):
                        below.append(entry.path)
                    budget -= 1
                    if budget <= 0:
                        break
        except OSError:
            continue
        stack.extend(sorted(below, reverse=True))
        if names:
            yield Chunk(folder, sorted(names))
