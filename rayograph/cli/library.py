"""Commands that look a dataset over: what it holds of what, and what failed."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING

import click

from rayograph import console
from rayograph.cli.base import Command, State, filtering, json_option, stage_option
from rayograph.errors import NotFound

if TYPE_CHECKING:
    from rayograph.facets import Facet
    from rayograph.schema import StageName

dataset_argument = click.argument("dataset")
where_option = click.option("--where", metavar="FILTER", help="Only images like 'width>1000'.")


@click.command(cls=Command)
@dataset_argument
@click.option("--field", "names", multiple=True, metavar="NAME", help="This one only; repeatable.")
@click.option("--most", default=12, show_default=True, type=click.IntRange(1, 1000), help="Values.")
@where_option
@json_option
@click.pass_obj
def facets(
    state: State,
    *,
    dataset: str,
    names: tuple[str, ...],
    most: int,
    where: str | None,
    as_json: bool,
) -> None:
    """Count what DATASET holds, field by field."""
    with filtering(where):
        answer = state.dataset(dataset).facets(where, fields=names or None, most=most)
    if as_json:
        console.echo(answer.model_dump_json())
        return
    rows = [row for facet in answer.items for row in _lines(facet)]
    console.table(("field", "value", "images"), rows)


def _lines(facet: Facet) -> list[list[str]]:
    if facet.histogram is not None:
        edges, counts = facet.histogram.edges, facet.histogram.counts
        texts = [f"{edge:,g}" if isinstance(edge, float) else edge for edge in edges]
        spans = [f"{low} .. {high}" for low, high in pairwise(texts)]
        found = [(span, count) for span, count in zip(spans, counts, strict=True) if count]
    else:
        found = [(value.value, value.count) for value in facet.values if value.count]
    if found and facet.missing:
        found.append(("(none)", facet.missing))
    lines = [[facet.name, value, f"{count:,}"] for value, count in found]
    return [*lines, [facet.name, f"({facet.more:,} more)", ""]] if facet.more else lines


@click.command(cls=Command)
@dataset_argument
@click.argument("parent", default="")
@where_option
@json_option
@click.pass_obj
def folders(state: State, *, dataset: str, parent: str, where: str | None, as_json: bool) -> None:
    """List the folders of DATASET, or of PARENT in it, with the images in and below each."""
    with filtering(where):
        answer = state.dataset(dataset).folders(parent, where=where)
    if as_json:
        console.echo(answer.model_dump_json())
        return
    rows = [[item.folder, f"{item.count:,}", str(item.folders)] for item in answer.items]
    console.table(("folder", "images", "folders in it"), rows)


code_option = click.option("--code", metavar="CODE", help="Only this cause, such as truncated.")


@click.command(cls=Command)
@dataset_argument
@code_option
@where_option
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="Shown.")
@click.option("--output", "-o", metavar="FILE", help="Write all to a .csv, .json or .parquet file.")
@json_option
@click.pass_obj
def failures(
    state: State,
    *,
    dataset: str,
    code: str | None,
    where: str | None,
    limit: int,
    output: str | None,
    as_json: bool,
) -> None:
    """Say which images of DATASET failed and why."""
    handle = state.dataset(dataset)
    with filtering(where):
        if output is not None:
            console.echo(str(handle.export_failures(output, code=code, where=where)))
            return
        page = handle.failures(code, limit, where=where)
    if as_json:
        console.echo(page.model_dump_json())
        return
    for reason in page.reasons:
        console.echo(f"{reason.count:,} {reason.error_code}")
    rows = [[r.error_code or "", r.folder, r.file_name, r.error or ""] for r in page.items]
    console.table(("cause", "folder", "file", "error"), rows)


@click.command(cls=Command)
@dataset_argument
@code_option
@where_option
@stage_option
@json_option
@click.pass_obj
def retry(
    state: State,
    *,
    dataset: str,
    code: str | None,
    where: str | None,
    stage: StageName | None,
    as_json: bool,
) -> None:
    """Try the failed images of DATASET again, all or some of them."""
    with filtering(where):
        now = state.dataset(dataset).retry(code=code, where=where, stage=stage)
    console.echo(now.model_dump_json() if as_json else f"retry: {console.line(now)}")


@click.command(cls=Command)
@dataset_argument
@click.option("--save", metavar="NAME", help="Save a view of this name.")
@click.option("--sort", metavar="FIELD", help="With --save: its order, such as -width.")
@where_option
@click.option("--delete", "gone", metavar="NAME", help="Delete the view of this name.")
@json_option
@click.pass_obj
def views(
    state: State,
    *,
    dataset: str,
    save: str | None,
    sort: str | None,
    where: str | None,
    gone: str | None,
    as_json: bool,
) -> None:
    """List the saved views of DATASET, save one or delete one."""
    handle = state.dataset(dataset)
    known = {view.name: view for view in handle.views()}
    if gone is not None:
        if gone not in known:
            raise NotFound(f"no view {gone!r}", hint=f"`rayograph views {dataset}` lists them")
        handle.delete_view(known[gone].view_id)
    elif save is not None:
        same = known[save].view_id if save in known else None
        with filtering(where):
            handle.save_view(save, where=where, sort=sort, view_id=same)
    found = handle.views()
    if as_json:
        console.echo(json.dumps([view.model_dump() for view in found]))
        return
    rows = [[view.name, view.where or "", view.sort or "", view.text or ""] for view in found]
    console.table(("view", "where", "sort", "search"), rows)


COMMANDS = (facets, folders, failures, retry, views)
