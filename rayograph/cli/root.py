"""The command ``rayograph`` itself, its commands gathered."""

from __future__ import annotations

import click

from rayograph.cli import datasets, discovery, exports, labels, library, server, snapshots
from rayograph.cli.base import Root


@click.group(
    cls=Root,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="A DATASET is named by its id or its name. Exit codes: 0 done, 1 finished with failed "
    "images, 2 wrong use or an error, 130 interrupted.",
)
def main() -> None:
    """Open image datasets of any size and search them while you look."""


for command in (
    *server.COMMANDS,
    *datasets.COMMANDS,
    *discovery.COMMANDS,
    *labels.COMMANDS,
    *exports.COMMANDS,
    *snapshots.COMMANDS,
    *library.COMMANDS,
):
    main.add_command(command)
