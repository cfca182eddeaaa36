"""Exporting in this process, straight to where the user wants it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rayograph.export import outcome, staging
from rayograph.export.formats import is_one_file, with_images
from rayograph.export.rows import Rows
from rayograph.export.staging import Staging, Tally
from rayograph.export.write import write
from rayograph.sources import local_path

if TYPE_CHECKING:
    from rayograph.catalog import Catalog


def export(
    catalog: Catalog,
    dataset: str,
    form: str,
    path: str | os.PathLike[str],
    *,
    where: str | None = None,
    ids: Sequence[str] | None = None,
    vectors: bool = False,
    labels: str | None = None,
    images: bool | None = None,
    link: outcome.Link = "copy",
    overwrite: bool = False,
    on_progress: Callable[[Tally], object] = lambda _: None,
) -> Path:
    """Write a dataset in another format; no server is needed.

    Args:
        labels: with the classes and scores of these labels by words.
        link: ``symlink`` or ``hardlink`` in place of copies of the images.

    Raises:
        InvalidRequest: an unknown format, or a target that must not be written to.
        InvalidFilter: ``where`` makes no sense.
    """
    row = catalog.dataset(dataset)
    with_images(form, images)
    target = Path(path).expanduser()
    one_file = is_one_file(form, images)
    source = local_path(row.source.uri)
    outcome.check_target(target, overwrite=overwrite, one_file=one_file, source=source)
    reader = catalog.reader(row.dataset_id)
    rows = Rows(row, reader, where=where, ids=ids, vectors=vectors, labels=labels)
    partial = outcome.beside(target)
    try:
        write(form, rows, Staging(partial / "made", tell=on_progress), images=images)
        made = staging.single(partial / "made") or outcome.assemble(partial / "made", link=link)
        return outcome.publish(made, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
