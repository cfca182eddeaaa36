"""One writer at a time for a local catalog, and for each dataset of it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from rayograph.errors import CatalogLocked


@contextlib.contextmanager
def hold(folder: Path | None, what: str) -> Iterator[None]:
    """Hold ``what`` in a local catalog against other processes; a bucket cannot be locked.

    The kernel lets go when the process ends, however it ends.

    Raises:
        CatalogLocked: another process holds it; the message names its process id.
    """
    if folder is None:
        yield
        return
    import fcntl

    path = folder / f".{what}.lock"
    with path.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.seek(0)
            holder = handle.read().strip() or "unknown"
            raise CatalogLocked(
                f"the {what} in {folder} is in use by process {holder}",
                hint="`rayograph down` stops it; or choose another --catalog",
            ) from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield
