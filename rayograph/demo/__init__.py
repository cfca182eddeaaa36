"""Pictures drawn on the spot, each with a caption that says what was drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayograph.demo.write import grow_demo, start_demo, write_demo

if TYPE_CHECKING:
    from rayograph.demo.families import FAMILIES, draw

__all__ = ["FAMILIES", "draw", "grow_demo", "start_demo", "write_demo"]


def __getattr__(name: str) -> object:
    # Only drawing needs numpy and Pillow: a demo that is already there costs no import.
    if name in {"FAMILIES", "draw"}:
        from rayograph.demo import families

        return getattr(families, name)
    raise AttributeError(f"module 'rayograph.demo' has no attribute {name!r}")
