"""Progress, detail, failures, sources: what they show, and that a refusal is rolled back."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from browsing import wait_cell, wait_pictures, wait_text
from playwright.sync_api import Page
from virtual_engine import Virtual, VirtualEngine

from rayograph.errors import Conflict, ModelUnavailable, SourceNotFound

Open = Callable[..., Page]


def _dock(page: Page) -> None:
    wait_pictures(page)
    if page.locator("#rg-work").is_hidden():
        page.click("#rg-work-open")


def test_stages_show_counts_rate_and_time_left(half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    _dock(page)
    wait_text(page, "[data-stage=embedding] .rg-num", "3,031 of 10,000")
    wait_text(page, "[data-stage=embedding] .rg-rate", "41/s")
    wait_text(page, "[data-stage=embedding] .rg-rate", "left")
    wait_text(page, "[data-stage=metadata] .rg-stage-note", "337 failed")
    wait_text(page, "#rg-work-lead", "The slowest part is embedding")
    bar = page.locator("[data-stage=embedding] [role=progressbar]")
    assert bar.get_attribute("aria-valuenow") == "30"


def test_the_legend_adds_up_and_follows(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    wait_pictures(page)

    def numbers() -> list[int]:
        texts = page.locator(".rg-legend b").all_inner_texts()
        return [int(text.replace(",", "")) for text in texts]

    wait_text(page, ".rg-legend", "61 embedding")
    assert sum(numbers()) == 10_000
    engine.change(half_done, indexed=9000, ready=5000)
    done = 9000 - half_done.failures(9000)
    wait_text(page, "[data-stage=metadata] .rg-num", f"{done:,} of")
    assert sum(numbers()) == 10_000


def test_the_legend_stays_beside_an_open_panel(half_done: Virtual, open_page: Open) -> None:
    page = open_page(width=1280)
    _dock(page)
    wait_text(page, ".rg-legend", "61 embedding")
    page.fill("#rg-search-text", "a sunset over the quiet sea")
    page.keyboard.press("Enter")
    wait_text(page, "#rg-summary", "searched")
    end = "(selector) => document.querySelector(selector).getBoundingClientRect().right"
    assert page.evaluate(end, ".rg-legend") <= page.evaluate(end, "#rg-strip")


@pytest.mark.parametrize("width", [990, 1280])
def test_the_datasets_name_stays_beside_the_search(
    half_done: Virtual, open_page: Open, width: int
) -> None:
    page = open_page(width=width)
    wait_pictures(page)
    arrow = page.locator("#rg-switch .rg-icon").bounding_box()
    search = page.locator("#rg-search").bounding_box()
    assert arrow and search
    assert arrow["x"] + arrow["width"] <= search["x"]


def test_pause_acts_at_once_and_stays(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    _dock(page)
    engine.hold = threading.Event()
    with page.expect_response("**/pause"):
        page.click("[data-command=pause]")
        wait_text(page, "#rg-work-lead", "Paused")
        engine.hold.set()
    assert engine.commands == ["pause"]
    assert page.locator("[data-command=resume]").is_visible()


def test_one_stage_pauses_at_once_and_goes_on(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    _dock(page)
    engine.hold = threading.Event()
    page.click("[data-stage=embedding] .rg-stage-pause")
    wait_text(page, "[data-stage=embedding] .rg-stage-state", "paused")
    engine.hold.set()
    page.wait_for_selector("[data-stage=embedding] .rg-stage-pause[aria-pressed=true]")
    assert page.locator("[data-stage=embedding] .rg-rate").inner_text() == ""
    # Of what is done there is nothing to pause.
    assert page.locator("[data-stage=listing] .rg-stage-pause").is_hidden()
    page.click("[data-stage=embedding] .rg-stage-pause")
    wait_text(page, "[data-stage=embedding] .rg-rate", "41/s")
    assert engine.commands == ["pause embedding", "resume embedding"]


def test_a_refused_command_is_rolled_back(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    _dock(page)
    engine.hold = threading.Event()
    engine.refuse = Conflict("the pipeline is just ending", hint="try again in a second")
    page.click("[data-command=pause]")
    wait_text(page, "#rg-work-lead", "Paused")
    engine.hold.set()
    wait_text(page, "#rg-work-error", "the pipeline is just ending")
    wait_text(page, "#rg-work-error", "try again in a second")
    wait_text(page, "#rg-work-lead", "The slowest part is embedding")
    assert page.locator("[data-command=pause]").is_visible()


def test_the_model_changes_at_once_and_the_old_one_serves(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    _dock(page)
    wait_text(page, "#rg-model", "ViT-B-32/test")
    choice = page.locator("#rg-model-change")
    assert choice.locator("option").all_inner_texts() == ["ViT-B-32/test", "other/model"]
    assert choice.locator("button").is_disabled()
    assert page.locator("[data-stage=reembedding]").is_hidden()
    engine.hold = threading.Event()
    choice.locator("select").select_option("other/model")
    choice.locator("button").click()
    wait_text(page, "#rg-model", "Next")
    assert half_done.next_model is None
    engine.hold.set()
    page.wait_for_selector("[data-stage=reembedding]", state="visible")
    wait_text(page, "[data-stage=reembedding] .rg-rate", "13/s")
    engine.change(half_done, model="other/model", next_model=None)
    page.wait_for_selector("[data-stage=reembedding]", state="hidden")
    page.wait_for_function(
        "() => !document.querySelector('#rg-model').textContent.includes('Next')"
    )
    wait_text(page, "#rg-model", "other/model")


def test_a_model_that_is_refused_is_rolled_back(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    _dock(page)
    wait_text(page, "#rg-model", "ViT-B-32/test")
    engine.refuse = ModelUnavailable("its file is gone", hint="name another")
    page.locator("#rg-model-change select").select_option("other/model")
    page.locator("#rg-model-change button").click()
    wait_text(page, "#rg-model-change .rg-error", "its file is gone")
    wait_text(page, "#rg-model-change .rg-error", "name another")
    assert "Next" not in page.locator("#rg-model").inner_text()
    assert page.locator("#rg-model-change select").input_value() == "ViT-B-32/test"


def test_detail_shows_record_and_likes(half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_cell(page, 3)
    page.click(".rg-cell[data-index='3']")
    page.wait_for_selector(".rg-detail-full.rg-shown")
    wait_text(page, "#rg-detail-place", "4 of 10,000")
    wait_text(page, "#rg-facts", "480 × 320 px")
    wait_text(page, "#rg-facts", f"{half_done.id}-{3:020x}")
    page.wait_for_function("() => document.querySelectorAll('#rg-alike button').length === 12")
    page.click("#rg-alike button >> nth=2")
    wait_text(page, "#rg-detail-place", "like IMG_0000003.jpg")
    page.click("#rg-detail-alike")
    page.wait_for_selector(".rg-cell-score:not(:empty)")
    assert page.locator("#rg-detail").is_hidden()


def test_detail_of_a_failed_picture_gives_the_reason(half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    page.click(".rg-cell[data-index='7']")
    wait_text(page, ".rg-detail-fault", "the file ends in the middle of the picture")
    assert page.locator("#rg-detail-alike").is_disabled()


def test_failures_by_reason(engine: VirtualEngine, half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    page.click("#rg-failures-open")
    page.wait_for_function("() => document.querySelectorAll('.rg-failure').length === 60")
    page.evaluate("document.querySelector('#rg-failure-list').scrollTop = 1e6")
    page.wait_for_function("() => document.querySelectorAll('.rg-failure').length === 120")
    page.click(".rg-reason-chip:has-text('Too large')")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.rg-failure em')]"
        ".every((reason) => reason.textContent === 'Too large')"
    )
    page.click(".rg-reason-chip:has-text('All')")
    wait_text(page, "#rg-failures-retry", "Try them again")
    page.click("#rg-failures-retry")
    page.wait_for_selector("#rg-failures-open", state="hidden")
    assert engine.commands == ["retry"]


def test_adding_shows_at_once_and_opens(engine: VirtualEngine, open_page: Open) -> None:
    page = open_page()
    engine.hold = threading.Event()
    page.fill("#rg-welcome input", "/photos/summer")
    page.click("#rg-welcome button")
    wait_text(page, "#rg-switch-name", "summer")
    wait_text(page, "#rg-state h1", "Opening summer")
    engine.hold.set()
    wait_pictures(page)
    wait_text(page, "#rg-summary", "120 pictures")
    assert page.url.endswith(f"#{next(iter(engine.sets))}")


def test_a_refused_source_is_rolled_back_with_its_message(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    wait_pictures(page)
    engine.refuse = SourceNotFound("no file or folder /nowhere", hint="the nearest is /")
    page.click("#rg-switch")
    page.fill("#rg-add-source", "/nowhere")
    page.press("#rg-add-source", "Enter")
    wait_text(page, "#rg-add .rg-error", "no file or folder /nowhere")
    wait_text(page, "#rg-add .rg-error", "the nearest is /")
    assert page.input_value("#rg-add-source") == "/nowhere"
    wait_text(page, "#rg-switch-name", "holidays")
    assert page.locator(".rg-source").count() == 1
    wait_pictures(page)


def test_a_refused_first_source_keeps_the_welcome(engine: VirtualEngine, open_page: Open) -> None:
    page = open_page()
    engine.refuse = SourceNotFound("no file or folder /nowhere")
    page.fill("#rg-welcome input", "/nowhere")
    page.click("#rg-welcome button")
    wait_text(page, "#rg-state .rg-error", "no file or folder /nowhere")
    assert page.locator("#rg-welcome").is_visible()
    assert page.input_value("#rg-welcome input") == "/nowhere"


def test_removing_asks_once_more(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    engine.put("other", 50, listed=50, indexed=50, ready=50)
    page = open_page(path=f"/#{half_done.id}")
    wait_text(page, "#rg-switch-name", "holidays")
    page.click("#rg-switch")
    page.click("[aria-label='Remove holidays']")
    assert half_done.id in engine.sets
    page.click("text=Remove?")
    wait_text(page, "#rg-switch-name", "other")
    wait_text(page, "#rg-toasts", "holidays was removed")
    assert half_done.id not in engine.sets


def test_switching_datasets(engine: VirtualEngine, half_done: Virtual, open_page: Open) -> None:
    engine.put("other", 50, listed=50, indexed=50, ready=50)
    page = open_page()
    wait_text(page, "#rg-switch-name", "other")
    page.click("#rg-switch")
    page.click(".rg-source:has-text('holidays')")
    wait_text(page, "#rg-summary", "10,000 pictures")
    page.reload()
    wait_text(page, "#rg-switch-name", "holidays")
