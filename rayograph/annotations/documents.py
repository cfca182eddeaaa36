"""A COCO file's parts as slices of the mapped file: a 500 MB document costs its index, no more.

A document that is cut off or torn in places gives every entry that is whole.
"""

from __future__ import annotations

import json
import mmap
import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Raw

from rayograph.annotations.reports import Notes

_KEYS = ("images", "annotations", "categories")
_COMMA = re.compile(r"\s*,\s*")
_END = re.compile(r"\s*\]")
_SCAN = json.JSONDecoder().raw_decode
_NEXT = re.compile(r"\}\s*,\s*(?=\{)")
_BLOCK = 1 << 20


class _Parts(msgspec.Struct):
    images: list[Raw] = []
    annotations: list[Raw] = []
    categories: list[Raw] = []


class Document:
    """One annotation file; ``parts`` holds each entry's bytes, in the file's order."""

    def __init__(self, path: Path, name: str, notes: Notes) -> None:
        self.name = name
        with path.open("rb") as file:
            empty = path.stat().st_size == 0
            self._data = b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._start = _address(self._data) if len(self._data) else 0
        self._counted = (0, 1)
        self.parts: dict[str, list[Any]] = {}
        try:
            whole = msgspec.json.decode(self._data, type=_Parts)
            self.parts = {key: getattr(whole, key) for key in _KEYS}
        except msgspec.ValidationError as error:
            reason, field = reason_of(error)
            notes.bad(name, reason, field=field.removeprefix(".") or None)
        except (msgspec.DecodeError, RecursionError):
            self._salvage(notes)

    def line(self, entry: Any) -> int:
        """The line an entry begins in; cheap when asked in the file's order."""
        return self._line(_address(entry) - self._start)

    def _line(self, offset: int) -> int:
        at, line = self._counted if self._counted[0] <= offset else (0, 1)
        while at < offset:
            end = min(at + _BLOCK, offset)
            line += self._data[at:end].count(b"\n")
            at = end
        self._counted = (offset, line)
        return line

    def _salvage(self, notes: Notes) -> None:
        # One byte a character, so that places in the text are places in the file; JSON's own
        # signs are ASCII, and what is between quotes is only passed over here.
        text = self._data[:].decode("latin-1")
        view = memoryview(self._data)
        for key in _KEYS:
            found = self.parts[key] = list[Any]()
            begun = re.search(rf'"{key}"\s*:\s*\[\s*', text)
            at = begun.end() if begun else -1
            while at >= 0 and text[at : at + 1] != "]":
                end, fault, where = _entry(text, at)
                if fault is None:
                    found.append(view[at:end])
                    at = end
                else:
                    field = f"{key}[{len(found)}]"
                    notes.bad(self.name, fault, line=self._line(where), field=field)
                at = _following(text, at, whole=fault is None)


def _entry(text: str, at: int) -> tuple[int, str | None, int]:
    """Where the value that begins at ``at`` ends; or why it has no end, and where that shows."""
    try:
        return _SCAN(text, at)[1], None, at
    except json.JSONDecodeError as error:
        return at, error.msg, error.pos
    except RecursionError:
        return at, "it is nested too deeply", at


def _following(text: str, at: int, *, whole: bool) -> int:
    """Where the list's next entry begins; -1: nowhere."""
    comma = _COMMA.match(text, at) if whole else _NEXT.search(text, at)
    if comma is None and whole and not _END.match(text, at):
        # Whatever stands here, what looks like an entry after it is one.
        comma = _NEXT.search(text, max(at - 1, 0))
    return comma.end() if comma else -1


def _address(entry: Any) -> int:
    return int(np.frombuffer(memoryview(entry), np.uint8).ctypes.data)


def reason_of(error: msgspec.ValidationError) -> tuple[str, str]:
    """What is wrong, and the path to it within the entry, like ``.bbox[2]``."""
    text, _, path = str(error).partition(" - at `$")
    return text.replace("`", ""), path.rstrip("`")
