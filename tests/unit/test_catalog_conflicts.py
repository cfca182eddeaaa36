"""A change that lost a race is made again; anything else is said at once."""

from __future__ import annotations

import pytest

from rayograph.catalog.conflicts import until_committed
from rayograph.errors import CatalogError


def test_what_lost_a_race_is_worked_out_anew() -> None:
    faults = [OSError("Commit conflict for version 7"), RuntimeError("Retryable conflict")]

    def change() -> str:
        if faults:
            raise faults.pop()
        return "made"

    assert until_committed(change) == "made"


def test_another_fault_is_not_tried_again() -> None:
    tries = []

    def change() -> None:
        tries.append(1)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        until_committed(change)
    assert len(tries) == 1


def test_whoever_always_loses_is_told_to_try_again() -> None:
    def change() -> None:
        raise OSError("conflict")

    with pytest.raises(CatalogError, match="too many edits") as caught:
        until_committed(change)
    assert caught.value.hint == "try again"
