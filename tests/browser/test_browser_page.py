"""The page as a whole: its states, its look, the start behind it, the server going away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browsing import search, wait_cell, wait_pictures, wait_text
from playwright.sync_api import Browser, Page
from served import Running
from virtual_engine import Virtual, VirtualEngine

from rayograph.settings import Settings

Open = Callable[..., Page]
TOKEN = "open-sesame-for-the-test"


def test_the_api_wins_over_the_page(running: Running, open_page: Open) -> None:
    page = open_page()
    for path in ("/api/healthz", "/docs", "/metrics", "/openapi.json"):
        answer = page.request.get(running.url + path)
        assert answer.ok, path
        assert "rayograph_ui" not in answer.text() and 'id="rg-frame"' not in answer.text()
    assert page.request.get(running.url + "/api/nothing").status == 404


def test_no_request_leaves_the_server(
    running: Running, half_done: Virtual, chromium: Browser
) -> None:
    context = chromium.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(running.url)
    wait_pictures(page)
    context.close()
    assert [url for url in asked if not url.startswith((running.url, "data:", "blob:"))] == []


def test_welcome(engine: VirtualEngine, open_page: Open) -> None:
    page = open_page()
    wait_text(page, "#rg-state h1", "Open some pictures")
    page.click("text=drawn for you")
    wait_text(page, "#rg-switch-name", "demo")
    assert next(iter(engine.sets.values())).source == "demo"


def test_listing_then_pictures(engine: VirtualEngine, open_page: Open) -> None:
    made = engine.put("slow", 5000)
    page = open_page()
    wait_text(page, "#rg-state h1", "Looking for pictures")
    engine.change(made, listed=900)
    wait_pictures(page)
    wait_text(page, "#rg-summary", "900 pictures, still listing")


def test_an_empty_folder(engine: VirtualEngine, open_page: Open) -> None:
    engine.put("bare", 0, skipped={"not_an_image": 212})
    page = open_page()
    wait_text(page, "#rg-state h1", "No pictures here")
    wait_text(page, "#rg-state", "212 not an image")


def test_a_failed_dataset(engine: VirtualEngine, open_page: Open) -> None:
    engine.put("gone", 0, error="the folder went away")
    page = open_page()
    wait_text(page, "#rg-state", "the folder went away")
    page.click("#rg-state >> text=Try again")
    wait_text(page, "#rg-state h1", "No pictures here")
    assert engine.commands == ["rescan"]


def test_dark_and_light(half_done: Virtual, open_page: Open) -> None:
    def ground(page: Page) -> str:
        return str(page.evaluate("getComputedStyle(document.querySelector('.rg')).backgroundColor"))

    dark = open_page(color_scheme="dark")
    light = open_page(color_scheme="light")
    wait_pictures(dark)
    wait_pictures(light)
    night, day = ground(dark), ground(light)
    assert night != day
    light.click("#rg-theme")
    assert ground(light) == night
    assert light.evaluate("document.body.classList.contains('dark')")
    light.reload()
    wait_pictures(light)
    assert ground(light) == night


@pytest.mark.parametrize("width", [390, 768, 1920])
def test_fits_every_width(half_done: Virtual, open_page: Open, width: int) -> None:
    page = open_page(width=width, height=844)
    wait_pictures(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for selector in (".rg-brand", "#rg-switch", "#rg-search-text", "#rg-theme", "#rg-zoom"):
        box = page.locator(selector).bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width, selector
    assert page.evaluate("rayograph.grid.columns") >= (3 if width < 500 else 4)
    page.click(".rg-cell[data-index='2']")
    page.wait_for_selector(".rg-detail-full.rg-shown")
    close = page.locator(".rg-detail-close").bounding_box()
    assert close is not None and close["x"] + close["width"] <= width


def test_reduced_motion(half_done: Virtual, open_page: Open) -> None:
    page = open_page(reduced_motion="reduce")
    wait_pictures(page)
    image = page.locator(".rg-cell.rg-shown img").first
    assert image.evaluate("(node) => getComputedStyle(node).transitionDuration") in ("0s", "")


def test_the_start_is_handed_over_without_a_reload(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    engine.phase = "Ray is starting"
    page = open_page()
    assert page.locator("gradio-app").count() == 0
    wait_pictures(page)
    wait_text(page, "#rg-banner", "Starting the search engine")
    wait_text(page, "#rg-banner", "Ray is starting")
    assert page.locator("#rg-search-text").is_disabled()
    page.evaluate("window.same = true")
    page.evaluate("rayograph.dock.toggle(true)")
    with page.expect_response(lambda answer: answer.url.endswith("/rescan")) as refused:
        page.click("[data-command=rescan]")
    assert refused.value.status == 503
    with page.expect_response(lambda answer: answer.url.endswith("/rescan") and answer.ok):
        engine.phase = None
    page.wait_for_selector("#rg-banner", state="hidden")
    page.wait_for_function("() => !document.querySelector('#rg-search-text').disabled")
    search(page, "hills")
    page.wait_for_selector(".rg-cell-score:not(:empty)")
    assert page.evaluate("window.same")
    page.wait_for_function("() => document.querySelector('#rg-work-error').hidden")
    assert engine.commands == ["rescan"]


def test_the_server_goes_and_comes_back(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    wait_pictures(page)
    page.context.set_offline(True)
    page.evaluate("document.querySelector('#rg-grid').scrollTop = 20000")
    wait_text(page, "#rg-banner", "not answering")
    page.wait_for_selector("#rg-banner", state="visible")
    page.context.set_offline(False)
    page.wait_for_selector("#rg-banner", state="hidden")
    wait_pictures(page)
    engine.change(half_done, indexed=10_000, ready=10_000)
    wait_text(page, "#rg-work-lead", "Done, except for")


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Running]:
    server = {"token": TOKEN}
    settings = Settings.model_validate({"server": server, "catalog": {"uri": str(tmp_path)}})
    running = Running(tmp_path, settings)
    running.engine.put("private", 60, listed=60, indexed=60, ready=60)
    yield running
    running.stop()


def test_login(locked: Running, chromium: Browser) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(locked.url)
    page.wait_for_selector("#rg-login", state="visible")
    page.fill("#rg-login input", "wrong")
    page.press("#rg-login input", "Enter")
    wait_text(page, "#rg-login .rg-error", "That is not the token")
    page.fill("#rg-login input", TOKEN)
    page.press("#rg-login input", "Enter")
    page.wait_for_selector("#rg-login", state="hidden")
    wait_cell(page, 0)
    assert page.evaluate("sessionStorage.getItem('rayograph.token')") == TOKEN
    page.reload()
    wait_cell(page, 0)
    assert page.locator("#rg-login").is_hidden()
    context.close()
