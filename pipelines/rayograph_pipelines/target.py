"""Which model a run embeds with, and into which of a dataset's two spaces.

Vectors of different weights never mix: a space belongs to one key. While a model is being
changed, its vectors go into the space that does not serve; when they are all there, the registry
names that space, in one write, and the old one is dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from rayograph.catalog import Catalog, DatasetReader, DatasetRow, Space
from rayograph.encoders import choose_model
from rayograph.errors import ModelUnavailable
from rayograph_pipelines.facts import ModelFacts

log = logging.getLogger(__name__)
Change = Callable[..., DatasetRow]
Load = Callable[[str], ModelFacts]


@dataclass(frozen=True, slots=True)
class Target:
    """The vectors a run makes: of which model, and where they go."""

    model: str
    space: Space
    facts: ModelFacts


def settled(row: DatasetRow, reader: DatasetReader) -> bool:
    """Whether there is nothing to embed, and nothing to choose or clear up either."""
    return (
        row.model_key is not None
        and row.next_model is None
        and row.serving.other.vector not in reader.snapshot().schema.names
        and not reader.counts().stage("embedding")["pending"]
    )


def choose_target(
    catalog: Catalog, dataset_id: str, setting: str, *, load: Load, change: Change
) -> Target:
    """What to embed with; noted down in the dataset's row by ``change``.

    Args:
        setting: the model of the settings, for a dataset that has none yet.

    Raises:
        ModelUnavailable: there is nothing to embed with.
    """
    row = catalog.dataset(dataset_id)
    if row.next_model is not None:
        try:
            return _next(catalog, row, load(row.next_model), change)
        except ModelUnavailable as error:
            if row.model is None:
                raise
            kept = f"{row.next_model} could not be had ({error.message}); {row.model} stays in use"
            row = change(next_model=None, next_model_key=None, model_note=kept)
    if row.model is None:
        choice = choose_model(setting)
        if choice.name is None:
            raise ModelUnavailable(choice.reason)
        row = change(model=choice.name)
    facts = load(str(row.model))
    if row.model_key not in (None, facts.key):
        # Other weights under the same name.
        row = change(next_model=row.model, next_model_key=None)
        return _next(catalog, row, facts, change)
    if row.model_key is None:
        change(model_key=facts.key)
    # A run that was killed right after a change of model has left the old vectors.
    catalog.writer(dataset_id).drop_space(row.serving.other)
    return Target(str(row.model), row.serving, facts)


def _next(catalog: Catalog, row: DatasetRow, facts: ModelFacts, change: Change) -> Target:
    """The space that is to serve later, or the serving one as long as it holds nothing."""
    model, space = str(row.next_model), row.serving.other
    writer = catalog.writer(row.dataset_id)
    if facts.key == row.model_key:
        change(model=model, next_model=None, next_model_key=None)
        writer.drop_space(space)
        return Target(model, row.serving, facts)
    if not catalog.reader(row.dataset_id).counts().stage("embedding")["done"]:
        writer.drop_space(row.serving)
        change(model=model, model_key=facts.key, next_model=None, next_model_key=None)
        return Target(model, row.serving, facts)
    if row.next_model_key != facts.key:
        # What was begun with other weights is worth nothing.
        writer.drop_space(space)
        change(next_model_key=facts.key)
    return Target(model, space, facts)


def adopt(catalog: Catalog, dataset_id: str, change: Change) -> bool:
    """Let the new model's vectors serve once all are there; whether they do now."""
    row = catalog.dataset(dataset_id)
    if row.next_model_key is None or not row.listed:
        return False
    if catalog.reader(dataset_id).counts().stage("reembedding")["pending"]:
        return False
    log.info("%s: %s serves instead of %s", dataset_id, row.next_model, row.model)
    change(
        space=row.serving.other.number,
        model=row.next_model,
        model_key=row.next_model_key,
        next_model=None,
        next_model_key=None,
    )
    catalog.writer(dataset_id).drop_space(row.serving)
    return True
