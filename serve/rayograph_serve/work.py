"""What the engine has done elsewhere: pipelines, the progress board and the model."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rayograph.schema import Progress, StageName
from rayograph.sources import Source

Vector = npt.NDArray[np.float16]


class Work(Protocol):
    """Every call may raise what the one at work raises."""

    async def start(self, dataset_id: str) -> None: ...
    async def command(self, dataset_id: str, command: str, *more: str) -> None:
        """Tell whoever works on a dataset; ``more`` is the stage meant, or the priority."""
        ...

    async def relocate(self, dataset_id: str, source: Source) -> None: ...
    async def retry(
        self,
        dataset_id: str,
        where: str | None,
        image_ids: list[str] | None,
        stage: StageName | None,
    ) -> None:
        """Try failed images again: those that a filter picks, or these, or those of a stage."""
        ...

    async def restore(self, dataset_id: str, name: str) -> None:
        """Go back to a snapshot, with no stage at work meanwhile."""
        ...

    async def forget(self, dataset_id: str) -> None: ...
    async def attend(self, dataset_id: str, image_ids: list[str]) -> None: ...
    async def show(self, progress: Progress) -> None:
        """Put a progress up unless there is one: whoever works on the dataset knows better."""
        ...

    async def amend(self, progress: Progress) -> None:
        """Put a progress up that an edit has changed, unless somebody works on the dataset."""
        ...

    async def newest(self, dataset_id: str) -> tuple[int, Progress] | None: ...
    async def wait(
        self, dataset_id: str, version: int, timeout_s: float
    ) -> tuple[int, Progress] | None: ...
    async def change_model(self, dataset_id: str, model: str) -> None: ...
    async def analyse(self, dataset_id: str, asked: str) -> None: ...
    async def cancel_analyses(self, dataset_id: str, kind: str, name: str | None = None) -> None:
        """Stop a dataset's analyses of a kind, or the one of this name."""
        ...

    async def analysis(self, key: str) -> dict[str, Any] | None:
        """How far an analysis is, None when nobody is at it."""
        ...

    async def text(self, model: str, key: str | None, text: str) -> Vector: ...
    async def picture(
        self,
        model: str,
        key: str | None,
        data: bytes,
        box: tuple[float, float, float, float] | None,
    ) -> Vector:
        """A query vector, to compare with vectors made by the weights ``key``.

        Raises:
            WeightsChanged: the model has other weights now.
        """
        ...
