"""Labels by words, of either client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError

from rayograph.analysis.answers import Computing
from rayograph.client.calls import Call, invalid, nothing, read
from rayograph.client.discovery import Hear, Patience
from rayograph.client.transport import AsyncTransport, Transport
from rayograph.errors import AnalysisFailed, NotReady
from rayograph.labelling.answers import (
    ChangeLabels,
    Correct,
    CorrectionPage,
    CorrectionResult,
    Labels,
    LabelsInfo,
    LabelsList,
    NewClass,
    NewLabels,
    TagResult,
)
from rayograph.labelling.definition import Use

Classes = Sequence[str] | Mapping[str, Sequence[str]]


def _of(dataset_id: str, name: str | None = None, *rest: str) -> str:
    parts = [] if name is None else [quote(name, safe=""), *rest]
    return "/".join([f"/api/datasets/{dataset_id}/labels", *parts])


def _create(dataset_id: str, name: str, classes: Classes, several: bool) -> Call[Labels]:
    try:
        given: list[str | NewClass] = (
            [NewClass(name=key, prompts=list(texts)) for key, texts in classes.items()]
            if isinstance(classes, Mapping)
            else list(classes)
        )
        new = NewLabels(name=name, classes=given, several=several)
    except ValidationError as error:
        raise invalid(error) from None
    return Call("POST", _of(dataset_id), read(Labels), body=new.model_dump(), repeat=False)


def _listed(dataset_id: str) -> Call[LabelsList]:
    return Call("GET", _of(dataset_id), read(LabelsList))


def _one(dataset_id: str, name: str) -> Call[Labels]:
    return Call("GET", _of(dataset_id, name), read(Labels))


def _change(dataset_id: str, of: str, **changes: Any) -> Call[Labels]:
    try:
        body = ChangeLabels(**changes).model_dump(exclude_none=True)
    except ValidationError as error:
        raise invalid(error) from None
    return Call("PATCH", _of(dataset_id, of), read(Labels), body=body)


def _do(dataset_id: str, name: str, what: str) -> Call[Labels]:
    return Call("POST", _of(dataset_id, name, what), read(Labels))


def _delete(dataset_id: str, name: str) -> Call[None]:
    return Call("DELETE", _of(dataset_id, name), nothing, repeat=False)


def _correct(  # noqa: PLR0917
    dataset_id: str,
    name: str,
    ids: str | Iterable[str] | None,
    of: str | None,
    right: bool | None,
    where: str | None,
) -> Call[CorrectionResult]:
    listed = None if ids is None else [ids] if isinstance(ids, str) else list(ids)
    given = {"ids": listed, "where": where, "class": of, "is": right}
    try:
        body = Correct.model_validate(given).model_dump(by_alias=True)
    except ValidationError as error:
        raise invalid(error) from None
    return Call("POST", _of(dataset_id, name, "corrections"), read(CorrectionResult), body=body)


def _corrections(
    dataset_id: str, name: str, limit: int, cursor: str | None
) -> Call[CorrectionPage]:
    params: dict[str, str | int] = {"limit": limit} | ({} if cursor is None else {"cursor": cursor})
    return Call("GET", _of(dataset_id, name, "corrections"), read(CorrectionPage), params)


def _tags(dataset_id: str, name: str, prefix: str, undo: bool) -> Call[TagResult]:
    body = {"prefix": prefix, "undo": undo}
    return Call("POST", _of(dataset_id, name, "tags"), read(TagResult), body=body)


def _pause_s(labels: Labels, patience: Patience) -> float | None:
    """How long until the next look; None: all is scored.

    Raises:
        AnalysisFailed: it cannot be scored.
        NotReady: somebody cancelled it.
    """
    if labels.state == "failed":
        raise AnalysisFailed(labels.error or "the images could not be scored")
    if labels.state == "cancelled":
        raise NotReady("scoring was cancelled", hint="score_labels() goes on with it")
    if labels.state == "done" and labels.computing is None:
        return None
    return patience.pause_s(labels.computing or Computing())


class LabelMethods:
    """The labels by words of a ``Dataset``.

    ``wait=False`` returns at once, ``timeout`` (s) raises ``TimeoutError``; ``on_progress`` is
    called at each look.
    """

    id: str
    _transport: Transport

    def label(
        self,
        name: str,
        classes: Classes,
        *,
        several: bool = False,
        wait: bool = True,
        timeout: float | None = None,
        on_progress: Hear | None = None,
    ) -> Labels:
        """Score every image for classes given by name, or as ``{name: prompts}``.

        Args:
            several: an image can have several classes; else one, or none.
        """
        begun = self._transport.send(_create(self.id, name, classes, several))
        return self._scored(begun, wait, timeout, on_progress)

    def labels(self) -> list[LabelsInfo]:
        """The labels by words there are, in short."""
        return self._transport.send(_listed(self.id)).items

    def labelling(self, name: str) -> Labels:
        """One of them: classes, thresholds, histograms, counts, quality."""
        return self._transport.send(_one(self.id, name))

    def change_labels(
        self,
        name: str,
        *,
        rename: str | None = None,
        thresholds: Mapping[str, float] | None = None,
        use: Use | None = None,
    ) -> Labels:
        """Other thresholds, another name, or score by the ``words`` again or by the ``probe``."""
        return self._transport.send(
            _change(self.id, name, name=rename, thresholds=thresholds, use=use)
        )

    def correct(
        self,
        name: str,
        of: str | None,
        ids: str | Iterable[str] | None = None,
        *,
        right: bool | None = True,
        where: str | None = None,
    ) -> int:
        """Say of images that they are of a class, or are not; returns how many.

        Args:
            of: the class; None with ``right=False``: they are none of them.
            right: None takes back what was said.
        """
        return self._transport.send(_correct(self.id, name, ids, of, right, where)).matched

    def corrections(self, name: str, limit: int = 100, cursor: str | None = None) -> CorrectionPage:
        """One page of what was corrected."""
        return self._transport.send(_corrections(self.id, name, limit, cursor))

    def refine(
        self,
        name: str,
        *,
        wait: bool = True,
        timeout: float | None = None,
        on_progress: Hear | None = None,
    ) -> Labels:
        """Train a probe with the corrections and score every image with it."""
        return self._scored(
            self._transport.send(_do(self.id, name, "refine")), wait, timeout, on_progress
        )

    def score_labels(
        self,
        name: str,
        *,
        wait: bool = True,
        timeout: float | None = None,
        on_progress: Hear | None = None,
    ) -> Labels:
        """Score the images that came or changed since."""
        return self._scored(
            self._transport.send(_do(self.id, name, "score")), wait, timeout, on_progress
        )

    def cancel_labels(self, name: str) -> Labels:
        """Stop scoring; what has a score keeps it."""
        return self._transport.send(_do(self.id, name, "cancel"))

    def tag_labels(self, name: str, *, prefix: str = "", undo: bool = False) -> TagResult:
        """Tag every image with its classes; ``undo`` takes the last time back."""
        return self._transport.send(_tags(self.id, name, prefix, undo))

    def delete_labels(self, name: str) -> None:
        """Forget labels, their scores and their corrections."""
        self._transport.send(_delete(self.id, name))

    def _scored(
        self, labels: Labels, wait: bool, timeout: float | None, hear: Hear | None
    ) -> Labels:
        patience = Patience(True, timeout, hear)
        while wait and (pause_s := _pause_s(labels, patience)) is not None:
            time.sleep(pause_s)
            labels = self.labelling(labels.name)
        return labels


class AsyncLabelMethods:
    """The same, to be awaited."""

    id: str
    _transport: AsyncTransport

    async def label(
        self,
        name: str,
        classes: Classes,
        *,
        several: bool = False,
        wait: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109 (as in the blocking client)
        on_progress: Hear | None = None,
    ) -> Labels:
        """Score every image for classes given by name, or as ``{name: prompts}``."""
        begun = await self._transport.send(_create(self.id, name, classes, several))
        return await self._scored(begun, wait, timeout, on_progress)

    async def labels(self) -> list[LabelsInfo]:
        """The labels by words there are, in short."""
        return (await self._transport.send(_listed(self.id))).items

    async def labelling(self, name: str) -> Labels:
        """One of them: classes, thresholds, histograms, counts, quality."""
        return await self._transport.send(_one(self.id, name))

    async def change_labels(
        self,
        name: str,
        *,
        rename: str | None = None,
        thresholds: Mapping[str, float] | None = None,
        use: Use | None = None,
    ) -> Labels:
        """Other thresholds, another name, or score by the ``words`` again or by the ``probe``."""
        return await self._transport.send(
            _change(self.id, name, name=rename, thresholds=thresholds, use=use)
        )

    async def correct(
        self,
        name: str,
        of: str | None,
        ids: str | Iterable[str] | None = None,
        *,
        right: bool | None = True,
        where: str | None = None,
    ) -> int:
        """Say of images that they are of a class, or are not; returns how many."""
        call = _correct(self.id, name, ids, of, right, where)
        return (await self._transport.send(call)).matched

    async def corrections(
        self, name: str, limit: int = 100, cursor: str | None = None
    ) -> CorrectionPage:
        """One page of what was corrected."""
        return await self._transport.send(_corrections(self.id, name, limit, cursor))

    async def refine(
        self,
        name: str,
        *,
        wait: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109 (as in the blocking client)
        on_progress: Hear | None = None,
    ) -> Labels:
        """Train a probe with the corrections and score every image with it."""
        begun = await self._transport.send(_do(self.id, name, "refine"))
        return await self._scored(begun, wait, timeout, on_progress)

    async def score_labels(
        self,
        name: str,
        *,
        wait: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109 (as in the blocking client)
        on_progress: Hear | None = None,
    ) -> Labels:
        """Score the images that came or changed since."""
        begun = await self._transport.send(_do(self.id, name, "score"))
        return await self._scored(begun, wait, timeout, on_progress)

    async def cancel_labels(self, name: str) -> Labels:
        """Stop scoring; what has a score keeps it."""
        return await self._transport.send(_do(self.id, name, "cancel"))

    async def tag_labels(self, name: str, *, prefix: str = "", undo: bool = False) -> TagResult:
        """Tag every image with its classes; ``undo`` takes the last time back."""
        return await self._transport.send(_tags(self.id, name, prefix, undo))

    async def delete_labels(self, name: str) -> None:
        """Forget labels, their scores and their corrections."""
        await self._transport.send(_delete(self.id, name))

    async def _scored(
        self, labels: Labels, wait: bool, timeout_s: float | None, hear: Hear | None
    ) -> Labels:
        patience = Patience(True, timeout_s, hear)
        while wait and (pause_s := _pause_s(labels, patience)) is not None:
            await asyncio.sleep(pause_s)
            labels = await self.labelling(labels.name)
        return labels
