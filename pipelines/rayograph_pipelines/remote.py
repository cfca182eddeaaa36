"""The API's way to the actors: each call is one message; what fails comes back typed."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
import ray

from rayograph.errors import RayographError, Unavailable
from rayograph.schema import Progress, StageName
from rayograph.settings import Settings
from rayograph.sources import Source
from rayograph_pipelines.progress import progress_actor

Vector = npt.NDArray[np.float16]


class RayWork:
    """Handles on the foreman, the progress board and the model actor.

    Each is looked for, and started if it is not there, when it is first needed: their imports must
    not compete with the first answers.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @functools.cached_property
    def _board(self) -> Any:
        return progress_actor()

    @functools.cached_property
    def _model(self) -> Any:
        from rayograph_pipelines.model_actor import model_actor

        return model_actor(self._settings)

    @functools.cached_property
    def _foreman(self) -> Any:
        from rayograph_pipelines.foreman import foreman

        return foreman(self._settings)

    def warm_up(self) -> None:
        """Have everything started, so that the first dataset does not wait for it."""
        for actor in (self._board, self._foreman, self._model):
            del actor

    async def start(self, dataset_id: str) -> None:
        self._foreman.start.remote(dataset_id)

    async def command(self, dataset_id: str, command: str, *more: str) -> None:
        await _result(getattr(self._foreman, command).remote(dataset_id, *more))

    async def retry(
        self,
        dataset_id: str,
        where: str | None,
        image_ids: list[str] | None,
        stage: StageName | None,
    ) -> None:
        await _result(self._foreman.retry.remote(dataset_id, where, image_ids, stage))

    async def change_model(self, dataset_id: str, model: str) -> None:
        await _result(self._foreman.change_model.remote(dataset_id, model))

    async def relocate(self, dataset_id: str, source: Source) -> None:
        await _result(self._foreman.relocate.remote(dataset_id, source))

    async def restore(self, dataset_id: str, name: str) -> None:
        await _result(self._foreman.restore.remote(dataset_id, name))

    async def forget(self, dataset_id: str) -> None:
        await _result(self._foreman.forget.remote(dataset_id))

    async def attend(self, dataset_id: str, image_ids: list[str]) -> None:
        self._foreman.attend.remote(dataset_id, image_ids)

    async def show(self, progress: Progress) -> None:
        self._board.offer.remote(progress.dataset_id, progress.model_dump())

    async def amend(self, progress: Progress) -> None:
        await _result(self._board.amend.remote(progress.dataset_id, progress.model_dump()))

    async def newest(self, dataset_id: str) -> tuple[int, Progress] | None:
        return _parsed(await _result(self._board.newest.remote(dataset_id)))

    async def wait(
        self, dataset_id: str, version: int, timeout_s: float
    ) -> tuple[int, Progress] | None:
        return _parsed(await _result(self._board.wait.remote(dataset_id, version, timeout_s)))

    async def analyse(self, dataset_id: str, asked: str) -> None:
        await _result(self._foreman.analyse.remote(dataset_id, asked))

    async def cancel_analyses(self, dataset_id: str, kind: str, name: str | None = None) -> None:
        await _result(self._foreman.cancel_analyses.remote(dataset_id, kind, name))

    async def analysis(self, key: str) -> dict[str, Any] | None:
        found = await _result(self._board.newest.remote(key))
        return None if found is None else dict(found[1])

    async def text(self, model: str, key: str | None, text: str) -> Vector:
        vector: Vector = await _result(self._model.text.remote(model, key, text))
        return vector

    async def picture(
        self,
        model: str,
        key: str | None,
        data: bytes,
        box: tuple[float, float, float, float] | None,
    ) -> Vector:
        vector: Vector = await _result(self._model.picture.remote(model, key, data, box))
        return vector


async def _result(reference: Any) -> Any:
    try:
        return await reference
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, RayographError):
            raise error.cause from None
        raise
    except ray.exceptions.RayActorError:
        raise Unavailable(
            "a part of rayograph is being restarted", hint="try again in a few seconds"
        ) from None


def _parsed(found: tuple[int, dict[str, Any]] | None) -> tuple[int, Progress] | None:
    return None if found is None else (found[0], Progress.model_validate(found[1]))
