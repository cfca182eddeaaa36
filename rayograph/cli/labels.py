"""Labels by words: classes that are named, and the images the model finds for each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from rayograph import console
from rayograph.cli.base import Command, State, json_option
from rayograph.cli.datasets import dataset_argument
from rayograph.cli.discovery import Ear
from rayograph.errors import InvalidRequest

if TYPE_CHECKING:
    from rayograph.client import Dataset
    from rayograph.labelling.answers import Labels


@click.command(cls=Command)
@dataset_argument
@click.argument("name", required=False)
@click.argument("classes", nargs=-1)
@click.option("--several", is_flag=True, help="An image can have several of the classes.")
@click.option(
    "--threshold", "thresholds", multiple=True, metavar="CLASS=X", help="A class's least score."
)
@click.option("--refine", is_flag=True, help="Train a probe with what was corrected.")
@click.option("--words", is_flag=True, help="Score by the words again, without the probe.")
@click.option("--score", is_flag=True, help="Score what is new since.")
@click.option("--tag", is_flag=True, help="Tag every image with its classes.")
@click.option("--untag", is_flag=True, help="Take off what the last --tag added.")
@click.option("--cancel", is_flag=True, help="Stop scoring; what has a score keeps it.")
@click.option("--delete", is_flag=True, help="Remove the labels NAME.")
@json_option
@click.pass_obj
def labels(
    state: State,
    /,
    *,
    dataset: str,
    name: str | None,
    classes: tuple[str, ...],
    several: bool,
    thresholds: tuple[str, ...],
    as_json: bool,
    **todo: bool,
) -> None:
    """Label the images of DATASET as NAME by CLASSES; without those show what there is."""
    handle = state.dataset(dataset)
    if name is None:
        _list(handle, as_json=as_json)
        return
    if todo["delete"]:
        handle.delete_labels(name)
        console.echo(f"removed {name}")
        return
    if todo["tag"] or todo["untag"]:
        done = handle.tag_labels(name, undo=todo["untag"])
        word = "untagged" if todo["untag"] else "tagged"
        console.echo(done.model_dump_json() if as_json else f"{word} {done.images} images")
        return
    found = handle.labelling(name) if not classes else None
    if classes:
        found = handle.label(name, list(classes), several=several, on_progress=Ear())
    if thresholds:
        found = handle.change_labels(name, thresholds=dict(map(_threshold, thresholds)))
    found = _worked(handle, name, todo) or found
    assert found is not None
    console.echo(found.model_dump_json()) if as_json else _show(found)


def _worked(handle: Dataset, name: str, todo: dict[str, Any]) -> Labels | None:
    """Do what was asked of the scores."""
    if todo["refine"]:
        return handle.refine(name, on_progress=Ear())
    if todo["words"]:
        handle.change_labels(name, use="words")
        return handle.score_labels(name, on_progress=Ear())
    if todo["score"]:
        return handle.score_labels(name, on_progress=Ear())
    return handle.cancel_labels(name) if todo["cancel"] else None


def _threshold(text: str) -> tuple[str, float]:
    name, _, value = text.rpartition("=")
    try:
        return name, float(value)
    except ValueError:
        raise InvalidRequest(f"{text!r} is no threshold", hint="like --threshold cat=0.4") from None


def _list(handle: Dataset, *, as_json: bool) -> None:
    items = handle.labels()
    if as_json:
        console.echo(json.dumps([item.model_dump() for item in items]))
        return
    rows = [[i.name, ", ".join(i.classes), i.use, i.state] for i in items]
    console.table(("name", "classes", "by", "state"), rows)


def _show(labels: Labels) -> None:
    rows = [
        [c.name, str(c.count), f"{c.threshold:.2f}", f"{c.yes}/{c.no}", c.where]
        for c in labels.classes
    ]
    console.table(("class", "images", "from", "yes/no", "where"), rows)
    cover = labels.coverage
    told = f"{labels.name}: {cover.searched} of {cover.total} images scored by the {labels.use}"
    if labels.unlabelled is not None:
        told += f", {labels.unlabelled} have no class"
    console.echo(told + ("; there are newer ones: --score" if labels.stale else ""))
    quality = labels.quality
    if quality is not None and quality.probe is not None and quality.words is not None:
        console.echo(
            f"of {quality.examples} corrections the words agree with {quality.words:.0%}, "
            f"the probe with {quality.probe:.0%}"
        )


COMMANDS = (labels,)
