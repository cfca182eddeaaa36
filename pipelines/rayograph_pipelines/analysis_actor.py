"""The actor that works out one analysis, in a process that can be ended at any moment."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import ray

from rayograph.catalog import Catalog
from rayograph.catalog.analyses import Wanted
from rayograph.errors import RayographError
from rayograph.settings import Settings
from rayograph_pipelines import chains
from rayograph_pipelines.analysis_bench import Bench
from rayograph_pipelines.analysis_work import work
from rayograph_pipelines.stages.fingerprint import Fingerprint

log = logging.getLogger(__name__)
_TELL_S = 0.3
_POLL_S = 0.2
_TRIES = 3
# Fewer files are read here sooner than a pipeline's workers are up (docs/decisions/0010).
_ALONE_ROWS = 4_096
_BATCH = 128
_TEXTS_AT_ONCE = 64


class AnalysisActor:
    """Works out one analysis and is gone."""

    def __init__(self, settings: Settings, board: Any, model: Any) -> None:
        logging.basicConfig(level=settings.log_level.upper())
        # The page, the stages and the queries come before it.
        os.nice(chains.NICE)
        self._settings = settings
        self._board = board
        self._model = model
        self._told = ("", 0.0)

    def work(self, wanted: Wanted) -> None:
        """Work it out and store it.

        Raises:
            RayographError: it cannot be done.
        """

        def tell(stage: str, done: int | None, total: int | None) -> None:
            now = time.monotonic()
            if stage != self._told[0] or now - self._told[1] >= _TELL_S:
                self._told = (stage, now)
                said = {"stage": stage, "done": done, "total": total}
                self._board.update.remote(wanted.key, said)

        bench = Bench(Catalog(self._settings.catalog.uri), tell, self._texts, self._fingerprints)
        work(bench, wanted)

    def _texts(self, model: str, key: str | None, texts: list[str]) -> npt.NDArray[np.float16]:
        lots = range(0, len(texts), _TEXTS_AT_ONCE)
        return np.concatenate(
            [
                ray.get(self._model.texts.remote(model, key, texts[at : at + _TEXTS_AT_ONCE]))
                for at in lots
            ]
        )

    def _fingerprints(self, rows: pa.Table, decode: bool) -> Iterator[pa.Table]:
        if rows.num_rows > _ALONE_ROWS:
            yield from chains.fingerprints(rows, self._settings, decode=decode)
            return
        stage = Fingerprint(chains.fingerprint_config(self._settings, decode=decode))
        try:
            for start in range(0, rows.num_rows, _BATCH):
                yield stage(rows.slice(start, _BATCH))
        finally:
            stage.close()


class RemoteAnalysis:
    """The way to an actor for each analysis, from a thread."""

    def __init__(self, settings: Settings, board: Any, model: Any) -> None:
        self._settings = settings
        self._board = board
        self._model = model

    def work(self, wanted: Wanted, stop: threading.Event) -> bool:
        for attempt in range(1, _TRIES + 1):
            actor = self._actor()
            try:
                return self._follow(actor.work.remote(wanted), stop)
            except ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, RayographError):
                    raise error.cause from None
                raise
            except ray.exceptions.RayActorError:
                # Killed from outside, or for the memory it took.
                log.warning("the process of %s ended early", wanted.key)
                if attempt == _TRIES:
                    raise
            finally:
                ray.kill(actor)
        raise AssertionError("the last try always returns or raises")

    def _follow(self, reference: Any, stop: threading.Event) -> bool:
        while not stop.is_set():
            done, _ = ray.wait([reference], timeout=_POLL_S)
            if done:
                ray.get(done[0])
                return True
        return False

    def _actor(self) -> Any:
        # Ray gives a process without CPUs of its own one thread.
        threads = str(os.cpu_count() or 1)
        limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
        options = {"num_cpus": 0, "runtime_env": {"env_vars": limits}}
        actor = ray.remote(AnalysisActor).options(**options)
        return actor.remote(self._settings, self._board, self._model)
