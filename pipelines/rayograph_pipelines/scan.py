"""One look at a source: what is new is appended, what changed is done again, what is gone marked.

Nothing is remembered beside the table. A scan that is killed is made again, and finds done what
was done: a row is changed last of all in that which would find it changed again.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rayograph import ids
from rayograph.catalog import Catalog, DatasetRow
from rayograph.catalog.columns import ANNOTATIONS
from rayograph.contents import hashes_of
from rayograph.errors import SourceError, SourceForbidden, SourceNotFound
from rayograph.listing import Chunk, Walk, read_captions
from rayograph.settings import Settings
from rayograph.sources import display
from rayograph_pipelines.committer import Committer
from rayograph_pipelines.known import Compared, Known, Rows
from rayograph_pipelines.lister import Appender, listed, rounds
from rayograph_pipelines.moves import Moves
from rayograph_pipelines.stages.list_files import ListFiles, ListFilesConfig
from rayograph_pipelines.touched import Touched
from rayograph_pipelines.warm import WarmPath

log = logging.getLogger(__name__)
_FIRST_ROWS = 4096
_PLACE = ("uri", "file_name", "folder", "size", "mtime")


class Scan:
    """Compares a source with its table.

    Args:
        found: called when rows were appended.
        again: called when rows that were there are to be done (again).
        stopping: set when the scan is to end soon; it is made again later.
    """

    def __init__(
        self,
        catalog: Catalog,
        row: DatasetRow,
        settings: Settings,
        *,
        warm: WarmPath,
        committer: Committer,
        found: Callable[[], object],
        again: Callable[[], object],
        stopping: threading.Event,
    ) -> None:
        self._row = row
        self._settings = settings
        self._warm = warm
        self._committer = committer
        self._found = found
        self._again = again
        self._stopping = stopping
        self._editor = catalog.rows(row.dataset_id)
        self._writer = catalog.writer(row.dataset_id)
        self._reader = catalog.reader(row.dataset_id)
        # A first listing appends at once: what could have moved would have been listed before.
        self._first = row.scanned_at is None
        self._config = ListFilesConfig(row.dataset_id, row.source.root, with_ids=self._first)
        self._skipped: Counter[str] = Counter()
        self._held: list[pa.Table] = []
        self._marked: list[pa.Table] = []
        self._rows = 0

    def whole(self, *, alone_until: float) -> Counter[str]:
        """Look at all of the source; returns what was passed over.

        Raises:
            SourceError: the source itself cannot be looked at; then nothing is marked as gone.
        """
        walk = Walk(
            self._row.source,
            workers=self._settings.listing.workers,
            follow_symlinks=self._settings.sources.follow_symlinks,
        )
        self._begin(self._editor.known())
        for chunks in self._walked(walk):
            for table in listed(chunks, self._config, self._settings, self._warm, alone_until):
                if self._stopping.is_set():
                    return self._skipped
                self._take(table)
        self._compare()
        self._require_source(walk)
        self._end(self._known.vanished(walk.unreadable))
        self._editor.settle()
        return self._skipped + walk.skipped

    def parts(self, touched: Touched) -> None:
        """Look at some files only, and at the rows of what may have been moved there."""
        self._begin(self._editor.known(touched.where(), missing=True))
        stage = ListFiles(self._config)
        for chunk in touched.chunks():
            self._take(stage.rows(chunk))
        self._compare()
        self._end(self._known.vanished([]))
        self._editor.settle()

    def _walked(self, walk: Walk) -> Iterator[list[Chunk]]:
        try:
            yield from rounds(walk)
        except Exception as error:
            # Every kind of store has errors of its own for a bucket that is not to be had.
            log.warning("%s cannot be listed: %s", self._row.dataset_id, error)
            raise _gone(self._row, error) from error

    # -- what is listed ---------------------------------------------------------------------

    def _begin(self, rows: pa.Table) -> None:
        self._known = Known(rows, self._row.source)
        self._moves = Moves(self._known, self._hashes)
        limit = self._settings.listing.fragment_rows
        captions = read_captions(self._row.source)
        self._appender = Appender(self._committer, limit, captions)
        self._size = min(_FIRST_ROWS, limit)
        # Each look at the known rows hashes all of them.
        self._most = max(4 * limit, len(self._known) // 2)

    def _take(self, table: pa.Table) -> None:
        for note in table["skipped"].drop_null().to_pylist():
            self._skipped.update(json.loads(note))
        found = table.filter(pc.is_valid(table["uri"])).drop_columns(["skipped"])
        if found["etag"].null_count < found.num_rows:
            self._marked.append(found.select(["uri", "etag"]))
        self._held.append(found)
        self._rows += found.num_rows
        if self._rows >= self._size:
            self._size = min(self._size * 4, self._most)
            self._compare()

    def _compare(self) -> None:
        if not self._held:
            return
        compared = self._known.compare(pa.concat_tables(self._held))
        self._held, self._rows = [], 0
        if len(compared.rows):
            self._changed(compared)
        new = compared.new
        if not self._first:
            new = self._moves.hold(new)
        self._append(new)

    def _append(self, new: pa.Table) -> None:
        if not new.num_rows:
            return
        if not self._first:
            new = _with_ids(new, self._row.dataset_id, self._taken_ids())
        self._appender.append(new)
        self._found()

    def _taken_ids(self) -> pa.Array:
        return self._writer.known_ids().combine_chunks()

    # -- what has changed -------------------------------------------------------------------

    def _changed(self, compared: Compared) -> None:
        """Files that are not as their rows say. Only other bytes make work."""
        known = self._known
        unmarked = ~(compared.same_mark | compared.other_mark)
        doubtful = compared.same_size & ~compared.same_time & unmarked
        redo = (~compared.same_size & ~compared.same_mark) | compared.other_mark
        at = np.flatnonzero(doubtful)
        if len(at):
            before = self._hashes(compared.rows[at])
            asked = [n for n, text in enumerate(before) if text is not None]
            uris = compared.found["uri"].take(pa.array(at[asked])).to_pylist()
            workers = self._settings.listing.workers * 2
            same = {
                n
                for n, now in zip(asked, hashes_of(uris, workers=workers), strict=True)
                if now == before[n]
            }
            redo[[place for n, place in enumerate(at.tolist()) if n not in same]] = True
        if redo.any():
            self._committer.redo(known.addresses[compared.rows[redo]])
        self._place(compared.rows, compared.found)
        back = compared.rows[known.missing[compared.rows]]
        self._mark(back, missing=False)
        if redo.any() or len(back):
            self._again()

    def _place(self, rows: Rows, files: pa.Table) -> None:
        """Say of rows where their files are, how large and how old, where that is other."""
        addresses = self._known.addresses[rows]
        placed = files.select(_PLACE).append_column("_rowaddr", pa.array(addresses))
        before = self._known.table.select(_PLACE).take(pa.array(rows))
        other = np.zeros(len(rows), bool)
        for name in _PLACE:
            same = pc.fill_null(pc.equal(placed[name], before[name]), False)
            same = pc.or_(same, pc.and_(pc.is_null(placed[name]), pc.is_null(before[name])))
            other |= ~same.to_numpy()
        if other.any():
            placed = placed.filter(pa.array(other))
            self._committer.change(lambda: self._editor.place(placed))

    def _match_anew(self, rows: Rows) -> None:
        """Annotations belong to a path: at another one others may be meant, or none."""
        if self._row.annotations is not None:
            addresses = self._known.addresses[rows]
            self._committer.change(lambda: self._editor.forget(addresses, ANNOTATIONS))

    def _mark(self, rows: Rows, *, missing: bool) -> None:
        if len(rows):
            addresses = self._known.addresses[rows]
            self._committer.change(lambda: self._editor.mark(addresses, missing=missing))

    def _hashes(self, rows: Rows) -> list[str | None]:
        """What the rows' files held when they were embedded."""
        name = self._reader.space.content_hash
        found = self._editor.values(self._known.addresses[rows], [name])
        hashes: list[str | None] = found[name].to_pylist()
        return hashes

    # -- the end ----------------------------------------------------------------------------

    def _end(self, vanished: Rows) -> None:
        """Every file was met: what is new after all, what has moved, and what is gone."""
        moved, files, new = self._moves.settle(vanished)
        if len(moved):
            # Before they are placed: killed in between, they are found moved again.
            self._match_anew(moved)
            self._place(moved, files)
            self._mark(moved[self._known.missing[moved]], missing=False)
        self._append(new)
        gone = np.setdiff1d(vanished, moved)
        self._mark(gone[~self._known.missing[gone]], missing=True)
        if len(moved) or len(gone):
            self._again()
        self._note_marks()

    def _note_marks(self) -> None:
        """Keep the marks of all files that were met, once what they told of is done."""
        if not self._marked:
            return
        known = Known(self._editor.known(), self._row.source)
        rows, marks = known.new_marks(pa.concat_tables(self._marked))
        if len(rows):
            addresses = known.addresses[rows]
            self._committer.change(lambda: self._editor.note_marks(addresses, marks))

    def _require_source(self, walk: Walk) -> None:
        """A folder that is not mounted looks like one that is gone, or empty."""
        known, root = self._known, self._row.source.root
        if root in walk.unreadable or (
            not self._first and not known.seen.any() and (~known.missing).any()
        ):
            raise _gone(self._row, None)


def _gone(row: DatasetRow, error: BaseException | None) -> SourceError:
    where = display(row.source.root)
    if isinstance(error, SourceForbidden):
        return SourceForbidden(
            f"{where} may not be read now; nothing was changed", hint="allow it, then rescan"
        )
    return SourceNotFound(
        f"nothing of {where} can be found now; nothing was changed",
        hint="is it mounted, and is the network there? Then rescan",
    )


def _with_ids(new: pa.Table, dataset_id: str, taken: pa.Array) -> pa.Table:
    """An id is made of a uri; a file at a place that another has left gets one of its own."""
    uris = new["uri"].to_pylist()
    made = [ids.image_id(dataset_id, uri) for uri in uris]
    clash = pc.is_in(pa.array(made, pa.string()), value_set=taken).to_numpy(zero_copy_only=False)
    if clash.any():
        known = set(taken.to_pylist())
        for at in np.flatnonzero(clash).tolist():
            number = 1
            while made[at] in known:
                number += 1
                made[at] = ids.image_id(dataset_id, f"{uris[at]}\0{number}")
            known.add(made[at])
    index = new.schema.get_field_index("id")
    return new.set_column(index, "id", pa.array(made, pa.string()))
