"""Writing a dataset in another format."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from rayograph import console
from rayograph.cli.base import DONE, FAILED_IMAGES, Command, State, filtering
from rayograph.cli.datasets import dataset_argument

if TYPE_CHECKING:
    from rayograph.export.words import Export

_PLAIN_S = 2.0


@click.command(cls=Command)
@dataset_argument
@click.option("--format", "form", default="coco", show_default=True, help="The format to write.")
@click.option(
    "--to", "--output", "-o", "output", metavar="PATH", help="Where to; default: beside you."
)
@click.option("--where", metavar="FILTER", help="Only images like 'width>1000'.")
@click.option(
    "--ids-from",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE",
    help="Only the images whose ids are the lines of FILE; - reads standard input.",
)
@click.option("--include", type=click.Choice(["vectors"]), multiple=True, help="What else.")
@click.option("--labels", metavar="NAME", help="With the classes of these labels by words.")
@click.option("--images/--no-images", default=None, help="With the image files (coco).")
@click.option(
    "--link",
    type=click.Choice(["copy", "symlink", "hardlink"]),
    default="copy",
    show_default=True,
    help="Links to images that this machine sees, in place of copies.",
)
@click.option("--overwrite", is_flag=True, help="Replace an export that is there.")
@click.pass_obj
def export(
    state: State,
    *,
    dataset: str,
    form: str,
    output: str | None,
    where: str | None,
    ids_from: Path | None,
    include: tuple[Literal["vectors"], ...],
    labels: str | None,
    images: bool | None,
    link: Literal["copy", "symlink", "hardlink"],
    overwrite: bool,
) -> int:
    """Write DATASET, or a part of it, in another format."""
    from rayograph.export.formats import with_images

    with_images(form, images)
    ids = None if ids_from is None else _lines(ids_from)
    handle = state.dataset(dataset)
    show = _Show()
    with filtering(where), show:
        path = handle.export(
            form,
            output or _beside(handle.name, form, images),
            where=where,
            ids=ids,
            include=include,
            labels=labels,
            images=images,
            link=link,
            overwrite=overwrite,
            on_progress=show,
        )
    console.echo(str(path))
    return show.summary(form)


def _lines(path: Path) -> list[str]:
    text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
    return [line.strip() for line in text.splitlines() if line.strip()]


def _beside(name: str, form: str, images: bool | None) -> str:
    from rayograph.export.formats import is_one_file
    from rayograph.export.names import safe_part

    stem = safe_part(name) or "export"
    if not is_one_file(form, images):
        return f"{stem}-{form}"
    return f"{stem}-coco.json" if form == "coco" else f"{stem}.{form}"


class _Show:
    """How far an export is, on one line of a terminal, or on a few of a log."""

    def __init__(self) -> None:
        self._live = console.is_terminal(sys.stderr)
        self._said_at = time.monotonic()
        self.last: Export | None = None

    def __call__(self, now: Export) -> None:
        self.last = now
        if self._live:
            sys.stderr.write(f"\r\x1b[K{line(now)}")
            sys.stderr.flush()
        elif time.monotonic() - self._said_at > _PLAIN_S:
            self._said_at = time.monotonic()
            console.echo(line(now), sys.stderr)

    def __enter__(self) -> _Show:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live and self.last is not None:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def summary(self, form: str) -> int:
        """Say what was left out; the exit code."""
        from rayograph.export.formats import FORMATS

        if self.last is None:
            return DONE
        console.echo(line(self.last), sys.stderr)
        if not self.last.failed or FORMATS[form].table:
            return DONE
        where = "the list `failures` in it" if self.last.one_file else "failures.csv"
        console.echo(f"{self.last.failed} left out: {where} says why", sys.stderr)
        return FAILED_IMAGES


def line(now: Export) -> str:
    """An export in one line."""
    rows = f"{now.done} of {now.total} rows" if now.total is not None else now.state
    word = "" if now.state == "done" else f"{now.state}: "
    return f"{word}{rows}, {now.bytes / 1e6:.1f} MB"


COMMANDS = (export,)
