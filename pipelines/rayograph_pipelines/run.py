"""One dataset's run: list, read metadata and embed until the table says nothing is left.

There is no queue to lose: each stage asks the table what is pending, does it in rounds, and asks
again. A run that was killed is continued by starting another.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rayograph.catalog import Catalog, DatasetRow
from rayograph.catalog.columns import ANNOTATIONS, METADATA, QUALITY
from rayograph.errors import ModelUnavailable, RayographError, SourceNotFound
from rayograph.metadata.arrow import METADATA_VERSION
from rayograph.progress import Pace, build, embeds
from rayograph.schema import Progress
from rayograph.settings import Settings
from rayograph_pipelines import chains, retries
from rayograph_pipelines.annotating import Annotating
from rayograph_pipelines.attention import Attention
from rayograph_pipelines.committer import Committer
from rayograph_pipelines.failures import reason
from rayograph_pipelines.giant import Giant
from rayograph_pipelines.giants_warm import GiantsWarm
from rayograph_pipelines.listing import Listing
from rayograph_pipelines.measuring import measure_rest, rules_key
from rayograph_pipelines.news import News
from rayograph_pipelines.reread import marked, outdated, reread
from rayograph_pipelines.rounds import Rounds, StageWork
from rayograph_pipelines.target import Target, adopt, choose_target, settled
from rayograph_pipelines.turns import RANKS, Turns
from rayograph_pipelines.upkeep import check_index, tidy
from rayograph_pipelines.warm import Opener, WarmPath

log = logging.getLogger(__name__)
# What the warm path gets done in this time it does alone: a pipeline's actors and workers take as
# long to come up on a small machine, the embedding one's with its own copy of the model longer
# (docs/decisions/0010).
_PIPELINE_START_S = {"metadata": 10.0, "embedding": 30.0}
_SAMPLE_ROWS = 2048
_SAMPLE_EMBED_ROWS = 64
_MEASURED_ALONE = 2048


class Run:
    """Works on one dataset until it is complete, stopped, or a store fails.

    Args:
        report: called with the newest progress after every commit, from any thread.
        touched: paths of the source that something has happened to.
        model_turns: had while bulk embedding runs, so that datasets take turns at the model.
        tile_turns: had while a giant is tiled.
    """

    def __init__(
        self,
        catalog: Catalog,
        dataset_id: str,
        settings: Settings,
        *,
        warm: WarmPath,
        report: Callable[[Progress], None],
        touched: Iterable[str] = (),
        model_turns: Turns | None = None,
        tile_turns: Turns | None = None,
    ) -> None:
        self._catalog = catalog
        self._settings = settings
        self._warm = warm
        self._report = report
        self._turns = model_turns or Turns()
        self.dataset_id = dataset_id
        self._row = catalog.dataset(dataset_id)
        self._reader = catalog.reader(dataset_id)
        self._pace = Pace()
        self._news = News(listed=self._row.listed, touched=touched)
        self._annotated = self._news.seen()
        self._target: Target | None = None
        self._rereads = outdated(self._row)
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._committer: Committer | None = None
        self._giant: Giant | None = None
        self._opener: Opener = warm
        if self._row.source.is_giant:
            self._giant = Giant(
                self._row,
                settings,
                turns=tile_turns or Turns(),
                stop=self._stopping,
                append=self._append,
                tell=self._tell,
            )
            self._opener = GiantsWarm(warm, self._giant)
        # Held while the row is changed, and while progress is taken and told: two threads doing
        # either at once would bring back the older of two.
        self._changing = threading.RLock()
        self._attention = Attention(
            self._reader,
            self._opener,
            put=self._put,
            works=self._works,
            target=lambda: self._target,
            paused=lambda: self._row.paused_stages,
        )

    # -- from outside -----------------------------------------------------------------------

    def work(self) -> Progress:
        """Do everything there is to do; returns the progress at the end.

        Raises:
            CatalogLocked: another process works on this dataset.
        """
        with self._catalog.lock(self.dataset_id):
            if self._row.error is not None:
                self._change(error=None)
            committer = self._committer = Committer(
                self._catalog.writer(self.dataset_id),
                interval_s=self._settings.embedding.publish_s,
                on_commit=self._tell,
                index=self._settings.index,
                space=self._row.serving,
            )
            self._rounds = Rounds(
                self._reader,
                committer,
                self._news,
                self._stopping,
                put=self._put,
                guarded=self._guarded,
            )
            self._guarded(self._stages)
            self._guarded(committer.close)
            if self._failure is not None:
                self._fail(self._failure)
            elif not self._stopping.is_set():
                # A new copy of what is hidden is hidden too.
                self._catalog.hider(self.dataset_id).settle()
                committer.keep_index()
                tidy(self._catalog.writer(self.dataset_id), committer.space, self._settings)
                self._note_index()
                self._plan_another_try()
                if adopt(self._catalog, self.dataset_id, self._change):
                    self._reader = self._catalog.reader(self.dataset_id)
        return self._tell(active=False)

    def _note_index(self) -> None:
        reader = self._catalog.reader(self.dataset_id, self._at_work().space)
        writer = self._catalog.writer(self.dataset_id)
        found = check_index(writer, reader, self._row, self._settings)
        if found:
            self._change(**found)

    def _stages(self) -> None:
        for group in (METADATA, ANNOTATIONS, QUALITY):
            self._catalog.writer(self.dataset_id).add_missing(group)
        self._tell()
        threads = [
            threading.Thread(target=self._until_over, args=(name, stage), name=name)
            for name, stage in (
                ("listing", self._list),
                ("metadata", self._metadata),
                ("annotations", self._annotate),
                ("embedding", self._embedding),
            )
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def stop(self) -> None:
        """End soon, publishing what is done; another run goes on from there."""
        self._stopping.set()
        self._news.stop()

    def touch(self, paths: set[str]) -> bool:
        """Look at these paths of the source as well; False when it is too late for this run."""
        return self._news.touch(paths)

    def untouched(self) -> set[str]:
        """Paths that this run did not come to, once it is over."""
        return self._news.untouched()

    def note(self, **changes: Any) -> None:
        """Take note of what somebody decided about the dataset, and show it."""
        self._change(**changes)
        self._tell()

    def attend(self, image_ids: list[str]) -> None:
        """Do these images first: they are on somebody's screen."""
        self._attention.attend(image_ids)

    def _rank(self) -> int:
        return RANKS[self._row.priority]

    def _works(self) -> bool:
        return self._committer is not None and not self._stopping.is_set()

    # -- stages -----------------------------------------------------------------------------

    def _until_over(self, name: str, stage: Callable[[], None]) -> None:
        # Annotations are a part of the metadata stage.
        paused = "metadata" if name == "annotations" else name
        try:
            if paused not in self._row.paused_stages:
                self._guarded(stage)
        finally:
            self._news.ended(name)

    def _list(self) -> None:
        listing = Listing(
            self._catalog,
            self._settings,
            row=lambda: self._row,
            warm=self._warm,
            giant=self._giant,
            committer=self._at_work(),
            news=self._news,
            again=self._rounds.reopen,
            stopping=self._stopping,
            change=self._change,
            tell=self._tell,
        )
        listing.work()

    def _append(self, rows: pa.Table) -> None:
        """Rows that are made rather than found; those of an earlier run are known."""
        known = self._catalog.writer(self.dataset_id).known_ids().combine_chunks()
        new = rows.filter(pc.invert(pc.is_in(rows["id"], value_set=known)))
        if new.num_rows:
            limit = self._settings.listing.fragment_rows
            self._at_work().append(new, fragment_rows=limit)
            self._news.found()

    def _seen(self, rows: pa.Table) -> pa.Table:
        return self._giant.stand_in(rows) if self._giant else rows

    def _metadata(self) -> None:
        self._rounds.work(
            StageWork(
                "metadata",
                thread="metadata",
                warm=self._opener.headers,
                bulk=lambda rows: chains.metadata(rows, self._settings),
                sample_rows=_SAMPLE_ROWS,
                start_s=_PIPELINE_START_S["metadata"],
            )
        )
        again = self._reader, self._at_work(), self._opener.headers, self._stopping
        if self._rereads and reread(*again):
            self._change(metadata_version=METADATA_VERSION)

    def _annotate(self) -> None:
        while True:
            self._annotated = self._news.seen()
            work = Annotating(
                self._row,
                self._reader,
                fill=self._at_work().fill,
                keep=self._at_work().keep_extras,
                note=lambda report: self._change(annotations=report),
                stop=self._stopping,
            )
            work.follow(self._growth())
            self._tell()
            # Listed whole, a folder that is watched may still get files.
            if not self._news.more("annotations", self._annotated):
                return

    def _growth(self) -> Iterator[bool]:
        """After each growth of the table: whether listing is over, which is the last."""
        while True:
            seen = self._annotated = self._news.seen()
            yield seen.listed
            if seen.listed or not self._news.more("annotations", seen):
                return

    def _embedding(self) -> None:
        self._embed()
        if not self._stopping.is_set() and (key := rules_key(self._row, self._settings)):
            rules = chains.rules_of(self._settings)
            at = self._reader, self._at_work(), self._measures, rules, self._stopping
            if measure_rest(self._row, *at) and self._row.quality_rules != key:
                self._change(quality_rules=key)

    def _measures(self, rows: pa.Table) -> Iterator[pa.Table]:
        if rows.num_rows <= _MEASURED_ALONE:
            return self._opener.measures(rows)
        return chains.measures(self._seen(rows), self._settings)

    def _embed(self) -> None:
        if not embeds(self._row) or not self._to_embed():
            return
        try:
            target = self._choose_target()
        except ModelUnavailable as error:
            self._change(embed_note=error.message)
            self._tell()
            return

        def bulk(rows: pa.Table) -> Iterator[pa.Table]:
            with self._turns.turn(self._stopping, self._rank) as mine:
                if not mine:
                    return
                seen = self._seen(rows)
                for done in chains.embedding(seen, target.model, target.facts, self._settings):
                    yield done
                    # The rest is asked for again, behind who is more urgent.
                    if self._turns.is_wanted(self._rank()):
                        return

        self._rounds.work(
            StageWork(
                target.space.stage,
                thread="embedding",
                warm=lambda rows: self._opener.vectors(rows, target.model),
                bulk=bulk,
                sample_rows=_SAMPLE_EMBED_ROWS,
                start_s=_PIPELINE_START_S["embedding"],
                dim=target.facts.dim,
            )
        )

    def _to_embed(self) -> bool:
        """Wait until there is anything to embed: else no model has to be loaded."""
        seen = self._news.seen()
        while settled(self._row, self._reader):
            if not self._news.more("embedding", seen):
                return False
            seen = self._news.seen()
        return True

    def _choose_target(self) -> Target:
        target = choose_target(
            self._catalog,
            self.dataset_id,
            self._settings.model,
            load=self._warm.load,
            change=self._change,
        )
        self._at_work().space = target.space
        self._target = target
        return target

    # -- results ----------------------------------------------------------------------------

    def _at_work(self) -> Committer:
        assert self._committer is not None
        return self._committer

    def _put(self, stage: str, done: pa.Table) -> None:
        if stage == "metadata" and self._rereads:
            done = marked(done)
        self._at_work().put(stage, done)

    # -- telling ----------------------------------------------------------------------------

    def _change(self, **changes: Any) -> DatasetRow:
        with self._changing:
            self._row = self._catalog.update(self.dataset_id, **changes)
            return self._row

    def _tell(self, *, active: bool = True) -> Progress:
        with self._changing:
            counts = self._reader.counts()
            self._pace.note("listing", counts.total)
            for stage in ("metadata", "embedding", "reembedding"):
                numbers = counts.stage(stage)
                self._pace.note(stage, numbers["done"] + numbers["failed"])
            more = self._giant.stages(self._pace) if self._giant else None
            progress = build(self._row, counts, pace=self._pace, active=active, more=more)
            self._report(progress)
        return progress

    def _guarded(self, stage: Callable[[], None]) -> None:
        """A stage's failure ends the run in order; the other stages publish what they have."""
        try:
            stage()
        except Exception as error:
            log.exception("a stage of %s failed", self.dataset_id)
            self._failure = self._failure or error
            self.stop()

    def _plan_another_try(self) -> None:
        images = retries.left(self._reader)
        if images or self._row.retry is not None:
            self._change(retry=self._another_try(images) if images else None)

    def _another_try(self, images: int) -> dict[str, Any]:
        now = datetime.now(UTC)
        return retries.planned(self._row, images, self._settings.retries, now=now)

    def _fail(self, error: BaseException) -> None:
        message = error.message if isinstance(error, RayographError) else reason(error)
        # A source that is not there now may be mounted again, its network come back.
        passing = isinstance(error, SourceNotFound)
        try:
            self._change(error=message, retry=self._another_try(0) if passing else self._row.retry)
        except RayographError:
            # A full disk takes no note of itself either: then at least whoever looks now is told.
            log.exception("cannot record why %s stopped", self.dataset_id)
            self._row = replace(self._row, error=message)
