"""Commands about a whole dataset: duplicates, clusters, outliers, samples, the map."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rayograph import console
from rayograph.cli.base import Command, State, filtering, json_option
from rayograph.errors import InvalidRequest

if TYPE_CHECKING:
    from rayograph.analysis.answers import Analysis, Computing, Scored
    from rayograph.client import Dataset
    from rayograph.schema import ImageRecord

_KINDS = ("exact", "near", "semantic")
_METHODS = ("diverse", "typical", "random", "balanced")
dataset_argument = click.argument("dataset")
refresh_option: Callable[[Any], Any] = click.option(
    "--refresh", is_flag=True, help="Work it out anew, also if there is a result."
)
cancel_option: Callable[[Any], Any] = click.option(
    "--cancel", is_flag=True, help="End working it out; a result there is stays."
)


class Ear:
    """Says how far it is, on stderr, when that has changed."""

    def __init__(self) -> None:
        self._said = ""

    def __call__(self, now: Computing) -> None:
        from rayograph.client.discovery import far

        if far(now) != self._said:
            self._said = far(now)
            console.echo(self._said, sys.stderr)


def _steered(handle: Dataset, analysis: Any, *, refresh: bool, cancel: bool, **given: Any) -> bool:
    """Do what was asked of the work itself; whether that was all."""
    if cancel:
        handle.cancel_analysis(analysis)
        console.echo(f"{analysis}: cancelled")
        return True
    if refresh:
        handle.refresh(analysis, **{k: v for k, v in given.items() if v is not None})
        handle.wait_for_analyses(analysis)
    return False


def _path(record: ImageRecord) -> str:
    from rayograph.sources import display, local_path

    path = local_path(record.uri)
    return record.uri if path is None else display(path)


def _from(answer: Analysis) -> None:
    """Where a result came from; on stderr, so that a pipe gets the table alone."""
    cover = answer.coverage
    stale = "; the images have changed since: --refresh" if answer.stale else ""
    console.echo(f"looked at {cover.searched} of {cover.total} images{stale}", sys.stderr)


def _listed(items: list[Scored]) -> None:
    rows = [
        ["" if one.score is None else f"{one.score:.3f}", one.image.file_name, _path(one.image)]
        for one in items
    ]
    console.table(("score", "file", "path"), rows)


@click.command(cls=Command)
@dataset_argument
@click.option(
    "--kind",
    type=click.Choice(_KINDS),
    default="exact",
    show_default=True,
    help="The same bytes, the same looks, or the same content.",
)
@click.option("--threshold", type=float, help="near: bits, 0 to 10; semantic: 0.5 to 1.")
@click.option(
    "--show",
    type=click.Choice(("open", "decided", "all")),
    default="open",
    show_default=True,
    help="Which groups, by what was decided.",
)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 100), help="Groups.")
@refresh_option
@cancel_option
@json_option
@click.pass_obj
def duplicates(
    state: State,
    *,
    dataset: str,
    kind: Any,
    threshold: float | None,
    show: Any,
    limit: int,
    refresh: bool,
    cancel: bool,
    as_json: bool,
) -> None:
    """Show groups of images in DATASET that are the same; the copy to keep has a star."""
    handle = state.dataset(dataset)
    given = {"kind": kind, "threshold": threshold}
    if _steered(handle, "duplicates", refresh=refresh, cancel=cancel, **given):
        return
    page = handle.duplicates(kind, threshold, show=show, limit=limit, on_progress=Ear())
    if as_json:
        console.echo(page.model_dump_json())
        return
    rows = []
    for group in page.items:
        for one in group.images:
            best = one.image.id == group.best
            note = (group.reason or "") if best else (one.decision or "")
            mark = "*" if best else ""
            shown = [str(group.group_id), mark, f"{one.distance:g}", _path(one.image), note]
            rows.append(shown)
    console.table(("group", "best", "distance", "path", "why"), rows)
    console.echo(f"{len(page.items)} of {page.total} groups", sys.stderr)
    _from(page)


@click.command(cls=Command)
@dataset_argument
@click.option(
    "--neighbours",
    default=10,
    show_default=True,
    type=click.IntRange(1, 100),
    help="How many each is compared with.",
)
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="Images."
)
@refresh_option
@cancel_option
@json_option
@click.pass_obj
def outliers(
    state: State,
    *,
    dataset: str,
    neighbours: int,
    limit: int,
    refresh: bool,
    cancel: bool,
    as_json: bool,
) -> None:
    """Show the images of DATASET that are like no others, the strangest first."""
    handle = state.dataset(dataset)
    if _steered(handle, "outliers", refresh=refresh, cancel=cancel, neighbours=neighbours):
        return
    page = handle.outliers(neighbours, limit=limit, on_progress=Ear())
    if as_json:
        console.echo(page.model_dump_json())
        return
    _listed(page.items)
    _from(page)


@click.command(cls=Command)
@dataset_argument
@click.argument("n", required=False, type=click.IntRange(min=1))
@click.option(
    "--method",
    type=click.Choice(_METHODS),
    default="diverse",
    show_default=True,
    help="What the sample is to be.",
)
@click.option("--share", type=click.FloatRange(0, 1, min_open=True), help="So much of all, 0 to 1.")
@click.option("--seed", default=0, show_default=True, help="Another one: another choice.")
@click.option("--by", metavar="FIELD", help="balanced: the field to balance by.")
@click.option("--where", metavar="FILTER", help="Only images like 'width>1000'.")
@refresh_option
@cancel_option
@json_option
@click.pass_obj
def sample(
    state: State,
    *,
    dataset: str,
    n: int | None,
    method: Any,
    share: float | None,
    seed: int,
    by: str | None,
    where: str | None,
    refresh: bool,
    cancel: bool,
    as_json: bool,
) -> None:
    """Choose N images of DATASET (default 100) that stand for all of them."""
    handle = state.dataset(dataset)
    given: dict[str, Any] = {"method": method, "share": share, "seed": seed, "by": by}
    given |= {"where": where}
    with filtering(where):
        if _steered(handle, "sample", refresh=refresh, cancel=cancel, n=n, **given):
            return
        page = handle.sample(n, **given, on_progress=Ear())
    if as_json:
        console.echo(page.model_dump_json())
        return
    _listed(page.items)
    _from(page)


@click.command(cls=Command)
@dataset_argument
@click.option("--level", type=click.IntRange(0, 8), help="Only this one; 0 is the coarsest.")
@click.option("--seed", default=0, show_default=True, help="Another one: other clusters.")
@refresh_option
@cancel_option
@json_option
@click.pass_obj
def clusters(
    state: State,
    *,
    dataset: str,
    level: int | None,
    seed: int,
    refresh: bool,
    cancel: bool,
    as_json: bool,
) -> None:
    """Show what DATASET is made of: clusters from coarse to fine, each with its words."""
    handle = state.dataset(dataset)
    if _steered(handle, "clusters", refresh=refresh, cancel=cancel, seed=seed):
        return
    found = handle.clusters(seed=seed, on_progress=Ear())
    if as_json:
        console.echo(found.model_dump_json())
        return
    rows = [
        [one.cluster_id, str(one.size), one.name, one.parent or ""]
        for each in found.levels
        if level in (None, each.level)
        for one in each.clusters
    ]
    console.table(("cluster", "images", "name", "within"), rows)
    _from(found)


@click.command("map", cls=Command)
@dataset_argument
@click.option(
    "--output",
    "-o",
    metavar="PATH",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to, as .arrow, .parquet or .csv; default: DATASET.map.arrow here.",
)
@click.option("--seed", default=0, show_default=True, help="Another one: another map.")
@click.option("--colour", metavar="FIELD", help="Also the number of each image's value of it.")
@refresh_option
@cancel_option
@click.pass_obj
def map_(
    state: State,
    *,
    dataset: str,
    output: Path | None,
    seed: int,
    colour: str | None,
    refresh: bool,
    cancel: bool,
) -> None:
    """Write a place in the plane for each image of DATASET, near to those that are alike."""
    handle = state.dataset(dataset)
    path = output or Path(f"{handle.id}.map.arrow")
    if path.suffix not in (".arrow", ".parquet", ".csv"):
        raise InvalidRequest(f"cannot write a {path.suffix or path.name}", hint=".arrow, .csv ...")
    if _steered(handle, "map", refresh=refresh, cancel=cancel, seed=seed):
        return
    table = handle.map(seed=seed, colour=colour, on_progress=Ear())
    _write(table, path)
    console.echo(str(path))


def _write(table: Any, path: Path) -> None:
    import pyarrow as pa
    from pyarrow import csv, parquet

    if path.suffix == ".csv":
        csv.write_csv(table, path)
    elif path.suffix == ".parquet":
        parquet.write_table(table, path)
    else:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)


COMMANDS = (duplicates, outliers, sample, clusters, map_)
