"""Commands that talk to a running server about datasets."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rayograph import console
from rayograph.cli.annotated import show_annotations
from rayograph.cli.base import (
    DONE,
    Command,
    State,
    annotations_option,
    filtering,
    follow,
    json_option,
    stage_option,
)
from rayograph.errors import InvalidRequest

if TYPE_CHECKING:
    from rayograph.schema import Dataset, Hit, Priority, Progress, SearchBy

dataset_argument = click.argument("dataset")


@click.command(cls=Command)
@click.argument("source")
@click.option("--name", metavar="N", help="What to call it; default: the folder's name.")
@annotations_option
@click.option("--model", metavar="NAME", help="Embed with this model.")
@click.option("--no-recursive", is_flag=True, help="Leave folders inside the folder out.")
@click.option("--wait", is_flag=True, help="Follow the progress to its end.")
@click.pass_obj
def add(
    state: State,
    *,
    source: str,
    name: str | None,
    annotations: str | None,
    model: str | None,
    no_recursive: bool,
    wait: bool,
) -> int:
    """Open SOURCE on the running server."""
    dataset = state.client().add(
        source, name=name, annotations=annotations, recursive=not no_recursive, model=model
    )
    console.echo(f"{dataset.id} {console.one_line(dataset.name)}")
    return follow(dataset) if wait else DONE


@click.command("list", cls=Command)
@json_option
@click.pass_obj
def list_(state: State, as_json: bool) -> None:
    """List the datasets."""
    found = [dataset.info for dataset in state.client().datasets()]
    if as_json:
        console.echo(json.dumps([item.model_dump() for item in found]))
        return
    rows = [[i.dataset_id, i.name, i.status, str(i.total), i.source] for i in found]
    console.table(("id", "name", "status", "images", "source"), rows)


@click.command(cls=Command)
@dataset_argument
@json_option
@click.pass_obj
def status(state: State, dataset: str, as_json: bool) -> None:
    """Say what DATASET is doing and how far it is."""
    handle = state.dataset(dataset)
    answer, progress = handle.status(), handle.get_loading_progress()
    if as_json:
        counts = progress.model_dump(exclude={"dataset_id", "status", "error"})
        console.echo(json.dumps({**handle.info.model_dump(), **answer.model_dump(), **counts}))
        return
    doing = f" ({answer.progress})" if answer.progress else ""
    console.echo(f"{handle.id} {console.one_line(handle.name)}: {answer.status}{doing}")
    console.echo(console.line(progress))
    if answer.error:
        console.echo(answer.error)
    if handle.info.next_model or handle.info.model_note:
        console.echo(handle.info.model_note or _models(handle.info))
    for reason, count in handle.info.skipped.items():
        console.echo(f"{count} passed over in listing: {reason}")


@click.command(cls=Command)
@dataset_argument
@click.option("--follow", "-f", "follows", is_flag=True, help="Go on until it is complete.")
@json_option
@click.pass_obj
def progress(state: State, dataset: str, follows: bool, as_json: bool) -> int:
    """Show DATASET's progress, stage by stage; with --follow, until it is complete."""
    handle = state.dataset(dataset)
    if follows and as_json:
        last = handle.wait(on_progress=lambda now: console.echo(now.model_dump_json()))
        return 1 if last.failed else DONE
    if follows:
        return follow(handle)
    now = handle.get_loading_progress()
    if as_json:
        console.echo(now.model_dump_json())
    else:
        _stages(now)
    return DONE


def _stages(progress: Progress) -> None:
    console.echo(console.line(progress))
    rows = []
    for name, stage in progress.stages.items():
        rate = f"{stage.rate:.1f}" if stage.rate is not None else ""
        left = console.duration(stage.eta_s) if stage.eta_s is not None else ""
        counts = [str(count) for count in (stage.done, stage.failed, stage.total)]
        rows.append([name, stage.state, *counts, rate, left, stage.note or ""])
    columns = ("stage", "state", "done", "failed", "total", "images/s", "left", "note")
    console.table(columns, rows)


@click.command(cls=Command)
@dataset_argument
@click.argument("text", required=False)
@click.option(
    "--image",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Search by this picture instead of a text.",
)
@click.option("-k", default=20, show_default=True, type=click.IntRange(1, 1000), help="Results.")
@click.option("--where", metavar="FILTER", help="Only images like 'width>1000'.")
@click.option(
    "--by",
    type=click.Choice(["both", "meaning", "words"]),
    default="both",
    show_default=True,
    help="Compare a text with what pictures show, with the words in captions and paths, or both.",
)
@click.option("--likely", is_flag=True, help="Only what is a likely match.")
@json_option
@click.pass_obj
def search(
    state: State,
    *,
    dataset: str,
    text: str | None,
    image: Path | None,
    k: int,
    where: str | None,
    by: SearchBy,
    likely: bool,
    as_json: bool,
) -> None:
    """Search DATASET for TEXT, or for pictures like --image."""
    if (text is None) == (image is None):
        raise click.UsageError("give either a text or --image FILE", click.get_current_context())
    with filtering(where):
        answer = state.dataset(dataset).search(
            text, image=image, k=k, where=where, by=by, cutoff="auto" if likely else None
        )
    if as_json:
        console.echo(answer.model_dump_json())
        return
    rows = [[f"{hit.score:.3f}", hit.image.file_name, _where(hit)] for hit in answer.items]
    console.table(("score", "file", "path"), rows)
    cover = answer.coverage
    took = f"{answer.took_ms:.1f} ms"
    # On stderr, so that a pipe gets the table alone.
    console.echo(f"searched {cover.searched} of {cover.total} images in {took}", sys.stderr)


def _where(hit: Hit) -> str:
    from rayograph.sources import display, local_path

    path = local_path(hit.image.uri)
    return hit.image.uri if path is None else display(path)


def _command(name: str, what: str, *options: Callable[[Any], Any]) -> click.Command:
    def run(state: State, /, *, dataset: str, as_json: bool, **given: Any) -> None:
        now: Progress = getattr(state.dataset(dataset), name)(**given)
        console.echo(now.model_dump_json() if as_json else f"{name}: {console.line(now)}")

    made: Any = click.pass_obj(run)
    for option in (json_option, *options, dataset_argument):
        made = option(made)
    return click.command(name, cls=Command, help=what)(made)


@click.command(cls=Command)
@dataset_argument
@click.argument("level", type=click.Choice(["high", "normal", "low"]))
@click.pass_obj
def priority(state: State, dataset: str, level: Priority) -> None:
    """Let DATASET go before others at the model, or after them."""
    handle = state.dataset(dataset)
    handle.prioritise(level)
    console.echo(f"{handle.id} {console.one_line(handle.name)}: {handle.info.priority} priority")


@click.command(cls=Command)
@dataset_argument
@click.option("--source", metavar="NEW", help="Its files lie there now: a folder or a URL.")
@json_option
@click.pass_obj
def rescan(state: State, dataset: str, source: str | None, as_json: bool) -> None:
    """Look for new, changed, moved and removed files of DATASET."""
    now = state.dataset(dataset).rescan(source)
    console.echo(now.model_dump_json() if as_json else f"rescan: {console.line(now)}")


@click.command(cls=Command)
@dataset_argument
@click.argument("name")
@click.option("--wait", is_flag=True, help="Follow the progress to its end.")
@click.pass_obj
def model(state: State, *, dataset: str, name: str, wait: bool) -> int:
    """Embed DATASET with the model NAME; the present one serves until that is done."""
    handle = state.dataset(dataset)
    handle.use_model(name)
    now = handle.info
    console.echo(f"{now.dataset_id} {console.one_line(now.name)}: {_models(now)}")
    return follow(handle) if wait else DONE


def _models(info: Dataset) -> str:
    if info.next_model is None:
        return f"searched with {info.model}"
    return f"embedding with {info.next_model}; until it is done, searched with {info.model}"


@click.command(cls=Command)
@dataset_argument
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(state: State, dataset: str, yes: bool) -> None:
    """Remove DATASET from the catalog; source files are never touched."""
    handle = state.dataset(dataset)
    if not yes and console.is_terminal(sys.stdin):
        question = f"Remove {handle.name!r} ({handle.info.total} images) from the catalog?"
        if not click.confirm(question):
            raise InvalidRequest("nothing was removed")
    handle.delete()
    console.echo(f"removed {handle.id} {console.one_line(handle.name)}")


COMMANDS = (
    add,
    list_,
    status,
    show_annotations,
    progress,
    search,
    rescan,
    _command("purge", "Remove the images of DATASET whose files are gone; no file is touched."),
    _command("pause", "Stop computing on DATASET; what is done stays.", stage_option),
    _command("resume", "Go on after a pause.", stage_option),
    priority,
    _command("cancel", "End the work on DATASET; what is done stays.", stage_option),
    model,
    delete,
)
