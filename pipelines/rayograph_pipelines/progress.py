"""The progress actor: the newest progress of every dataset, for whoever looks.

Only a fast view. It keeps nothing of its own: started anew, it is filled again from the tables.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

from rayograph_pipelines.names import NAMESPACE, PROGRESS_ACTOR


class ProgressBoard:
    """Newest progress by dataset, each with a version that grows with every change."""

    def __init__(self) -> None:
        self._newest: dict[str, tuple[int, dict[str, Any]]] = {}
        # A board started anew must not count from 0: whoever waits for a later version would sit.
        self._version = time.time_ns() // 1000
        self._changed = asyncio.Condition()

    async def update(self, dataset_id: str, progress: dict[str, Any]) -> None:
        """Put a dataset's newest progress up."""
        async with self._changed:
            known = self._newest.get(dataset_id)
            if known is None or known[1] != progress:
                self._put(dataset_id, progress)

    async def offer(self, dataset_id: str, progress: dict[str, Any]) -> None:
        """Put a progress up unless there is one: who works on the dataset knows better."""
        async with self._changed:
            if dataset_id not in self._newest:
                self._put(dataset_id, progress)

    async def amend(self, dataset_id: str, progress: dict[str, Any]) -> None:
        """Put a progress up in place of one that nobody works on: whoever does tells it."""
        async with self._changed:
            known = self._newest.get(dataset_id)
            if known is None or known[1]["status"] == "complete":
                self._put(dataset_id, progress)

    def _put(self, dataset_id: str, progress: dict[str, Any]) -> None:
        self._version += 1
        self._newest[dataset_id] = (self._version, progress)
        self._changed.notify_all()

    async def forget(self, dataset_id: str) -> None:
        """A dataset is gone; whoever waits for it is told."""
        async with self._changed:
            self._newest.pop(dataset_id, None)
            self._changed.notify_all()

    async def newest(self, dataset_id: str) -> tuple[int, dict[str, Any]] | None:
        """(version, progress), or None when nothing is known yet."""
        return self._newest.get(dataset_id)

    async def wait(
        self, dataset_id: str, version: int, timeout_s: float
    ) -> tuple[int, dict[str, Any]] | None:
        """The newest once it is newer than ``version``, or after ``timeout_s`` what there is."""

        def newer() -> bool:
            known = self._newest.get(dataset_id)
            return known is None or known[0] > version

        async with self._changed:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait_for(newer), timeout_s)
            return self._newest.get(dataset_id)


def progress_actor() -> Any:
    """The cluster's progress actor, started if need be."""
    import ray

    return (
        ray.remote(ProgressBoard)
        .options(
            name=PROGRESS_ACTOR,
            namespace=NAMESPACE,
            get_if_exists=True,
            num_cpus=0,
            max_restarts=-1,
            max_concurrency=1000,
            lifetime="detached",
        )
        .remote()
    )
