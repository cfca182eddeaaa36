"""Labels by words of virtual images: scored after as many looks as a test says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rayograph.analysis.answers import Computing
from rayograph.errors import Conflict, RayographError
from rayograph.labelling.answers import (
    Bins,
    ChangeLabels,
    ClassInfo,
    Correct,
    Correction,
    CorrectionPage,
    CorrectionResult,
    Labels,
    LabelsInfo,
    LabelsList,
    NewLabels,
    Quality,
    TagLabels,
    TagResult,
)
from rayograph.labelling.definition import key_of
from rayograph.schema import Coverage

if TYPE_CHECKING:
    from virtual_engine import VirtualEngine

EDGES = [at / 100 for at in range(101)]


class VirtualLabels:
    """``looks`` answers say that it is being scored; ``refuse`` refuses what is said of images."""

    def __init__(self, engine: VirtualEngine) -> None:
        self.engine = engine
        self.made: dict[str, Labels] = {}
        self.looks = 0
        self.refuse: RayographError | None = None
        self.said: list[tuple[str | None, list[str], bool | None]] = []
        self.done: list[str] = []

    async def listed(self, dataset_id: str) -> LabelsList:
        items = [
            LabelsInfo(
                name=one.name,
                classes=[each.name for each in one.classes],
                several=one.several,
                use=one.use,
                state=one.state,
                created_at=one.created_at,
            )
            for one in self.made.values()
        ]
        return LabelsList(items=items)

    async def create(self, dataset_id: str, new: NewLabels) -> Labels:
        name = key_of(new.name)
        if name in self.made:
            raise Conflict(f"there are labels {name!r} already", hint="give another name")
        classes = []
        for number, given in enumerate(new.classes):
            word = given if isinstance(given, str) else given.name
            counts = [0] * 100
            counts[50], counts[90] = 10, 20 + number
            classes.append(
                ClassInfo(
                    name=word,
                    key=key_of(word),
                    prompts=[word] if isinstance(given, str) else given.prompts,
                    threshold=0.0,
                    count=sum(counts),
                    yes=0,
                    no=0,
                    where=f"width>{number}",
                    histogram=Bins(edges=EDGES, counts=counts),
                )
            )
        self.made[name] = Labels(
            name=name,
            several=new.several,
            use="words",
            classes=classes,
            unlabelled=7,
            state="done",
            stale=False,
            coverage=Coverage(searched=100, total=100),
            corrections=0,
            unused=0,
            created_at="2026-01-01T00:00:00Z",
        )
        return await self.one(dataset_id, name)

    async def one(self, dataset_id: str, name: str) -> Labels:
        self.looks -= 1
        computing = Computing(stage="scoring", done=1, total=4) if self.looks >= 0 else None
        return self.made[name].model_copy(update={"computing": computing})

    async def change(self, dataset_id: str, name: str, change: ChangeLabels) -> Labels:
        labels = self.made[name]
        for key, least in (change.thresholds or {}).items():
            of = next(each for each in labels.classes if each.key == key)
            of.threshold = least
        if change.use is not None:
            labels.use, labels.quality = change.use, None
        return await self.one(dataset_id, name)

    async def correct(self, dataset_id: str, name: str, said: Correct) -> CorrectionResult:
        if self.refuse is not None:
            raise self.refuse
        self.said.append((said.class_, said.ids or [], said.is_))
        self.made[name].corrections = len({tuple(ids) for _, ids, is_ in self.said if is_})
        return CorrectionResult(matched=1, scored=1)

    async def corrections(
        self, dataset_id: str, name: str, *, limit: int, cursor: str | None
    ) -> CorrectionPage:
        last = {(of, ids[0]): is_ for of, ids, is_ in self.said if ids}
        items = [
            Correction.model_validate(
                {"image_id": i, "content": i, "class": of, "is": is_, "said_at": "now"}
            )
            for (of, i), is_ in last.items()
            if is_ is not None
        ]
        return CorrectionPage(items=items, next_cursor=None, total=len(items))

    async def refine(self, dataset_id: str, name: str) -> Labels:
        labels = self.made[name]
        labels.use, labels.quality = "probe", Quality(examples=2, words=0.5, probe=1.0)
        return await self._noted(dataset_id, name, "refine")

    async def score(self, dataset_id: str, name: str) -> Labels:
        self.made[name].stale = False
        return await self._noted(dataset_id, name, "score")

    async def cancel(self, dataset_id: str, name: str) -> Labels:
        self.made[name].state, self.looks = "cancelled", 0
        return await self._noted(dataset_id, name, "cancel")

    async def tags(self, dataset_id: str, name: str, asked: TagLabels) -> TagResult:
        self.done.append("untag" if asked.undo else "tag")
        return TagResult(tagged={}, images=30)

    async def check(self, dataset_id: str, name: str) -> None:
        pass

    async def delete(self, dataset_id: str, name: str) -> None:
        del self.made[name]

    async def _noted(self, dataset_id: str, name: str, what: str) -> Any:
        self.done.append(what)
        return await self.one(dataset_id, name)
