"""A commit that lost a race to another is made again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rayograph.errors import CatalogError

_MAX_TRIES = 30
T = TypeVar("T")


def until_committed(change: Callable[[], T]) -> T:
    """Make a change, and work it out anew whenever somebody was faster.

    Raises:
        CatalogError: somebody always was.
        OSError, RuntimeError: what else the table said.
    """
    for _ in range(_MAX_TRIES):
        try:
            return change()
        except (OSError, RuntimeError) as error:
            if "conflict" not in str(error).lower():
                raise
    raise CatalogError("too many edits at once", hint="try again")
