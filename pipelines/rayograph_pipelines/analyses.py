"""Analyses in the background: one at a time, whoever asks, whatever is killed.

What is wanted stands in the catalog. The queue here is only a view of it: a foreman started anew
fills it again and goes on with what was not done.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from rayograph.analysis.asked import Asked, name_of
from rayograph.catalog import Catalog
from rayograph.catalog.analyses import AskedState, Wanted
from rayograph.errors import DatasetNotFound, RayographError
from rayograph_pipelines.failures import reason

log = logging.getLogger(__name__)


class Worker(Protocol):
    """Works out one analysis elsewhere."""

    def work(self, wanted: Wanted, stop: threading.Event) -> bool:
        """Whether it was done; False when it was told to stop.

        Raises:
            RayographError: it cannot be done.
        """
        ...


class Analyst:
    """Has analyses done, in the order they were asked for. Every method returns quickly.

    Args:
        show: takes an analysis's key and how far it is; None once it is over.
    """

    def __init__(
        self, catalog: Catalog, worker: Worker, show: Callable[[str, dict[str, Any] | None], None]
    ) -> None:
        self._catalog = catalog
        self._worker = worker
        self._show = show
        self._changed = threading.Condition()
        self._queue: OrderedDict[str, Wanted] = OrderedDict()
        self._current: Wanted | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def go_on(self) -> None:
        """At a start: what was wanted and is not done."""
        for wanted in self._catalog.analyses.wanted():
            if wanted.state == "wanted":
                self._put(wanted)

    def start(self, dataset_id: str, asked: Asked) -> None:
        """Have it worked out, also if there is a result; one that is under way goes on."""
        wanted = Wanted(self._catalog.dataset(dataset_id).dataset_id, asked)
        with self._changed:
            if wanted.key not in self._queue and not self._at(wanted.key):
                self._catalog.analyses.note(wanted)
                self._put(wanted)

    def cancel(self, dataset_id: str, kind: str, name: str | None = None) -> None:
        """Stop a dataset's analyses of a kind (or the one of a name), or never begin; results there
        are stay."""

        def meant(wanted: Wanted) -> bool:
            mine = wanted.dataset_id == dataset_id and wanted.asked.analysis == kind
            return mine and name in (None, wanted.name)

        for wanted in self._end(meant):
            self._note(wanted, "cancelled")

    def forget(self, dataset_id: str) -> None:
        """Stop all that is about a dataset; it is about to be dropped."""
        self._end(lambda wanted: wanted.dataset_id == dataset_id)

    def busy(self) -> list[str]:
        """Keys of what waits or is worked at."""
        with self._changed:
            current = [self._current.key] if self._current else []
            return [*current, *self._queue]

    # -- inside -------------------------------------------------------------------------------

    def _at(self, key: str) -> bool:
        return self._current is not None and self._current.key == key

    def _end(self, meant: Callable[[Wanted], bool]) -> list[Wanted]:
        """Take out what is meant and wait until nobody is at it."""
        with self._changed:
            ended = [one for one in self._queue.values() if meant(one)]
            for wanted in ended:
                del self._queue[wanted.key]
            current = self._current
            if current is not None and meant(current):
                ended.append(current)
                self._stop.set()
                self._changed.wait_for(lambda: not self._at(current.key))
        for wanted in ended:
            self._show(wanted.key, None)
        return ended

    def _put(self, wanted: Wanted) -> None:
        with self._changed:
            self._queue[wanted.key] = wanted
            self._show(wanted.key, {"stage": "waiting", "done": None, "total": None})
            # The thread ends with the queue: most foremen never have an analysis to do.
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name="analyses", daemon=True)
                self._thread.start()

    def _loop(self) -> None:
        while True:
            with self._changed:
                if not self._queue:
                    self._thread = None
                    return
                _, self._current = self._queue.popitem(last=False)
                self._stop.clear()
                current = self._current
            state, error = self._do(current)
            with self._changed:
                # One that was stopped has been noted by who stopped it.
                if state is not None:
                    self._note(current, state, error)
                self._current = None
                self._changed.notify_all()
            self._show(current.key, None)

    def _do(self, wanted: Wanted) -> tuple[AskedState | None, str | None]:
        try:
            done = self._worker.work(wanted, self._stop)
        except DatasetNotFound:
            return None, None
        except RayographError as error:
            return "failed", error.message
        except Exception as error:
            log.exception("the analysis %s failed", wanted.key)
            return "failed", reason(error)
        return ("done" if done else None), None

    def _note(self, wanted: Wanted, state: AskedState, error: str | None = None) -> None:
        try:
            self._catalog.dataset(wanted.dataset_id)
            self._catalog.analyses.note(replace(wanted, state=state, error=error))
        except DatasetNotFound:
            pass
        except RayographError:
            log.exception("cannot note that %s is %s", name_of(wanted.asked), state)
