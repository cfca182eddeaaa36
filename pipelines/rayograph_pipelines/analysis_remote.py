"""The way from a thread to the process that works out analyses."""

from __future__ import annotations

import logging
import os
import threading
from typing import Any

import ray

from rayograph.catalog.analyses import Wanted
from rayograph.errors import RayographError
from rayograph.settings import Settings
from rayograph_pipelines.analysis_actor import AnalysisActor

log = logging.getLogger(__name__)
_POLL_S = 0.2
_TRIES = 3
# How long its process waits for the next one: it takes seconds to start, and little while it waits.
_REST_S = 60.0


class RemoteAnalysis:
    """Has analyses worked out in an actor, which is ended to stop one, and when it is idle."""

    def __init__(self, settings: Settings, board: Any, model: Any) -> None:
        self._settings = settings
        self._board = board
        self._model = model
        self._lock = threading.Lock()
        self._actor: Any = None
        self._rest: threading.Timer | None = None

    def work(self, wanted: Wanted, stop: threading.Event) -> bool:
        for attempt in range(1, _TRIES + 1):
            try:
                done = self._follow(self._taken().work.remote(wanted), stop)
            except ray.exceptions.RayTaskError as error:
                self._leave()
                if isinstance(error.cause, RayographError):
                    raise error.cause from None
                raise
            except ray.exceptions.RayActorError:
                # Killed from outside, or for the memory it took.
                log.warning("the process of %s ended early", wanted.key)
                self._end()
                if attempt == _TRIES:
                    raise
            else:
                if done:
                    self._leave()
                else:
                    self._end()
                return done
        raise AssertionError("the last try always returns or raises")

    def _follow(self, reference: Any, stop: threading.Event) -> bool:
        while not stop.is_set():
            done, _ = ray.wait([reference], timeout=_POLL_S)
            if done:
                ray.get(done[0])
                return True
        return False

    def _taken(self) -> Any:
        """The actor, started if need be; it does not end while it is used."""
        with self._lock:
            if self._rest is not None:
                self._rest.cancel()
                self._rest = None
            if self._actor is None:
                self._actor = self._started()
            return self._actor

    def _leave(self) -> None:
        """Let it wait for the next one for a while."""
        with self._lock:
            self._rest = threading.Timer(_REST_S, self._end_idle)
            self._rest.daemon = True
            self._rest.start()

    def _end_idle(self) -> None:
        with self._lock:
            # One that was taken meanwhile is not idle.
            if self._rest is not None and self._rest is threading.current_thread():
                self._rest = None
                self._kill()

    def _end(self) -> None:
        with self._lock:
            self._kill()

    def _kill(self) -> None:
        if self._actor is not None:
            ray.kill(self._actor)
            self._actor = None

    def _started(self) -> Any:
        # Ray gives a process without CPUs of its own one thread.
        threads = str(os.cpu_count() or 1)
        limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
        options = {"num_cpus": 0, "runtime_env": {"env_vars": limits}}
        actor = ray.remote(AnalysisActor).options(**options)
        return actor.remote(self._settings, self._board, self._model)
