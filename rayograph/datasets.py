"""Opening a dataset: the one way in, for the API, the boot and a job alike."""

from __future__ import annotations

import pyarrow as pa

from rayograph import first_look, ids, listing
from rayograph.annotations.given import annotated_anew, waiting, with_annotations
from rayograph.catalog import LISTING, Catalog, DatasetRow
from rayograph.demo.source import open_source
from rayograph.encoders import choose_model
from rayograph.errors import DatasetNotFound
from rayograph.giants import as_giant
from rayograph.schema import NewDataset
from rayograph.settings import Settings
from rayograph.sources import Source


def open_dataset(catalog: Catalog, new: NewDataset, settings: Settings) -> tuple[DatasetRow, bool]:
    """Register the source with its first page of rows; returns at once, however large it is.

    Returns:
        The dataset, and whether it is new.

    Raises:
        SourceError: it does not exist, or holds no image.
        ModelUnavailable: a model was named that cannot be had.
    """
    source = as_giant(open_source(new.source, settings, recursive=new.recursive), settings)
    if new.annotations is not None:
        source = with_annotations(source, new.annotations)
    name = new.name or source.name
    key = ids.dataset_id(source.uri, name)
    try:
        return annotated_anew(catalog, catalog.dataset(key), source.annotations), False
    except DatasetNotFound:
        pass
    first = first_rows(source, key, settings.listing.first_page)
    model, note = _model(new, settings)
    return catalog.create(
        source,
        name,
        first,
        description=new.description,
        category=new.category,
        subject=new.subject,
        model=model,
        embed_note=note,
        annotations=waiting(source),
    )


def first_rows(source: Source, dataset_id: str, limit: int) -> pa.Table:
    """The first page of a source as a table.

    Raises:
        SourceEmpty: there is no image anywhere in it.
    """
    columns, _ = first_look.first_page(source, dataset_id, limit)
    if not columns.get("id"):
        first_look.require_images(source)
        return LISTING.empty_table()
    captions = listing.read_captions(source)
    texts = [captions.get(uri) for uri in columns["uri"]]
    return pa.table({**columns, "caption": texts}, schema=LISTING)


def _model(new: NewDataset, settings: Settings) -> tuple[str | None, str | None]:
    """(model, why there is none). ``auto`` is left to the run: choosing may ask a hub."""
    if not settings.embedding.enabled:
        return None, "embedding is switched off (embedding.enabled)"
    wanted = new.model or settings.model
    if wanted == "auto":
        return None, None
    choice = choose_model(wanted)
    return choice.name, None if choice.name else choice.reason
