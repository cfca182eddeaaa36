"""A giant's own part of a run: download it, cut it into tiles, make rows of its regions.

Where it is stands in the tile store's files alone: killed anywhere, the same call goes on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rayograph import giants, ids
from rayograph.catalog import DatasetRow
from rayograph.catalog.columns import LISTING, METADATA, REGION
from rayograph.errors import FetchStopped, ImageFault, SourceError
from rayograph.fetch import discard
from rayograph.guard import Guard
from rayograph.progress import Pace
from rayograph.schema import StageMode, StageProgress, StageState
from rayograph.settings import Settings
from rayograph.sources import display, file_uri
from rayograph.tiles.steps import WORK, MakeConfig
from rayograph.tiles.store import Pyramid
from rayograph_pipelines.giants_download import Download, check_disk, stage_of
from rayograph_pipelines.turns import Turns

# The pass over the whole is behind the page, and before other bulk work.
_NICE = 8
_TELL_S = 0.25
# Rows are few: a fragment of the table is worth so many, or so much waiting.
_BATCH_ROWS, _BATCH_S = 256, 2.0
_BROKEN = {"empty", "truncated", "not_an_image", "unsupported", "too_large", "corrupt"}


class Giant:
    """Makes one giant's tiles and rows.

    Args:
        turns: had while tiling, one giant after another.
        stop: set from outside to end soon.
        append: takes new rows of the table.
        tell: called when there is progress to be shown.
    """

    def __init__(
        self,
        row: DatasetRow,
        settings: Settings,
        *,
        turns: Turns,
        stop: threading.Event,
        append: Callable[[pa.Table], None],
        tell: Callable[[], object],
    ) -> None:
        self._row, self._settings = row, settings
        self._turns, self._stop = turns, stop
        self._append, self._tell = append, tell
        self._store = giants.store_of(row, settings)
        self._path = giants.original_of(row, settings)
        self._rows: list[dict[str, Any]] = []
        # Level -> rows of tiles that are rows of the table, or held to be.
        self._added: dict[int, int] = {}
        self._appended_at = self._told_at = 0.0
        self._download: Download | None = None
        if row.source.kind == "url":
            self._download = Download(
                row, settings, self._store, self._path, stop=stop, show=self._show
            )
        self._tiling = False
        self._pyramid = self._store.pyramid()

    def work(self) -> bool:
        """Everything there is to do; False when told to stop before the end.

        Raises:
            SourceError: the picture cannot be had, or cannot be tiled.
        """
        options = self._settings.tiles
        config = MakeConfig(
            str(self._store.folder),
            str(self._path),
            options.size,
            options.quality,
            options.max_pixels,
            nice=_NICE,
        )
        with Guard[Any](
            WORK, config, timeout_s=options.timeout_s, memory_mb=options.memory_mb
        ) as child:
            try:
                streamed = self._download is not None and self._download.run(child)
            except FetchStopped:
                return False
            with self._turns.turn(self._stop) as mine:
                self._tiling = mine
                try:
                    return mine and self._tile(child, streamed)
                finally:
                    self._tiling = False

    def stages(self, pace: Pace) -> dict[str, StageProgress]:
        """The stages of this part, as they are now."""
        found = {}
        if self._download is not None:
            found["download"] = self._download.stage(pace)
        pyramid = self._pyramid
        done, total = (pyramid.done_tiles, pyramid.shape.total) if pyramid else (0, 0)
        pace.note("tiling", done)
        state: StageMode = "running" if self._tiling else "waiting"
        if pyramid is not None and pyramid.is_done:
            state = "done"
        rate = pace.rate("tiling") if state == "running" else None
        found["tiling"] = stage_of(done, total, rate, state)
        return found

    # -- what the ordinary stages are given -------------------------------------------------

    def stand_in(self, rows: pa.Table) -> pa.Table:
        """The rows, the whole picture's with the address of its smallest tile.

        Everything that opens pictures takes the whole one from there; nothing else could.
        """
        uris = [self._seen_at(uri) for uri in rows["uri"].to_pylist()]
        at = rows.schema.get_field_index("uri")
        return rows.set_column(at, "uri", pa.array(uris, pa.string()))

    def whole(self, rows: pa.Table) -> tuple[pa.Table, pa.Table]:
        """The metadata of the whole picture where it is among these rows, and the other rows."""
        mine = pc.equal(rows["uri"].cast(pa.string()), file_uri(str(self._path)))
        pyramid = self._pyramid
        chosen = rows.filter(mine)
        if not chosen.num_rows or pyramid is None:
            return chosen.slice(0, 0), rows
        values = {
            "width": pyramid.width,
            "height": pyramid.height,
            "format": pyramid.kind,
            "orientation": pyramid.orientation,
            "meta_state": int(StageState.DONE),
        }
        for field in METADATA:
            chosen = chosen.append_column(field, pa.array([values.get(field.name)], field.type))
        return chosen, rows.filter(pc.invert(mine))

    def _seen_at(self, uri: str) -> str:
        if uri == file_uri(str(self._path)) and self._pyramid is not None:
            return giants.preview_uri(self._store, self._pyramid)
        return uri

    # -- tiling -----------------------------------------------------------------------------

    def _tile(self, child: Guard[Any], streamed: bool) -> bool:
        self._step(child, "probe", _mark(self._path), streamed)
        pyramid = self._step(child, "overview")
        while not pyramid.is_done:
            if self._stop.is_set():
                return False
            pyramid = self._step(child, "advance")
            check_disk(self._store, self._settings)
        self._flush()
        return True

    def _step(self, child: Guard[Any], *step: object) -> Pyramid:
        (found,) = child.map([step])
        if isinstance(found, ImageFault):
            self._give_up(found)
            raise SourceError(f"the picture cannot be tiled: {found.message}", hint=found.hint)
        assert isinstance(found, Pyramid)
        self._pyramid = found
        self._add_rows(found)
        self._show()
        return found

    def _give_up(self, fault: ImageFault) -> None:
        """A broken download is of no use: asked to try again, it is fetched anew."""
        if self._row.source.kind == "url" and fault.fault in _BROKEN:
            self._path.unlink(missing_ok=True)
            discard(self._path)

    # -- rows -------------------------------------------------------------------------------

    def _add_rows(self, now: Pyramid) -> None:
        """Rows for what can be seen now: the whole, then each region as its tile is there."""
        shape = now.shape
        if now.has(shape.top, 0) and shape.top not in self._added:
            self._added[shape.top] = 1
            self._rows.append(self._row_of(self._path, display(self._path.name), "", None))
        for z in shape.region_levels(self._settings.tiles.max_regions):
            first, self._added[z] = self._added.get(z, 0), now.rows[z]
            for y in range(first, now.rows[z]):
                for x in shape.regions(z, y):
                    rect = shape.rect(z, x, y)
                    box = [rect.x, rect.y, rect.width, rect.height]
                    folder = f"1:{shape.scale(z)}"
                    self._rows.append(
                        self._row_of(self._store.tile(z, x, y), f"{x}_{y}", folder, box)
                    )
        due = time.monotonic() - self._appended_at > _BATCH_S
        if self._rows and (due or len(self._rows) >= _BATCH_ROWS):
            self._flush()

    def _row_of(
        self, path: Path, name: str, folder: str, region: list[int] | None
    ) -> dict[str, Any]:
        uri, info = file_uri(str(path)), path.stat()
        return {
            "id": ids.image_id(self._row.dataset_id, uri),
            "uri": uri,
            "file_name": name,
            "folder": folder,
            "size": info.st_size,
            "mtime": info.st_mtime,
            "caption": None,
            "region": region,
        }

    def _flush(self) -> None:
        self._appended_at = time.monotonic()
        if self._rows:
            rows, self._rows = self._rows, []
            self._append(pa.Table.from_pylist(rows, pa.schema([*LISTING, *REGION])))

    def _show(self, now_too: bool = False) -> None:
        now = time.monotonic()
        if now_too or now - self._told_at >= _TELL_S:
            self._told_at = now
            self._tell()


def _mark(path: Path) -> str:
    """Changes when the file does: then its tiles are of another picture."""
    try:
        info = path.stat()
    except OSError:
        return ""
    return f"{info.st_size}-{info.st_mtime_ns}"
