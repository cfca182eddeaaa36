"""Labels by words: named, waited for, looked at, moved, corrected by key, refined, removed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from browsing import wait_pictures, wait_text
from playwright.sync_api import Page, expect
from virtual_engine import Virtual, VirtualEngine

from rayograph.errors import NotReady

Open = Callable[..., Page]


@pytest.fixture
def page(half_done: Virtual, open_page: Open) -> Page:
    opened = open_page()
    wait_pictures(opened)
    return opened


def make(page: Page, classes: str = "cat\nred car: a red car, a fast car") -> None:
    page.keyboard.press("L")
    page.fill("#rg-lab-form [name=name]", "My things")
    page.fill("#rg-lab-form [name=classes]", classes)
    page.click("#rg-lab-form [type=submit]")
    page.wait_for_selector(".rg-class")


def test_classes_are_named_and_scores_waited_for(engine: VirtualEngine, page: Page) -> None:
    engine.labels.looks = 2
    make(page)
    wait_text(page, "#rg-lab-note", "Scoring, 25 %")
    wait_text(page, "#rg-lab-note", "7 have no class.")
    made = engine.labels.made["my_things"]
    assert [each.prompts for each in made.classes] == [["cat"], ["a red car", "a fast car"]]
    assert page.locator(".rg-class-head b").all_inner_texts() == ["30", "31"]
    page.keyboard.press("L")
    expect(page.locator("#rg-lab")).to_be_hidden()
    page.click("#rg-lab-open")
    wait_text(page, "#rg-lab-list", "red car")


def test_a_name_that_is_taken_is_said(page: Page) -> None:
    make(page)
    page.click("#rg-lab-new")
    page.fill("#rg-lab-form [name=name]", "my things")
    page.fill("#rg-lab-form [name=classes]", "dog")
    page.click("#rg-lab-form [type=submit]")
    wait_text(page, "#rg-lab-error", "there are labels 'my_things' already")
    page.click("#rg-lab-back")
    wait_text(page, "#rg-lab-list", "red car")


def test_a_threshold_counts_while_it_moves_and_is_kept(engine: VirtualEngine, page: Page) -> None:
    make(page)
    page.click("[data-class=cat] .rg-class-head")
    page.wait_for_function("rayograph.where === 'width>0'")
    slider = page.locator("[data-class=cat] input")
    slider.focus()
    counted = page.locator("[data-class=cat] .rg-class-head b")
    page.keyboard.press("End")
    expect(counted).to_have_text("0")
    with page.expect_response(lambda answer: answer.request.method == "PATCH" and answer.ok):
        for _ in range(10):
            page.keyboard.press("ArrowLeft")
        expect(counted).to_have_text("20")
        wait_text(page, "[data-class=cat] .rg-class-foot", "from 0.90")
    wait_text(page, "[data-class=cat] .rg-class-foot", "from 0.90")
    assert engine.labels.made["my_things"].classes[0].threshold == 0.9


def test_pictures_are_judged_by_keys_and_undone(engine: VirtualEngine, page: Page) -> None:
    make(page)
    page.click("[data-class=cat] .rg-class-head")
    page.wait_for_function("rayograph.where === 'width>0'")
    page.wait_for_function("document.activeElement.id === 'rg-grid'")
    for key in ("Home", "y", "n"):
        page.keyboard.press(key)
    page.wait_for_selector(".rg-cell[data-index='0'].rg-right")
    page.wait_for_selector(".rg-cell[data-index='1'].rg-wrong")
    assert page.evaluate("rayograph.grid.active") == 2
    page.keyboard.press("z")
    page.wait_for_selector(".rg-cell[data-index='1']:not(.rg-wrong)")
    wait_text(page, "#rg-lab-said", "1 picture corrected")
    assert [(of, is_) for of, _, is_ in engine.labels.said] == [
        ("cat", True),
        ("cat", False),
        ("cat", None),
    ]


def test_what_is_refused_is_taken_back(engine: VirtualEngine, page: Page) -> None:
    make(page)
    engine.labels.refuse = NotReady("the correction could not be noted")
    page.click("[data-class=cat] .rg-class-head")
    page.wait_for_function("document.activeElement.id === 'rg-grid'")
    page.keyboard.press("Home")
    page.keyboard.press("y")
    wait_text(page, "#rg-toasts", "the correction could not be noted")
    page.wait_for_selector(".rg-cell[data-index='0']:not(.rg-right)")


def test_refining_shows_before_and_after(engine: VirtualEngine, page: Page) -> None:
    make(page)
    expect(page.locator("#rg-lab-refine")).to_be_disabled()
    page.click("[data-class=cat] .rg-class-head")
    page.wait_for_function("document.activeElement.id === 'rg-grid'")
    page.keyboard.press("Home")
    page.keyboard.press("y")
    page.click("#rg-lab-refine:not([disabled])")
    wait_text(page, "#rg-lab-quality", "words 50 %, refined 100 %")
    page.click("#rg-lab-words")
    expect(page.locator("#rg-lab-quality")).to_be_hidden()
    page.click("#rg-lab-tag")
    wait_text(page, "#rg-toasts", "30 pictures tagged")
    page.locator("#rg-grid").focus()
    page.keyboard.press("z")
    wait_text(page, "#rg-toasts", "The tags are off again.")
    assert engine.labels.done == ["refine", "tag", "untag"]


def test_stale_stopped_and_removed(engine: VirtualEngine, page: Page) -> None:
    make(page)
    engine.labels.made["my_things"].stale = True
    page.keyboard.press("L")
    page.keyboard.press("L")
    wait_text(page, "#rg-lab-note", "The pictures have changed since.")
    page.click("#rg-lab-act")
    wait_text(page, "#rg-lab-note", "7 have no class.")
    engine.labels.looks = 1000
    page.keyboard.press("L")
    page.keyboard.press("L")
    wait_text(page, "#rg-lab-act", "Cancel")
    page.click("#rg-lab-act")
    wait_text(page, "#rg-lab-note", "Stopped.")
    page.click("#rg-lab-export")
    wait_text(page, "#rg-export-labels", "With the labels my_things")
    page.keyboard.press("Escape")
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("#rg-lab-delete")
    page.wait_for_selector("#rg-lab-form [name=classes]")
    assert engine.labels.made == {}


def test_on_a_narrow_page_it_lies_over_the_pictures(half_done: Virtual, open_page: Open) -> None:
    page = open_page(width=400)
    wait_pictures(page)
    make(page)
    page.click("[data-class=cat] .rg-class-head")
    expect(page.locator("#rg-lab")).to_be_hidden()
    page.wait_for_function("rayograph.where === 'width>0'")
