"""``rayograph annotations``: how a dataset's annotations fit its images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rayograph import console
from rayograph.cli.base import Command, State, json_option

if TYPE_CHECKING:
    from rayograph.annotations.answers import AnnotationDetails, Problem


@click.command("annotations", cls=Command)
@click.argument("dataset")
@json_option
@click.pass_obj
def show_annotations(state: State, dataset: str, as_json: bool) -> None:
    """Show where DATASET's annotations are from, how they fit, and what could not be read."""
    report = state.dataset(dataset).annotation_report()
    if as_json:
        console.echo(report.model_dump_json())
        return
    for text in lines(report):
        console.echo(console.one_line(text))


def lines(report: AnnotationDetails) -> list[str]:
    """The report for a person."""
    form = (report.format or "").upper()
    found = [f"{report.file} ({form}): {report.state}"]
    found += [report.note] if report.note else []
    found.append(
        f"{report.annotations} annotations, {report.labels} labels; {report.images_matched} of "
        f"{report.images} images matched"
    )
    if report.columns:
        fields = ", ".join(f"extra.{each.key} ({each.kind})" for each in report.columns)
        found.append(f"its columns are fields: {fields}")
    for count, what, names in (
        (report.images_missing, "not in the dataset", report.missing),
        (report.images_ambiguous, "several images have the name", report.ambiguous),
        (report.unmatched, "annotations of images the file does not know", report.unmatched_ids),
    ):
        if count:
            found.append(f"{count} {what}: {', '.join(names[:5])}{' ...' * (count > 5)}")
    found += [f"{report.broken} entries could not be read"] * bool(report.broken)
    return found + [f"  {_problem(each)}" for each in report.problems]


def _problem(each: Problem) -> str:
    line = f":{each.line}" if each.line is not None else ""
    field = f" {each.field}" if each.field else ""
    return f"{each.file}{line}{field}: {each.reason}"
