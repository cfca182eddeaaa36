"""Boxes on thumbnails, shapes and labels beside the large picture."""

from __future__ import annotations

from collections.abc import Callable

from browsing import wait_pictures
from playwright.sync_api import Page
from virtual_engine import Virtual, VirtualEngine

from rayograph.annotations.answers import Annotation, Mask

Open = Callable[..., Page]
GRID = ".rg-cell[data-index='0'] .rg-shapes"
LARGE = ".rg-detail-stage .rg-shapes"


def annotate(made: Virtual) -> None:
    cat = Annotation(
        label="cat",
        box=(120, 80, 240, 160),
        polygons=[[120, 80, 360, 80, 360, 240]],
        keypoints=[200, 100, 2, 0, 0, 0],
    )
    mask = Mask(size=(4, 4), counts=[5, 6, 5])
    dog = Annotation(label='a "dog"', box=(0, 0, 48, 32), mask=mask, iscrowd=True)
    made.annotations = {0: [dog, cat], 2: [cat], 400: [cat]}


def test_boxes_of_what_is_on_screen_come_in_one_request_and_are_remembered(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    annotate(half_done)
    page = open_page()
    wait_pictures(page)
    page.wait_for_selector("#rg-boxes:not([hidden])")
    assert engine.asked == []
    page.click("#rg-boxes")
    page.wait_for_selector(f"{GRID} rect")
    # The largest first; nothing but boxes on a thumbnail.
    labels = page.eval_on_selector_all(f"{GRID} g", "all => all.map((g) => g.dataset.label)")
    assert labels == ["cat", 'a "dog"']
    assert page.query_selector(f"{GRID} :is(polygon, image, path)") is None
    assert [len(ids) for ids in engine.asked] == [2]
    page.reload()
    page.wait_for_selector(f"{GRID} rect")
    page.keyboard.press("l")
    page.wait_for_selector(GRID, state="detached")


def test_a_box_lies_where_its_object_is(half_done: Virtual, open_page: Open) -> None:
    annotate(half_done)
    page = open_page()
    wait_pictures(page)
    page.click("#rg-boxes")
    page.wait_for_selector(f"{GRID} rect")
    # A 480 x 320 picture fills a square cell: its height fits, its sides are cut.
    cell, box = page.evaluate(
        """(selector) => ["", " [data-label=cat] rect"].map((of) => {
          const node = document.querySelector(selector + of);
          return node.getBoundingClientRect().toJSON();
        })""",
        GRID,
    )
    scale = cell["height"] / 320
    assert abs(box["width"] - 240 * scale) < 1
    assert abs(box["x"] + box["width"] / 2 - (cell["x"] + cell["width"] / 2)) < 1
    assert abs(box["y"] - (cell["y"] + 80 * scale)) < 1


def test_shapes_labels_and_the_filter_behind_them(half_done: Virtual, open_page: Open) -> None:
    annotate(half_done)
    page = open_page()
    wait_pictures(page)
    page.click(".rg-cell[data-index='0']")
    page.wait_for_selector(f"{LARGE} polygon")
    assert page.eval_on_selector_all(f"{LARGE} g > *", "all => all.map((n) => n.tagName)") == [
        *("polygon", "path", "rect"),
        *("image", "rect"),
    ]
    href = page.get_attribute(f"{LARGE} image", "href") or ""
    assert href.startswith("data:image/png")
    page.hover(".rg-label >> text=cat")
    page.wait_for_selector(f"{LARGE}.rg-lit g.rg-on[data-label=cat]")
    page.keyboard.press("l")
    page.wait_for_selector(f"{LARGE}.rg-off", state="attached")
    page.keyboard.press("l")
    page.click(".rg-label >> text=dog")
    page.wait_for_function(
        """() => document.querySelector("#rg-filter-text").value === 'label:"a \\\\"dog\\\\""'"""
    )
    page.wait_for_function("() => rayograph.grid.rows.total === 1")


def test_without_annotations_nothing_is_offered(half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    assert page.is_hidden("#rg-boxes")
    page.click(".rg-cell[data-index='0']")
    page.wait_for_selector("#rg-facts dt")
    assert page.query_selector(".rg-label") is None
