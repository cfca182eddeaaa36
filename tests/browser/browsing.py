"""What the browser tests ask of a page again and again."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page
from virtual_engine import Virtual
from virtual_giant import Giant

SEARCH = "#rg-search-text"


def wait_pictures(page: Page) -> None:
    """Until thumbnails are on screen."""
    page.wait_for_selector(".rg-cell.rg-shown")


def wait_cell(page: Page, index: int, *, shown: bool = True) -> None:
    page.wait_for_selector(f".rg-cell[data-index='{index}']{'.rg-shown' if shown else ''}")


def top_cell(page: Page) -> tuple[int, float]:
    """Index of the first cell on screen and its distance from the grid's top edge, px."""
    found = page.evaluate(
        """() => {
          const grid = document.querySelector("#rg-grid");
          const top = grid.getBoundingClientRect().top;
          const seen = [...document.querySelectorAll(".rg-cell:not([hidden])")]
            .map((cell) => [Number(cell.dataset.index), cell.getBoundingClientRect().top - top])
            .filter(([, y]) => y >= -1)
            .sort((a, b) => a[1] - b[1] || a[0] - b[0]);
          return seen[0];
        }"""
    )
    return int(found[0]), float(found[1])


def search(page: Page, text: str) -> None:
    page.fill(SEARCH, text)
    page.press(SEARCH, "Enter")


def wait_text(page: Page, selector: str, text: str) -> None:
    """Until an element holds a text."""
    page.wait_for_function(
        "([selector, text]) => document.querySelector(selector)?.textContent.includes(text)",
        arg=[selector, text],
    )


def scroll_to(page: Page, share: float) -> None:
    """Drag the scroll bar to a share of its way."""
    page.evaluate(
        """(share) => {
          const grid = document.querySelector("#rg-grid");
          grid.scrollTop = share * (grid.scrollHeight - grid.clientHeight);
        }""",
        share,
    )


def giant(made: Virtual) -> Giant:
    assert made.giant is not None
    return made.giant


def wait_viewer(page: Page) -> None:
    page.wait_for_function("window.rayograph?.viewer?.shown")


def wait_drawn(page: Page) -> None:
    """Until the middle of the picture is painted."""
    page.wait_for_function(
        """() => {
          const canvas = document.querySelector("#rg-viewer-canvas canvas");
          const at = [canvas.width / 2, canvas.height / 2];
          return canvas.getContext("2d").getImageData(...at, 1, 1).data[3] === 255;
        }"""
    )


def view(page: Page) -> dict[str, float]:
    """Where the page goes: the middle in px of the picture, and its zoom."""
    found: dict[str, Any] = page.evaluate(
        """() => {
          const [at] = location.hash.split("@").slice(-1);
          const [x, y, zoom] = at.split(",").map(Number);
          return { x, y, zoom };
        }"""
    )
    return found
