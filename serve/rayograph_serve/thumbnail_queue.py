"""Which thumbnail is made next: the newest request first, on threads beside the event loop."""

from __future__ import annotations

import asyncio
import functools
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rayograph_serve.engine import Located
from rayograph_serve.thumbnails import CHILDREN, ThumbnailStore

_READERS = 4


@dataclass(eq=False, slots=True)
class _Job:
    image_id: str
    located: Located
    size: int
    done: asyncio.Future[bytes]
    waiters: int = 0


class ThumbnailQueue:
    """Asks a store for thumbnails from the event loop.

    What is on screen now beats what has scrolled away: waiting requests are taken newest first,
    and one whose clients have all gone before its turn is never made.

    Args:
        workers: thumbnails made at once; default one a child process of the store.
    """

    def __init__(self, store: ThumbnailStore, *, workers: int = CHILDREN) -> None:
        self.store = store
        self._workers = workers
        self._running = 0
        self._jobs: dict[str, _Job] = {}
        self._waiting: OrderedDict[str, _Job] = OrderedDict()
        self._pool = ThreadPoolExecutor(workers, "thumbnail")
        # Apart from the makers: what is already on disk must not wait for a slow picture.
        self._readers = ThreadPoolExecutor(_READERS, "thumbnail-disk")

    async def get(self, image_id: str, located: Located, size: int) -> bytes:
        """The encoded thumbnail; cancelling the call withdraws it while it waits.

        Raises:
            ImageFault: the picture is broken or gone.
        """
        mark = self.store.mark(image_id, located, size)
        found = self.store.remembered(mark)
        if found is None and mark not in self._jobs:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(
                self._readers, self.store.stored, image_id, located, size
            )
        if found is not None:
            return found
        return await self._join(mark, image_id, located, size)

    async def forget(self, dataset_id: str) -> None:
        """Drop a dataset's thumbnails from disk."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._readers, self.store.forget, dataset_id)

    def close(self) -> None:
        """End threads and child processes; what still waits is dropped."""
        self._waiting.clear()
        self.store.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._readers.shutdown(wait=False, cancel_futures=True)

    async def _join(self, mark: str, image_id: str, located: Located, size: int) -> bytes:
        job = self._jobs.get(mark)
        if job is None:
            done = asyncio.get_running_loop().create_future()
            job = self._jobs[mark] = self._waiting[mark] = _Job(image_id, located, size, done)
        elif mark in self._waiting:
            self._waiting.move_to_end(mark)
        job.waiters += 1
        self._start_next()
        try:
            return await asyncio.shield(job.done)
        finally:
            job.waiters -= 1
            if not job.waiters and mark in self._waiting:
                del self._waiting[mark], self._jobs[mark]
                job.done.cancel()

    def _start_next(self) -> None:
        while self._running < self._workers and self._waiting:
            mark, job = self._waiting.popitem()
            self._running += 1
            loop = asyncio.get_running_loop()
            work = loop.run_in_executor(
                self._pool, self.store.get, job.image_id, job.located, job.size
            )
            work.add_done_callback(functools.partial(self._finish, mark))

    def _finish(self, mark: str, made: asyncio.Future[bytes]) -> None:
        job = self._jobs.pop(mark)
        self._running -= 1
        error = None if made.cancelled() else made.exception()
        if made.cancelled():
            job.done.cancel()
        elif error is not None:
            job.done.set_exception(error)
            # Read it here, or asyncio complains when every client has gone meanwhile.
            job.done.exception()
        else:
            job.done.set_result(made.result())
        self._start_next()
