"""The progress board: whoever waits hears of each change, and of an end."""

from __future__ import annotations

import asyncio

import pytest

from rayograph_pipelines.progress import ProgressBoard

LONG_S = 30.0


@pytest.fixture
def board() -> ProgressBoard:
    return ProgressBoard()


async def waiting(board: ProgressBoard, dataset: str, version: int) -> asyncio.Task[object]:
    """A waiter that has begun to wait."""
    task: asyncio.Task[object] = asyncio.create_task(board.wait(dataset, version, LONG_S))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not task.done()
    return task


async def test_a_change_is_a_new_version_and_no_change_is_none(board: ProgressBoard) -> None:
    assert await board.newest("a") is None
    await board.update("a", {"done": 1})
    first = await board.newest("a")
    await board.update("a", {"done": 1})
    assert await board.newest("a") == first
    await board.update("a", {"done": 2})
    second = await board.newest("a")
    assert first is not None and second is not None
    assert second[0] > first[0] and second[1] == {"done": 2}


async def test_every_waiter_hears_of_a_change(board: ProgressBoard) -> None:
    await board.update("a", {"done": 1})
    known = await board.newest("a")
    assert known is not None
    tasks = [await waiting(board, "a", known[0]) for _ in range(20)]
    await board.update("b", {"done": 9})
    assert not any(task.done() for task in tasks)
    await board.update("a", {"done": 2})
    assert [(await task)[1] for task in tasks] == [{"done": 2}] * 20  # type: ignore[index]


async def test_who_is_behind_does_not_wait(board: ProgressBoard) -> None:
    await board.update("a", {"done": 1})
    known = await board.newest("a")
    assert await board.wait("a", -1, LONG_S) == known


async def test_a_wait_that_nothing_ends_gives_what_there_is(board: ProgressBoard) -> None:
    await board.update("a", {"done": 1})
    known = await board.newest("a")
    assert known is not None
    assert await board.wait("a", known[0], 0.01) == known


async def test_forgetting_ends_every_wait(board: ProgressBoard) -> None:
    await board.update("a", {"done": 1})
    known = await board.newest("a")
    assert known is not None
    task = await waiting(board, "a", known[0])
    await board.forget("a")
    assert await task is None
    assert await board.wait("never heard of", -1, LONG_S) is None


async def test_a_cancelled_wait_leaves_the_board_usable(board: ProgressBoard) -> None:
    await board.update("a", {"done": 1})
    known = await board.newest("a")
    assert known is not None
    task = await waiting(board, "a", known[0])
    task.cancel()
    await asyncio.wait({task})
    await board.update("a", {"done": 2})
    assert (await board.newest("a") or (0, {}))[1] == {"done": 2}


async def test_an_offer_never_replaces_what_a_worker_said(board: ProgressBoard) -> None:
    await board.offer("a", {"status": "from the table"})
    await board.update("a", {"status": "complete"})
    await board.offer("a", {"status": "from the table"})
    assert (await board.newest("a") or (0, {}))[1] == {"status": "complete"}


async def test_a_board_started_anew_goes_on_from_later_versions(board: ProgressBoard) -> None:
    for done in range(100):
        await board.update("a", {"done": done})
    before = await board.newest("a")
    after = ProgressBoard()
    await after.update("a", {"done": 100})
    assert before is not None
    assert (await after.wait("a", before[0], LONG_S) or (0, {}))[1] == {"done": 100}


async def test_an_edit_amends_what_nobody_works_on(board: ProgressBoard) -> None:
    for before, after in (("complete", "edited"), ("in_progress", "in_progress")):
        await board.update("a", {"status": before})
        await board.amend("a", {"status": "edited"})
        known = await board.newest("a")
        assert known is not None
        assert known[1]["status"] == after
    await board.amend("b", {"status": "edited"})
    assert await board.newest("b") is not None
