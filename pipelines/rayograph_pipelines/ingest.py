"""Open a source and run its pipeline to the end in this process: what a Ray job does."""

from __future__ import annotations

import time
from collections.abc import Callable

from rayograph.catalog import Catalog
from rayograph.datasets import open_dataset
from rayograph.schema import NewDataset, Progress
from rayograph.settings import Settings
from rayograph_pipelines import retries
from rayograph_pipelines.model_actor import RemoteEmbedder, model_actor
from rayograph_pipelines.run import Run
from rayograph_pipelines.warm import WarmPath


def run(
    source: str,
    *,
    name: str | None = None,
    annotations: str | None = None,
    settings: Settings,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """List, read and embed ``source`` into the configured catalog; resumes what is there.

    What storage or a network made fail is tried again before it returns.
    """
    catalog = Catalog(settings.catalog.uri)
    new = NewDataset(name=name, path=source, annotations=annotations, model=None)
    row, _ = open_dataset(catalog, new, settings)
    warm = WarmPath(settings, RemoteEmbedder(model_actor(settings, shared=False)))
    while True:
        work = Run(catalog, row.dataset_id, settings, warm=warm, report=on_progress)
        progress = work.work()
        wait_s = retries.seconds_left(catalog.dataset(row.dataset_id))
        if wait_s is None:
            return progress
        time.sleep(wait_s)
        retries.prepare(catalog, row.dataset_id)
