"""Named versions of a dataset."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from rayograph import console
from rayograph.cli.base import Command, State, json_option
from rayograph.cli.datasets import dataset_argument
from rayograph.errors import InvalidRequest

if TYPE_CHECKING:
    from rayograph.snapshots import SnapshotDiff


@click.command(cls=Command)
@dataset_argument
@click.argument("name", required=False)
@click.option("--note", metavar="TEXT", help="What it is kept for.")
@click.option("--delete", "delete", is_flag=True, help="Remove the snapshot NAME instead.")
@click.pass_obj
def snapshot(
    state: State, *, dataset: str, name: str | None, note: str | None, delete: bool
) -> None:
    """Give the present version of DATASET a NAME; default: the time."""
    handle = state.dataset(dataset)
    if delete:
        if name is None:
            raise click.UsageError("give the snapshot's name", click.get_current_context())
        handle.delete_snapshot(name)
        console.echo(f"removed {name}")
        return
    made = handle.snapshot(name, note)
    console.echo(f"{made.name}: {made.total} images")


@click.command(cls=Command)
@dataset_argument
@click.option("--diff", "name", metavar="NAME", help="What is different since the snapshot NAME.")
@click.option("--to", metavar="NAME", help="With --diff: in another snapshot, not now.")
@json_option
@click.pass_obj
def snapshots(
    state: State, *, dataset: str, name: str | None, to: str | None, as_json: bool
) -> None:
    """List the snapshots of DATASET, or compare two versions."""
    handle = state.dataset(dataset)
    if name is not None:
        found = handle.diff(name, to)
        console.echo(found.model_dump_json() if as_json else difference(found))
        return
    items = handle.snapshots()
    if as_json:
        console.echo(json.dumps([item.model_dump() for item in items]))
        return
    rows = [
        [i.name, i.created_at, str(i.total), f"{i.own_bytes / 1e6:.1f} MB", i.note or ""]
        for i in items
    ]
    console.table(("name", "made", "images", "disk", "note"), rows)


def difference(found: SnapshotDiff) -> str:
    """Two versions compared, in one line."""
    parts = [f"{found.added} added", f"{found.removed} removed", f"{found.changed} changed"]
    columns = ", ".join(f"{name} {count}" for name, count in found.columns.items())
    line = ", ".join(parts) + (f" ({columns})" if columns else "")
    if found.model != found.model_to:
        line += f"; model {found.model} -> {found.model_to}"
    return line


@click.command(cls=Command)
@dataset_argument
@click.argument("name")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_obj
def restore(state: State, dataset: str, name: str, yes: bool) -> None:
    """Bring DATASET back to its snapshot NAME."""
    handle = state.dataset(dataset)
    if not yes and console.is_terminal(sys.stdin):
        console.echo(f"since {name}: {difference(handle.diff(name))}")
        if not click.confirm("Go back? What changed since is lost unless it has a snapshot"):
            raise InvalidRequest("nothing was changed")
    console.echo(f"restored {name}: {console.line(handle.restore(name))}")


COMMANDS = (snapshot, snapshots, restore)
