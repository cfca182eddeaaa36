"""One Chromium and one served application for all; each test gets a page and an empty engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from served import Running
from virtual_engine import Virtual, VirtualEngine

_ARGS = [
    "--headless",
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
# WebGL by software draws the same pixels as a GPU, and makes every page slow: for the map alone.
_PLAIN = ["--disable-gpu"]
_WEBGL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
_CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
PATIENCE_MS = 15_000
Open = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def launch() -> Iterator[Callable[[list[str]], Browser]]:
    """Starts a Chromium with more arguments; all are closed in the end."""
    path = _CHROMIUM if Path(_CHROMIUM).exists() else None
    started: list[Browser] = []
    with sync_playwright() as playwright:

        def one(more: list[str]) -> Browser:
            browser = playwright.chromium.launch(executable_path=path, args=[*_ARGS, *more])
            started.append(browser)
            return browser

        yield one
        for browser in started:
            browser.close()


@pytest.fixture(scope="session")
def chromium(launch: Callable[[list[str]], Browser]) -> Browser:
    return launch(_PLAIN)


@pytest.fixture(scope="session")
def webgl_chromium(launch: Callable[[list[str]], Browser]) -> Browser:
    return launch(_WEBGL)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    server = Running(tmp_path_factory.mktemp("drawings"))
    yield server
    server.stop()


@pytest.fixture
def engine(running: Running) -> Iterator[VirtualEngine]:
    yield running.engine
    running.engine.forget()


@pytest.fixture
def open_page(chromium: Browser, running: Running, engine: VirtualEngine) -> Iterator[Open]:
    """Opens the page; a script error or a warning on its console fails the test."""
    contexts = []
    problems: list[str] = []

    def open_one(
        *, width: int = 1280, height: int = 800, path: str = "/", **options: object
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            **options,  # type: ignore[arg-type]
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: problems.append(f"{error}\n{error.stack}"))
        page.goto(running.url + path)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def half_done(engine: VirtualEngine) -> Virtual:
    """10,000 images: 3,200 tried by the model, 6,400 with metadata, every 19th broken."""
    return engine.put(
        "holidays",
        10_000,
        listed=10_000,
        indexed=6400,
        ready=3200,
        embedding=64,
        fail_every=19,
    )
