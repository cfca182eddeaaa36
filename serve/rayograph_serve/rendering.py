"""The picture work of thumbnails, in child processes that a hostile file may kill.

The children import this module: it must stay cheap.
"""

from __future__ import annotations

import queue
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rayograph.errors import ImageFault

if TYPE_CHECKING:
    from rayograph.guard import Guard
    from rayograph.settings import Settings

MAX_BYTES = 1 << 30
# Address space of a child: room for the largest picture allowed, its conversion, and Pillow.
MEMORY_MB = 6144
_WORK = "rayograph_serve.rendering:render"


@dataclass(frozen=True, slots=True)
class RenderConfig:
    """What every thumbnail has in common."""

    quality: int
    max_pixels: int


def render(item: tuple[str, int], config: RenderConfig) -> bytes:
    """The thumbnail of ``(uri, width in px)``, encoded. Runs in a child.

    Raises:
        ImageFault: the file cannot be read or is no picture.
    """
    from rayograph.imaging import thumbnail
    from rayograph.sources import open_uri

    uri, width = item
    with open_uri(uri) as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ImageFault("the file is larger than 1 GB", fault="too_large")
    return thumbnail(data, width=width, quality=config.quality, max_pixels=config.max_pixels)


class Renderers:
    """A few children that draw thumbnails; safe to call from several threads.

    The first child starts now, to be warm for the first picture; the others when all are busy.

    Args:
        count: children at most.
    """

    def __init__(self, settings: Settings, *, count: int) -> None:
        self._config = RenderConfig(settings.thumbnails.quality, settings.images.max_pixels)
        self._timeout_s = settings.images.timeout_s
        # Last in, first out: the child that worked last is warm. None is one not started yet.
        self._free: queue.LifoQueue[Guard[bytes] | None] = queue.LifoQueue()
        for _ in range(count - 1):
            self._free.put(None)
        self._guards = [self._start()]
        self._free.put(self._guards[0])

    def __call__(self, uri: str, width: int) -> bytes:
        guard = self._free.get()
        try:
            if guard is None:
                guard = self._start()
                self._guards.append(guard)
            (result,) = guard.map([(uri, width)])
        finally:
            self._free.put(guard)
        if isinstance(result, ImageFault):
            raise result
        return result

    def close(self) -> None:
        """End the children, each after the picture it is at."""
        for guard in self._guards:
            guard.close()

    def _start(self) -> Guard[bytes]:
        from rayograph.guard import Guard

        return Guard(_WORK, self._config, timeout_s=self._timeout_s, memory_mb=MEMORY_MB)
