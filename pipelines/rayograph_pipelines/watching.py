"""Watching a folder: the system tells of changes, or it is looked at again and again."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

import watchfiles

from rayograph.settings import WatchSettings
from rayograph.sources import Source, is_image_name
from rayograph_pipelines.touched import is_listed

log = logging.getLogger(__name__)
# Changes made on another machine are not told of here.
_NETWORK = frozenset(
    (
        *("9p", "afs", "ceph", "cifs", "davfs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4"),
        *("prl_fs", "smb3", "smbfs", "vboxsf", "virtiofs"),
    )
)
_STEP_MS = 50
_STOP_MS = 500
MOUNTS = Path("/proc/self/mounts")


class Watch:
    """Tells of what happens in one folder, from a thread of its own, until it is closed.

    Args:
        touched: called with paths; with the source's root when all of it is to be looked at.
        note: called with why it is polled, None while the system tells of changes.
    """

    def __init__(
        self,
        source: Source,
        options: WatchSettings,
        *,
        touched: Callable[[set[str]], object],
        note: Callable[[str | None], object],
    ) -> None:
        self.source = source
        self._options = options
        self._touched = touched
        self._note = note
        self._stop = threading.Event()
        self.watches = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Watch no more; returns at once."""
        self._stop.set()

    def _run(self) -> None:
        try:
            reason = self._reason_to_poll()
            while reason is None and not self._stop.is_set():
                reason = self._listen()
            if reason is not None:
                self._poll(reason)
        except Exception:
            log.exception("%s is watched no more", self.source.uri)

    def _reason_to_poll(self) -> str | None:
        if self._options.polling:
            return "watch.polling is set"
        kind = file_system(self.source.root)
        return f"{kind} does not tell of changes" if is_remote(kind) else None

    def _listen(self) -> str | None:
        """Pass on what the system tells; returns why it cannot be listened to, if so."""
        root = self.source.root
        try:
            batches = watchfiles.watch(
                root,
                watch_filter=lambda _, path: self._counts(path),
                debounce=int(1000 * self._options.debounce_s),
                step=_STEP_MS,
                rust_timeout=_STOP_MS,
                yield_on_timeout=True,
                stop_event=self._stop,
                raise_interrupt=False,
                recursive=self.source.recursive,
                ignore_permission_denied=True,
            )
            for batch in batches:
                if not self.watches.is_set():
                    self._note(None)
                    self.watches.set()
                paths = {path for _, path in batch}
                # The system keeps only so many in mind: of a burst some may have been lost.
                if len(paths) > self._options.burst or (paths and not os.path.isdir(root)):  # noqa: PTH112
                    paths = {root}
                if paths:
                    self._touched(paths)
        except (OSError, RuntimeError) as error:
            log.warning("%s cannot be watched: %s", self.source.uri, error)
            return "the system's limit of watched folders is reached"
        return None

    def _counts(self, path: str) -> bool:
        if not is_listed(path, self.source.root):
            return False
        # Of a name that is gone nobody can say whether it was a folder.
        return is_image_name(path) or os.path.isdir(path) or not os.path.lexists(path)  # noqa: PTH112

    def _poll(self, reason: str) -> None:
        every = self._options.poll_s
        self._note(f"looked at every {every:g} s: {reason}")
        self.watches.set()
        while not self._stop.wait(every):
            self._touched({self.source.root})


def file_system(path: str) -> str:
    """The kind of file system that a path lies on; empty where that cannot be found out."""
    found = ("", "")
    real = os.path.realpath(path)
    try:
        lines = MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ""
    for line in lines:
        _, place, kind, *_ = line.split(" ")
        place = place.replace("\\040", " ").rstrip("/")
        if len(place) >= len(found[0]) and f"{real}/".startswith(f"{place}/"):
            found = place, kind
    return found[1]


def is_remote(kind: str) -> bool:
    """Whether changes may be made there that this system is not told of."""
    return kind in _NETWORK or (kind.startswith("fuse") and kind not in ("fuseblk", "fusectl"))
