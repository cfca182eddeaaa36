"""Labels by words as the API answers them: defined and corrected here, scored in the background."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, TypeVar

from rayograph.analysis.answers import Computing
from rayograph.analysis.asked import LabelsAsked, to_text
from rayograph.catalog import Catalog, DatasetRow
from rayograph.catalog.analyses import Wanted
from rayograph.catalog.label_counts import LabelCounts
from rayograph.catalog.labels import require_scores
from rayograph.errors import Conflict, ModelUnavailable, NotReady
from rayograph.labelling.answers import (
    ChangeLabels,
    Correct,
    Correction,
    CorrectionPage,
    CorrectionResult,
    Labels,
    LabelsInfo,
    LabelsList,
    NewLabels,
    TagLabels,
    TagResult,
)
from rayograph.labelling.definition import MOST, Labelling, Labellings, classes_of, key_of
from rayograph.progress import embeds
from rayograph_serve.correcting import Correcting
from rayograph_serve.cursors import from_cursor, to_cursor
from rayograph_serve.label_tags import tag, untag
from rayograph_serve.label_view import Known, view
from rayograph_serve.work import Work

T = TypeVar("T")


class Labelled:
    """The labels by words of any dataset.

    What they are is a value of the dataset's registry row, which only the API writes: one change
    at a time.
    """

    def __init__(self, catalog: Catalog, work: Work) -> None:
        self._catalog = catalog
        self._work = work
        self._counts = LabelCounts()
        self._correcting = Correcting(catalog)
        self._changing = asyncio.Lock()

    async def create(self, dataset_id: str, new: NewLabels) -> Labels:
        """Define classes and have all images scored.

        Raises:
            Conflict: there are labels of that name.
            InvalidRequest: the classes make no sense.
            ModelUnavailable: the dataset has no vectors, and will have none.
        """
        async with self._changing:
            row = await self._row(dataset_id)
            _possible(row)
            known = row.labellings
            if len(known.items) >= MOST:
                raise Conflict(f"a dataset has at most {MOST} labels", hint="delete some")
            given = [
                (each, [], None)
                if isinstance(each, str)
                else (each.name, each.prompts, each.threshold)
                for each in new.classes
            ]
            labelling = Labelling(
                number=known.next,
                name=known.free(new.name),
                several=new.several,
                classes=classes_of([_tidy(one) for one in given], new.several),
                created_at=datetime.now(UTC).isoformat(),
            )
            row = await self._keep(row, known.put(labelling))
        await self._begin(row, labelling)
        return await self._view(row, labelling)

    async def listed(self, dataset_id: str) -> LabelsList:
        row = await self._row(dataset_id)
        return LabelsList(items=[await self._info(row, one) for one in row.labellings.items])

    async def one(self, dataset_id: str, name: str) -> Labels:
        row = await self._row(dataset_id)
        return await self._view(row, row.labellings.find(name))

    async def check(self, dataset_id: str, name: str) -> None:
        """Whether there are labels of a name, with scores.

        Raises:
            NotFound: there are none.
            NotReady: nothing has been scored yet.
        """
        row = await self._row(dataset_id)
        labelling = row.labellings.find(name)
        snapshot = await asyncio.to_thread(self._catalog.reader(row.dataset_id).snapshot)
        require_scores(snapshot, labelling)

    async def change(self, dataset_id: str, name: str, change: ChangeLabels) -> Labels:
        """Other thresholds cost nothing; scoring by something else begins anew."""
        async with self._changing:
            row = await self._row(dataset_id)
            known = row.labellings
            before = known.find(name)
            changes: dict[str, Any] = {}
            if change.name is not None and key_of(change.name) != before.name:
                changes["name"] = known.free(change.name)
            if change.thresholds is not None:
                classes = [each.model_copy() for each in before.classes]
                for word, least in change.thresholds.items():
                    classes[before.place(word)].threshold = round(least, 2)
                changes["classes"] = classes
            if change.use is not None and change.use != before.use:
                if change.use == "probe":
                    await self._correctable(row, before)
                changes["use"] = change.use
            after = before.model_copy(update=changes)
            row = await self._keep(row, known.put(after))
        if "use" in changes:
            await self._begin(row, after)
        return await self._view(row, after)

    async def refine(self, dataset_id: str, name: str) -> Labels:
        """Train a probe with what was corrected, and have it score all images.

        Raises:
            NotReady: nothing was corrected yet.
        """
        async with self._changing:
            row = await self._row(dataset_id)
            known = row.labellings
            labelling = known.find(name)
            await self._correctable(row, labelling)
            labelling = labelling.model_copy(update={"use": "probe"})
            row = await self._keep(row, known.put(labelling))
        await self._begin(row, labelling)
        return await self._view(row, labelling)

    async def score(self, dataset_id: str, name: str) -> Labels:
        """Score what is new since, or all if the model was changed."""
        row = await self._row(dataset_id)
        labelling = row.labellings.find(name)
        _possible(row)
        await self._work.analyse(row.dataset_id, to_text(LabelsAsked(number=labelling.number)))
        return await self._view(row, labelling)

    async def cancel(self, dataset_id: str, name: str) -> Labels:
        """Stop scoring; what has scores keeps them."""
        row = await self._row(dataset_id)
        labelling = row.labellings.find(name)
        await self._stop(row, labelling)
        return await self._view(row, labelling)

    async def delete(self, dataset_id: str, name: str) -> None:
        """Forget labels, their scores and what was corrected."""
        async with self._changing:
            row = await self._row(dataset_id)
            known = row.labellings
            labelling = known.find(name)
            await self._stop(row, labelling)
            await self._keep(row, known.without(labelling.number))
        await asyncio.to_thread(self._catalog.labels(row, labelling).drop)
        await asyncio.to_thread(self._catalog.analyses.drop, _wanted(row, labelling))
        await asyncio.to_thread(
            self._catalog.analyses.corrections(row.dataset_id).forget, labelling
        )

    async def correct(self, dataset_id: str, name: str, said: Correct) -> CorrectionResult:
        """Note what somebody said; scores follow at once."""
        row = await self._row(dataset_id)
        labelling = row.labellings.find(name)
        return await asyncio.to_thread(self._correcting.correct, row, labelling, said)

    async def corrections(
        self, dataset_id: str, name: str, *, limit: int, cursor: str | None
    ) -> CorrectionPage:
        row = await self._row(dataset_id)
        labelling = row.labellings.find(name)
        start = from_cursor(cursor) if cursor else 0
        book = self._catalog.analyses.corrections(row.dataset_id)
        table = (await asyncio.to_thread(book.read, labelling)).table.drop_columns(["labelling"])
        names = {each.key: each.name for each in labelling.classes}
        items = [
            Correction.model_validate({**one, "class": names[one["class"]]})
            for one in table.slice(start, limit).to_pylist()
        ]
        end = start + len(items)
        after = to_cursor(end) if end < table.num_rows else None
        return CorrectionPage(items=items, next_cursor=after, total=table.num_rows)

    async def tags(self, dataset_id: str, name: str, asked: TagLabels) -> TagResult:
        """Tag images with their classes, or take the last time back."""
        row = await self._row(dataset_id)
        labelling = row.labellings.find(name)
        if asked.undo:
            return await asyncio.to_thread(untag, self._catalog, row, labelling)
        return await asyncio.to_thread(tag, self._catalog, row, labelling, asked.prefix)

    # -- inside -----------------------------------------------------------------------------

    async def _row(self, dataset_id: str) -> DatasetRow:
        return await asyncio.to_thread(self._catalog.dataset, dataset_id)

    async def _keep(self, row: DatasetRow, labellings: Labellings) -> DatasetRow:
        return await asyncio.to_thread(
            self._catalog.update, row.dataset_id, labels=labellings.model_dump(mode="json")
        )

    async def _begin(self, row: DatasetRow, labelling: Labelling) -> None:
        """Have all images scored; what was being scored otherwise is not gone on with."""
        await self._stop(row, labelling)
        await self._work.analyse(row.dataset_id, to_text(LabelsAsked(number=labelling.number)))

    async def _stop(self, row: DatasetRow, labelling: Labelling) -> None:
        wanted = _wanted(row, labelling)
        await self._work.cancel_analyses(row.dataset_id, "labels", wanted.name)

    async def _correctable(self, row: DatasetRow, labelling: Labelling) -> None:
        book = self._catalog.analyses.corrections(row.dataset_id)
        if not len(await asyncio.to_thread(book.read, labelling)):
            raise NotReady(
                "nothing has been corrected yet",
                hint="say of some images whether they are of their class",
            )

    async def _known(self, row: DatasetRow, labelling: Labelling) -> Known:
        wanted = _wanted(row, labelling)
        asked = await asyncio.to_thread(self._catalog.analyses.find, row.dataset_id, wanted.asked)
        said = await self._work.analysis(wanted.key)
        state = "wanted" if asked is None else asked.state
        computing = None if said is None else Computing(**said)
        return Known(state, None if asked is None else asked.error, computing)

    async def _info(self, row: DatasetRow, labelling: Labelling) -> LabelsInfo:
        known = await self._known(row, labelling)
        return LabelsInfo(
            name=labelling.name,
            classes=[each.name for each in labelling.classes],
            several=labelling.several,
            use=labelling.use,
            created_at=labelling.created_at,
            **known._asdict(),
        )

    async def _view(self, row: DatasetRow, labelling: Labelling) -> Labels:
        known = await self._known(row, labelling)
        result = await asyncio.to_thread(
            self._catalog.analyses.result, row.dataset_id, _wanted(row, labelling).asked
        )
        return await asyncio.to_thread(
            view, self._catalog, self._counts, row, labelling, known, result
        )


def _wanted(row: DatasetRow, labelling: Labelling) -> Wanted:
    return Wanted(row.dataset_id, LabelsAsked(number=labelling.number))


def _tidy(one: tuple[str, list[str], float | None]) -> tuple[str, list[str], float | None]:
    name, prompts, least = one
    return " ".join(name.split()), prompts, None if least is None else round(least, 2)


def _possible(row: DatasetRow) -> None:
    if not embeds(row):
        raise ModelUnavailable(
            f"this dataset has no vectors: {row.embed_note or 'no model'}",
            hint="GET /api/models says which models there are",
        )
