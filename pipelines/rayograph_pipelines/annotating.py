"""Annotations in the metadata stage: read once in a child, then put to the rows as they are listed.

Listing and headers never wait for it. The fingerprint of the files is kept with the report, and
what a fragment was given is in its columns, so a killed run goes on and an unchanged file is not
read again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rayograph.annotations.extras import TYPES, Extra, columns_of
from rayograph.annotations.found import Found, find, fingerprint
from rayograph.annotations.given import about
from rayograph.annotations.matching import Matcher
from rayograph.annotations.reading import Job, Summary
from rayograph.catalog import DatasetReader, DatasetRow
from rayograph.errors import ImageFault, SourceError
from rayograph.guard import Guard

log = logging.getLogger(__name__)
_READ = "rayograph.annotations.reading:read"
# A million images with their shapes take minutes; a file that takes longer is not one to wait for.
_READ_S = 3600.0
_NICE = 10
_STOP_S = 0.2


class Annotating:
    """One dataset's annotations within a run.

    Args:
        fill: replaces columns of whole fragments.
        keep: gives the table exactly these columns of a manifest.
        note: keeps a report in the registry.
    """

    def __init__(
        self,
        row: DatasetRow,
        reader: DatasetReader,
        *,
        fill: Callable[[Mapping[int, pa.Table]], None],
        keep: Callable[[pa.Schema], None],
        note: Callable[[dict[str, Any]], object],
        stop: threading.Event,
    ) -> None:
        self._row = row
        self._reader = reader
        self._fill = fill
        self._keep = keep
        self._extras: list[Extra] = []
        self._note = note
        self._stop = stop
        self._given: set[int] = set()

    def follow(self, growth: Iterable[bool]) -> None:
        """Annotate what is there and what comes.

        Args:
            growth: yields each time the table has grown; True: listing is over.
        """
        try:
            found = find(self._row.source)
        except (SourceError, OSError) as error:
            self._unreadable(str(error) if isinstance(error, SourceError) else "it is gone")
            return
        if found is None:
            self._without()
            return
        mark = fingerprint(found)
        known = self._row.annotations or {}
        # Reports of an earlier version say nothing of columns.
        if known.get("fingerprint") == mark and "columns" in known:
            # A rescan most often finds nothing new: then the file need not be read again.
            for _ in growth:
                pass
            if self._stop.is_set() or self._is_done(known):
                return
            growth = [True]
        # Until it is read again, fields of its columns stay those they were.
        self._note(about(found, "reading", columns=known.get("columns", [])))
        with tempfile.TemporaryDirectory(prefix="rayograph-annotations-") as folder:
            out = str(Path(folder, "annotations.arrow"))
            summary = self._read(found, out)
            if summary is not None and not self._stop.is_set():
                self._apply(found, mark, summary, Matcher(out, summary.kind), growth)

    # -- inside -----------------------------------------------------------------------------

    def _without(self) -> None:
        known = self._row.annotations
        if known is not None and known["state"] in ("waiting", "reading"):
            self._unreadable("it is gone")

    def _unreadable(self, reason: str) -> None:
        named = self._row.source.annotations
        known = self._row.annotations or {"file": named or "", "named": named is not None}
        self._note(known | {"state": "failed", "note": f"not read: {reason}"})

    def _is_done(self, known: dict[str, Any]) -> bool:
        """Whether every row was given its annotations, of the very files that are there."""
        if self._reader.snapshot().count_rows("objects is null"):
            return False
        if known["state"] in ("waiting", "reading"):
            state = "applied" if known["images"] else "failed"
            self._note(known | {"state": state})
        return True

    def _read(self, found: Found, out: str) -> Summary | None:
        # Images elsewhere than on this machine are matched by what their rows say.
        root = self._row.source.root if "://" not in self._row.source.root else None
        guard: Guard[Summary] = Guard(_READ, None, timeout_s=_READ_S, nice=_NICE)
        try:
            summary = self._unless_stopped(guard, Job(found, root, out))
        finally:
            guard.close()
        if isinstance(summary, ImageFault):
            self._note(about(found, "failed", note=f"not read: {summary.message}"))
            return None
        return summary

    def _unless_stopped(self, guard: Guard[Summary], job: Job) -> Summary | ImageFault | None:
        """The child's answer; None once the run is told to stop, which ends the child."""
        with ThreadPoolExecutor(1, "annotations") as pool:
            answer = pool.submit(guard.map, [job])
            while not wait([answer], _STOP_S).done:
                if self._stop.is_set() and guard.pid is not None:
                    # The guard tries once more with another child, which is ended as well.
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(guard.pid, signal.SIGKILL)
        if self._stop.is_set():
            return None
        return answer.result()[0]

    def _apply(
        self, found: Found, mark: str, read: Summary, matcher: Matcher, growth: Iterable[bool]
    ) -> None:
        self._extras = [Extra.model_validate(each) for each in read.notes["columns"]]
        self._keep(pa.schema([(each.column, TYPES[each.kind]) for each in self._extras]))
        self._note(about(found, "reading", columns=read.notes["columns"]))
        for listed in growth:
            self._annotate(matcher, set())
            if self._stop.is_set():
                return
            if listed:
                self._settle(matcher)
                break
        if self._stop.is_set():
            return
        missing = matcher.missing
        state = "failed" if read.notes["note"] and not read.images else "applied"
        self._note(
            about(
                found,
                state,
                fingerprint=mark,
                images=read.images,
                annotations=read.annotations,
                labels=read.labels,
                images_matched=matcher.matched,
                images_missing=len(missing),
                images_ambiguous=len(matcher.ambiguous),
                missing=matcher.first(missing),
                ambiguous=matcher.first(matcher.ambiguous),
                **read.notes,
            )
        )

    def _annotate(self, matcher: Matcher, again: set[int]) -> None:
        """Fill the fragments that have come since, and those in ``again``."""
        for fragment, _ in self._reader.fragments():
            if fragment in self._given and fragment not in again:
                continue
            if self._stop.is_set():
                return
            of = self._reader.snapshot().get_fragment(fragment)
            rows = matcher.columns(of.to_table(columns=matcher.needs))
            if self._extras:
                self._fill({fragment: columns_of(rows["extra"], self._extras)})
            # Last: what has its objects has everything.
            self._fill({fragment: rows})
            self._given.add(fragment)

    def _settle(self, matcher: Matcher) -> None:
        """What no path led to is matched by name, now that every name is known."""
        if not len(matcher.missing):
            return
        scan = self._reader.snapshot().scanner(columns=matcher.needs, with_row_address=True)
        rows = scan.to_table()
        places = matcher.settle(rows)
        homes = rows["_rowaddr"].to_numpy()[places] >> np.uint64(32)
        self._annotate(matcher, {int(home) for home in np.unique(homes)})
