"""The order of the listing, saved views, and failures tried again by cause."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import PATIENCE_MS
from playwright.sync_api import Browser, Page
from shelf import RunningShelf


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShelf]:
    running = RunningShelf(tmp_path_factory.mktemp("shelf"), 60)
    yield running
    running.stop()


@pytest.fixture
def page(chromium: Browser, shelf: RunningShelf) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page, problems = context.new_page(), []
    page.set_default_timeout(PATIENCE_MS)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(shelf.url)
    page.wait_for_selector("#rg-sort option[value='size']", state="attached")
    yield page
    context.close()
    assert problems == []


def first(page: Page) -> str:
    # A listing in no order is shown before its first page has come.
    page.wait_for_function("window.rayograph.grid.rows.at(0)")
    return str(page.evaluate("window.rayograph.grid.rows.at(0).file_name"))


def wait_sort(page: Page, sort: str) -> None:
    page.wait_for_function("(sort) => window.rayograph?.sort === sort", arg=sort)


def test_the_listing_is_put_into_another_order(page: Page) -> None:
    assert first(page) == "IMG_00000.jpg"
    page.select_option("#rg-sort", "size")
    wait_sort(page, "size")
    page.click("#rg-sort-turn")
    wait_sort(page, "-size")
    assert first(page) == "IMG_00049.jpg"
    assert page.evaluate("location.hash").endswith("?sort=-size")
    page.reload()
    wait_sort(page, "-size")
    assert page.input_value("#rg-sort") == "size"
    assert page.get_attribute("#rg-sort-turn", "aria-pressed") == "true"
    page.select_option("#rg-sort", "")
    wait_sort(page, "")
    assert first(page) == "IMG_00000.jpg"


def test_a_view_is_saved_applied_renamed_and_deleted_with_a_way_back(
    page: Page, shelf: RunningShelf
) -> None:
    def saved() -> list[tuple[str, str | None, str | None]]:
        views = shelf.shelved.catalog.views.of(shelf.shelved.dataset_id)
        return [(view.name, view.where, view.sort) for view in views]

    page.evaluate("window.rayograph.filtering.apply('width>=1000')")
    page.wait_for_function("window.rayograph.where === 'width>=1000'")
    page.select_option("#rg-sort", "mtime")
    wait_sort(page, "mtime")
    page.click("#rg-views-open")
    page.fill("#rg-views-form input", "wide ones")
    with page.expect_response(
        lambda answer: answer.url.endswith("/views") and answer.request.method == "POST"
    ):
        page.press("#rg-views-form input", "Enter")
    assert saved() == [("wide ones", "width>=1000", "mtime")]
    page.evaluate("window.rayograph.filtering.clear()")
    page.wait_for_function("window.rayograph.where === ''")
    page.click("[data-view='wide ones'] > button >> nth=0")
    page.wait_for_function("window.rayograph.where === 'width>=1000'")
    wait_sort(page, "mtime")
    page.click("#rg-views-open")
    page.click("[data-view='wide ones'] [title='Rename']")
    page.fill("[data-view] input", "broad")
    with page.expect_response("**/views/*"):
        page.keyboard.press("Enter")
    assert saved() == [("broad", "width>=1000", "mtime")]
    with page.expect_response("**/views/*"):
        page.click("[data-view='broad'] [title='Delete']")
    page.wait_for_selector("text=Deleted broad.")
    assert saved() == []
    with page.expect_response("**/views/*"):
        page.click("text=Undo")
    assert saved() == [("broad", "width>=1000", "mtime")]
    # What the server refuses is taken back.
    page.route(
        "**/views/*",
        lambda route: route.fulfill(
            status=409, json={"error": {"code": "conflict", "message": "Not now"}}
        ),
    )
    page.click("[data-view='broad'] [title='Delete']")
    page.wait_for_selector("#rg-views .rg-error:has-text('Not now')")
    assert page.locator("[data-view='broad']").count() == 1


def test_one_cause_is_tried_again_and_listed(page: Page, shelf: RunningShelf) -> None:
    page.click("#rg-failures-open")
    page.click("#rg-reasons button:has-text('Cut short')")
    page.wait_for_selector("#rg-failures-retry:has-text('Try these 3 again')")
    with page.expect_download() as download:
        page.click("#rg-failures-list")
    text = download.value.path().read_text()
    assert (text.count("truncated"), text.count("empty")) == (3, 0)
    shelf.shelved.work.commands.clear()
    with page.expect_response("**/retry"):
        page.click("#rg-failures-retry")
    assert shelf.shelved.work.commands[0][2] == 'failed="truncated"'
