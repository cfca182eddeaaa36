"""One large picture in every state: its download, its pyramid, and the regions in it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

from rayograph.schema import Activity, DatasetState, DatasetStatus, Region, SearchRequest
from tests.drawn_pyramid import DrawnPyramid, draw

_COLUMNS = 10


@dataclass
class Giant:
    """``step`` is what goes on; ``pyramid.known`` becomes true when the picture's size is."""

    dataset_id: str
    step: Activity | None = None
    bytes_done: int | None = None
    bytes_total: int | None = None
    rate_bytes_s: float | None = None
    eta_s: float | None = None
    queued: bool = False
    pyramid: DrawnPyramid = field(init=False)

    def __post_init__(self) -> None:
        self.pyramid = DrawnPyramid(self.tile_id, width=20_000, height=12_000)

    @property
    def tile_id(self) -> str:
        return f"{self.dataset_id}-{0:020x}"

    def status(self, state: DatasetState, error: str | None) -> DatasetStatus:
        working = self.step is not None and state != "failed"
        return DatasetStatus(
            dataset_id=self.dataset_id,
            status="queued" if self.queued else "processing" if working else state,
            progress=self.step if working else None,
            started_at="2026-01-01T00:00:00+00:00",
            error=error,
            tile_info=self.pyramid.info,
            bytes_done=self.bytes_done,
            bytes_total=self.bytes_total,
            rate_bytes_s=self.rate_bytes_s,
            eta_s=self.eta_s,
        )

    def region(self, index: int) -> Region | None:
        """The first row is the whole picture, the others are squares of it, row by row."""
        if index == 0:
            return None
        side = self.pyramid.width // _COLUMNS
        row, column = divmod(index - 1, _COLUMNS)
        return Region(x=column * side, y=row * side, width=side, height=side)

    def found(self, request: SearchRequest, ready: int) -> list[int]:
        rows = list(range(1, ready))
        random.Random(request.text or request.image_id).shuffle(rows)
        return rows[: min(request.k, 24)]

    def picture(self, folder: Path, index: int) -> Path:
        """The file of a row."""
        path = folder / f"region-{index:03}.jpg"
        if not path.exists():
            whole = (self.pyramid.width, self.pyramid.height)
            box = self.region(index) or Region(x=0, y=0, width=whole[0], height=whole[1])
            factor = max(1, box.width // 250)
            corner = (box.x // factor, box.y // factor)
            size = (box.width // factor, box.height // factor)
            path.write_bytes(draw(corner, size, factor, whole, "jpeg"))
        return path
