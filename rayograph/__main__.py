"""``python -m rayograph``."""

from rayograph.cli import main

main(prog_name="rayograph")
