"""File names that any system takes, each given once."""

from __future__ import annotations

import re

_FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f]')
_DEVICE = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)$", re.IGNORECASE)
_MOST_BYTES = 180


def safe_part(text: str) -> str:
    """One name without what Windows, Unix or an archive would trip over."""
    text = _FORBIDDEN.sub("_", text.replace("/", "_")).encode("utf-8", "replace").decode()
    text = text.strip().rstrip(". ")
    stem, dot, suffix = text.rpartition(".")
    if not dot or not stem:
        stem, suffix = text, ""
    if _DEVICE.match(text.split(".", 1)[0]):
        stem = f"_{stem}"
    room = _MOST_BYTES - len(suffix.encode()) - 1
    if room < _MOST_BYTES // 2:
        stem, suffix, room = text, "", _MOST_BYTES
    stem = stem.encode()[:room].decode("utf-8", "ignore")
    return f"{stem}.{suffix}" if suffix else stem


def safe_path(folder: str, name: str) -> str:
    """A relative path below the target; nothing in it leads out of it."""
    parts = [safe_part(part) for part in folder.split("/") if part not in ("", ".", "..")]
    return "/".join([*filter(None, parts), safe_part(name) or "image"])


class Names:
    """Gives each path once, also where capitals do not count; later ones get ``~2``, ``~3``.

    Args:
        stems: two that differ in their suffix alone are not told apart either.
    """

    def __init__(self, *, stems: bool = False) -> None:
        self._stems = stems
        # Hashes: a million paths would take ten times the room. Two that share one cost a suffix.
        self._taken: set[int] = set()

    def take(self, path: str) -> str:
        stem, dot, suffix = path.rpartition(".")
        if not dot or "/" in suffix:
            stem, suffix = path, ""
        found, number = path, 1
        while self._key(found) in self._taken:
            number += 1
            found = f"{stem}~{number}.{suffix}" if suffix else f"{stem}~{number}"
        self._taken.add(self._key(found))
        return found

    def _key(self, path: str) -> int:
        if self._stems:
            path = path.rpartition(".")[0] or path
        return hash(path.casefold())
