"""The foreman: one warm actor that runs every dataset's pipeline, each in threads of its own.

Kept warm, so that a new dataset's work starts in milliseconds. Killed, Ray starts it again and it
picks up whatever the tables say is unfinished.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from dataclasses import dataclass, replace
from typing import Any

import ray

from rayograph import giants
from rayograph.analysis.asked import from_text
from rayograph.catalog import Catalog, DatasetRow, columns
from rayograph.catalog.picking import addresses
from rayograph.catalog.returning import go_back
from rayograph.encoders import choose_model
from rayograph.errors import CatalogLocked, DatasetNotFound, ModelUnavailable, RayographError
from rayograph.progress import CANCELLED, at_rest
from rayograph.schema import Priority, Progress, StageName
from rayograph.settings import Settings
from rayograph.sources import Source
from rayograph.tiles.store import remove_deleted, tiles_folder
from rayograph_pipelines.analyses import Analyst
from rayograph_pipelines.analysis_remote import RemoteAnalysis
from rayograph_pipelines.measuring import untold
from rayograph_pipelines.model_actor import RemoteEmbedder, model_actor
from rayograph_pipelines.names import FOREMAN_ACTOR, NAMESPACE
from rayograph_pipelines.progress import progress_actor
from rayograph_pipelines.reread import outdated
from rayograph_pipelines.retries import Retries, prepare, seconds_left
from rayograph_pipelines.run import Run
from rayograph_pipelines.turns import RANKS, Turns
from rayograph_pipelines.warm import WarmPath
from rayograph_pipelines.watches import Watches

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Job:
    run: Run
    thread: threading.Thread


class Foreman:
    """Starts, stops and resumes runs. Every method returns quickly."""

    def __init__(self, settings: Settings) -> None:
        logging.basicConfig(level=settings.log_level.upper())
        _quiet_ray_data()
        self._settings = settings
        self._catalog = Catalog(settings.catalog.uri)
        self._board = progress_actor()
        model = model_actor(settings)
        self._warm = WarmPath(settings, RemoteEmbedder(model))
        worker = RemoteAnalysis(settings, self._board, model)
        self._analyst = Analyst(self._catalog, worker, self._show_analysis)
        self._model_turns = Turns()
        self._tile_turns = Turns(settings.tiles.at_once)
        self._retries = Retries(self._try_again)
        self._trying = threading.Lock()
        self._jobs: dict[str, _Job] = {}
        self._lock = threading.Lock()
        self._again: set[str] = set()
        self._touched: dict[str, set[str]] = {}
        self._watches = Watches(self._catalog, settings, self.touch)
        for row in sorted(self._catalog.datasets(), key=lambda row: -RANKS[row.priority]):
            try:
                self._resume(row)
            except Exception:
                # One that cannot be read must not keep the others from going on.
                log.exception("cannot go on with %s", row.dataset_id)
        self._analyst.go_on()
        threading.Thread(target=self._reconsider, name="choose model", daemon=True).start()
        # A predecessor may have been killed at it.
        self._clear_deleted()

    def start(self, dataset_id: str) -> None:
        """Work on a dataset; when it is being worked on, look again once that is over.

        A paused one is left alone.
        """
        with self._lock:
            row = self._catalog.dataset(dataset_id)
            # From before it is listed on: nothing that happens meanwhile is missed.
            self._watches.keep(row)
            if row.paused:
                return
            job = self._jobs.get(dataset_id)
            if job is not None and job.thread.is_alive():
                self._again.add(dataset_id)
                return
            # Whoever asked for this work must not be told that all is done before it begins.
            self._show(dataset_id)
            run = Run(
                self._catalog,
                dataset_id,
                self._settings,
                warm=self._warm,
                report=self._report,
                touched=self._touched.pop(dataset_id, ()),
                model_turns=self._model_turns,
                tile_turns=self._tile_turns,
            )
            thread = threading.Thread(target=self._work, args=(run,), name=f"run {dataset_id}")
            self._jobs[dataset_id] = _Job(run, thread)
            thread.start()

    def touch(self, dataset_id: str, paths: set[str]) -> None:
        """Something happened to these paths of a dataset's source: look at them soon."""
        with self._lock:
            job = self._jobs.get(dataset_id)
            if job is not None and job.run.touch(paths):
                return
            row = self._catalog.dataset(dataset_id)
            # What failed or was cancelled waits for a person; then all of it is looked at.
            if row.error is not None:
                return
            self._touched.setdefault(dataset_id, set()).update(paths)
        self.start(dataset_id)

    def stop(self, dataset_id: str) -> None:
        """Stop work on a dataset and wait until what was done is published."""
        with self._lock:
            job = self._jobs.get(dataset_id)
            self._again.discard(dataset_id)
        if job is not None:
            job.run.stop()
            job.thread.join()

    def pause(self, dataset_id: str, stage: StageName | None = None) -> None:
        """Stop all work, or one stage, until ``resume``, across restarts."""
        if stage is None:
            self._retries.forget(dataset_id)
            self._turn(dataset_id, again=False, paused=True)
            return
        paused = {*self._catalog.dataset(dataset_id).paused_stages, stage}
        self._turn(dataset_id, paused_stages=tuple(sorted(paused)))

    def resume(self, dataset_id: str, stage: StageName | None = None) -> None:
        """Go on: with everything, or with one stage."""
        row = self._catalog.dataset(dataset_id)
        if stage is None:
            changes: dict[str, Any] = {"paused": False, "error": None, "paused_stages": ()}
        else:
            changes = {"paused_stages": tuple(s for s in row.paused_stages if s != stage)}
        if row.embed_note == CANCELLED and stage in (None, "embedding"):
            changes["embed_note"] = None
        self._turn(dataset_id, **changes)
        self._retries.keep(self._catalog.dataset(dataset_id))

    def cancel(self, dataset_id: str, stage: StageName | None = None) -> None:
        """Stop all work, or embedding, for good; what is done stays."""
        row = self._catalog.dataset(dataset_id)
        if stage is not None:
            # A model that was to be changed to is not; else no more vectors are made.
            changed = {"next_model": None, "next_model_key": None}
            self._turn(dataset_id, **(changed if row.next_model else {"embed_note": CANCELLED}))
            return
        self.stop(dataset_id)
        self._retries.forget(dataset_id)
        if self._at_rest(self._catalog.dataset(dataset_id)).status != "complete":
            self._catalog.update(dataset_id, error=CANCELLED, retry=None)
        self._show(dataset_id)

    def prioritise(self, dataset_id: str, priority: Priority) -> None:
        """Let a dataset go before others, or after them."""
        with self._lock:
            job = self._jobs.get(dataset_id)
            if job is not None:
                job.run.note(priority=priority)
            else:
                self._catalog.update(dataset_id, priority=priority)

    def retry(
        self,
        dataset_id: str,
        where: str | None = None,
        image_ids: list[str] | None = None,
        stage: StageName | None = None,
    ) -> None:
        """Failed images, all or those chosen, are pending again, and the work goes on."""
        self.stop(dataset_id)
        with self._catalog.lock(dataset_id):
            row, only = self._catalog.dataset(dataset_id), None
            if where is not None or image_ids is not None:
                reader = self._catalog.reader(dataset_id, row.serving)
                only = addresses(row, reader, where=where, image_ids=image_ids)
            writer = self._catalog.writer(dataset_id)
            for name in columns.STATE:
                if stage is None or name.startswith(stage):
                    writer.reset(name, only=only)
        self._catalog.update(dataset_id, paused=False, error=None, retry=None)
        self.start(dataset_id)

    def rescan(self, dataset_id: str) -> None:
        """Look at the source again: what is new, changed, moved or gone."""
        self._scan_again(dataset_id)

    def relocate(self, dataset_id: str, source: Source) -> None:
        """The same files lie elsewhere now: rows keep all they have, by their places in it."""
        self._scan_again(dataset_id, source=source)

    def purge(self, dataset_id: str) -> None:
        """Remove the rows whose file is gone; files are never touched."""
        self.stop(dataset_id)
        with self._catalog.lock(dataset_id):
            self._catalog.rows(dataset_id).purge()
        self._show(dataset_id)
        if not self._catalog.dataset(dataset_id).error:
            self.start(dataset_id)

    def restore(self, dataset_id: str, name: str) -> None:
        """Go back to a snapshot; what was pending in it is done next."""
        self._catalog.snapshots(dataset_id).get(name)
        self.stop(dataset_id)
        with self._catalog.lock(dataset_id):
            go_back(self._catalog, dataset_id, name)
        self._show(dataset_id)
        self.start(dataset_id)

    def change_model(self, dataset_id: str, model: str) -> None:
        """Embed with another model; the present one's vectors serve until its are all there."""
        self.stop(dataset_id)
        changes = {"next_model": model, "next_model_key": None, "model_note": None}
        self._catalog.update(dataset_id, **changes, embed_note=None, error=None)
        self._show(dataset_id)
        self.start(dataset_id)

    def forget(self, dataset_id: str) -> None:
        """Stop and drop a dataset's tables; its files are never touched."""
        self._watches.forget(dataset_id)
        self._retries.forget(dataset_id)
        self.stop(dataset_id)
        self._analyst.forget(dataset_id)
        # Nobody may still write to what is dropped.
        with self._catalog.lock(dataset_id):
            row = self._catalog.dataset(dataset_id)
            self._catalog.delete(dataset_id)
            if row.source.is_giant:
                giants.store_of(row, self._settings).delete()
                self._clear_deleted()
        self._board.forget.remote(dataset_id)

    def attend(self, dataset_id: str, image_ids: list[str]) -> None:
        """What is on somebody's screen goes first."""
        job = self._jobs.get(dataset_id)
        if job is not None and job.thread.is_alive():
            job.run.attend(image_ids)

    def analyse(self, dataset_id: str, asked: str) -> None:
        """Have an analysis worked out, in the background."""
        self._analyst.start(dataset_id, from_text(asked))

    def cancel_analyses(self, dataset_id: str, kind: str, name: str | None = None) -> None:
        """Stop a dataset's analyses of a kind (or one); results there are stay."""
        self._analyst.cancel(dataset_id, kind, name)

    def working_on(self) -> list[str]:
        """Ids of the datasets being worked on now."""
        return [key for key, job in self._jobs.items() if job.thread.is_alive()]

    def _clear_deleted(self) -> None:
        folder = tiles_folder(self._settings)
        if folder is not None:
            threading.Thread(
                target=remove_deleted, args=(folder,), name="clear tiles", daemon=True
            ).start()

    # -- inside -----------------------------------------------------------------------------

    def _scan_again(self, dataset_id: str, **changes: Any) -> None:
        self.stop(dataset_id)
        row = self._catalog.dataset(dataset_id)
        # Tables of an earlier version do not say that they were listed whole.
        scanned_at = row.scanned_at or (row.created_at if row.listed else None)
        changes |= {"listed": False, "scanned_at": scanned_at}
        changes |= {"error": None, "retry": None, "paused": False}
        self._catalog.update(dataset_id, **changes)
        self.start(dataset_id)

    def _turn(self, dataset_id: str, *, again: bool = True, **changes: Any) -> None:
        """Have the registry say something else, shown at once, and the work go by it.

        A run that is at work ends as soon as it can, which nobody waits for; with ``again``
        another one follows it.
        """
        with self._lock:
            job = self._jobs.get(dataset_id)
            if job is not None:
                job.run.note(**changes)
                (self._again.add if again else self._again.discard)(dataset_id)
                job.run.stop()
                return
            self._catalog.update(dataset_id, **changes)
        self._show(dataset_id)
        if again:
            self.start(dataset_id)

    def _try_again(self, dataset_id: str) -> None:
        try:
            with self._trying:
                row = self._catalog.dataset(dataset_id)
                # A run that ended meanwhile may have set the timer as well.
                if row.paused or seconds_left(row) != 0:
                    return
                self.stop(dataset_id)
                prepare(self._catalog, dataset_id)
                self.start(dataset_id)
        except DatasetNotFound:
            pass
        except RayographError as error:
            log.error("%s cannot be tried again: %s", dataset_id, error.message)

    def _work(self, run: Run) -> None:
        try:
            run.work()
        except CatalogLocked as error:
            # Another process is at it: not this dataset's failure, so it is shown and not kept.
            log.error("%s: %s", run.dataset_id, error.message)
            self._show(run.dataset_id, error=error.message)
        except RayographError as error:
            log.error("%s: %s", run.dataset_id, error.message)
        except Exception:
            log.exception("the run of %s failed", run.dataset_id)
        with self._lock:
            if left := run.untouched():
                self._touched.setdefault(run.dataset_id, set()).update(left)
            again = run.dataset_id in self._again
            self._again.discard(run.dataset_id)
            self._jobs.pop(run.dataset_id, None)
        with contextlib.suppress(DatasetNotFound):
            self._retries.keep(self._catalog.dataset(run.dataset_id))
        if again:
            with contextlib.suppress(DatasetNotFound):
                # One that failed is left for somebody to look at: a new run would hide why.
                if self._catalog.dataset(run.dataset_id).error is None:
                    self.start(run.dataset_id)

    def _resume(self, row: DatasetRow) -> None:
        """At a start: show what the table says, then finish what is unfinished."""
        progress = self._at_rest(row)
        self._report(progress)
        self._retries.keep(row)
        look = self._watches.keep(row) and row.listed
        if look:
            # What happened while nobody watched; paused, it is found out about later.
            self._touched[row.dataset_id] = {row.source.root}
        work = look or progress.status == "in_progress" or outdated(row)
        work = work or untold(row, self._settings)
        if work and not row.paused and row.error is None:
            self.start(row.dataset_id)

    def _reconsider(self) -> None:
        """Datasets that had no model may have one now; asking a hub takes a moment."""
        rows = self._catalog.datasets()
        without = [row for row in rows if row.embed_note not in (None, CANCELLED)]
        for row in without:
            try:
                choice = choose_model(row.model or self._settings.model)
            except ModelUnavailable:
                continue
            if choice.name is None:
                continue
            with contextlib.suppress(DatasetNotFound):
                now = self._catalog.update(row.dataset_id, embed_note=None)
                if now.error is None:
                    self.start(row.dataset_id)

    def _show(self, dataset_id: str, **changes: Any) -> None:
        row = replace(self._catalog.dataset(dataset_id), **changes)
        self._report(self._at_rest(row))

    def _at_rest(self, row: DatasetRow) -> Progress:
        return at_rest(row, self._catalog.reader(row.dataset_id).counts(), self._settings)

    def _show_analysis(self, key: str, said: dict[str, Any] | None) -> None:
        if said is None:
            self._board.forget.remote(key)
        else:
            self._board.update.remote(key, said)

    def _report(self, progress: Progress) -> None:
        self._board.update.remote(progress.dataset_id, progress.model_dump())


def foreman(settings: Settings) -> Any:
    """The cluster's foreman, started if need be."""
    return (
        ray.remote(Foreman)
        .options(
            name=FOREMAN_ACTOR,
            namespace=NAMESPACE,
            get_if_exists=True,
            num_cpus=0,
            max_restarts=-1,
            max_task_retries=-1,
            max_concurrency=64,
            lifetime="detached",
        )
        .remote(settings)
    )


def _quiet_ray_data() -> None:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.enable_operator_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)
