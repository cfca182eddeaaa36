"""One giant on the page: moving about in it while it is downloaded, tiled, and when it failed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from browsing import giant, view, wait_drawn, wait_pictures, wait_text, wait_viewer
from playwright.sync_api import Browser, Page
from served import Running
from virtual_engine import Virtual, VirtualEngine

from rayograph.errors import SourceForbidden

Open = Callable[..., Page]
SCALE = "#rg-viewer-scale"


@pytest.fixture
def nebula(engine: VirtualEngine) -> Virtual:
    return engine.put_giant("nebula", regions=60)


def colourful(page: Page, yes: bool) -> None:
    """Until the middle is painted in full colours; stand-ins are drawn pale."""
    page.wait_for_function(
        """(yes) => {
          const canvas = document.querySelector("#rg-viewer-canvas canvas");
          const at = [canvas.width / 2 + 9, canvas.height / 2 + 5];
          const [r, g, b, a] = canvas.getContext("2d").getImageData(...at, 1, 1).data;
          const spread = Math.max(r, g, b) - Math.min(r, g, b);
          return a === 255 && (spread > 70) === yes;
        }""",
        arg=yes,
    )


def near(page: Page, steps: int = 6) -> None:
    for _ in range(steps):
        page.keyboard.press("+")


def test_a_giant_is_zoomed_by_keys_wheel_and_buttons(nebula: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_viewer(page)
    wait_drawn(page)
    wait_text(page, "#rg-viewer-size", "20,000 × 12,000 px")
    assert page.is_hidden("#rg-viewer-work")
    assert page.is_hidden(".rg-zoom")
    deepest = max(z for z, *_ in giant(nebula).pyramid.asked)
    near(page)
    page.wait_for_function("location.hash.includes('@')")
    page.mouse.move(500, 400)
    for _ in range(6):
        page.mouse.wheel(0, -300)
    for _ in range(8):
        page.click("[data-viewer=in]")
    wait_text(page, SCALE, "400 %")
    wait_drawn(page)
    assert max(z for z, *_ in giant(nebula).pyramid.asked) == 15 > deepest
    page.click("[data-viewer=whole]")
    page.wait_for_function("!location.hash.includes('@')")


def test_dragging_moves_the_picture_and_the_map_follows(nebula: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_viewer(page)
    near(page)
    page.wait_for_function("location.hash.includes('@')")
    before = view(page)
    page.mouse.move(600, 500)
    page.mouse.down()
    page.mouse.move(400, 400, steps=6)
    page.mouse.up()
    page.wait_for_function(f"!location.hash.includes('@{before['x']},')")
    after = view(page)
    assert after["x"] > before["x"]
    assert after["y"] > before["y"]
    assert after["zoom"] == before["zoom"]
    assert page.is_visible("#rg-viewer-map .displayregion")


def test_downloading_then_tiling_then_ready(
    engine: VirtualEngine, nebula: Virtual, open_page: Open
) -> None:
    state = giant(nebula)
    state.pyramid.known, state.step = False, "downloading"
    state.bytes_done, state.bytes_total = 1_240_000_000, 4_100_000_000
    state.rate_bytes_s, state.eta_s = 12_400_000.0, 231.0
    nebula.listed = 0
    page = open_page()
    wait_text(page, "#rg-viewer-wait h1", "Downloading")
    wait_text(page, "#rg-viewer-wait", "1.2 GB of 4.1 GB · 12 MB/s · 3 min 51 s left")
    bar = page.locator("#rg-viewer-wait [role=progressbar]")
    assert bar.get_attribute("aria-valuenow") == "30"
    state.bytes_total = None
    page.wait_for_selector("#rg-viewer-wait .rg-endless")
    state.bytes_total = 4_100_000_000
    state.step, state.eta_s = "generating_tiles", 40.0
    state.pyramid.known, state.pyramid.state, state.pyramid.made = True, "tiling", 10
    engine.change(nebula, listed=61)
    wait_viewer(page)
    wait_drawn(page)
    wait_text(page, "#rg-viewer-work", "Tiling")
    wait_text(page, "#rg-viewer-work", "of 5,005 tiles · 40 s left")
    assert page.is_hidden("#rg-viewer-wait")
    state.step, state.pyramid.state, state.pyramid.made = None, "ready", None
    engine.change(nebula, ready=61)
    page.wait_for_selector("#rg-viewer-work", state="hidden")


def test_one_that_waits_for_its_turn_says_so(
    engine: VirtualEngine, nebula: Virtual, open_page: Open
) -> None:
    state = giant(nebula)
    state.pyramid.known, state.queued, nebula.listed = False, True, 0
    state.step, state.bytes_done = "downloading", 0
    page = open_page()
    wait_text(page, "#rg-viewer-wait h1", "Waiting for its turn")
    assert page.is_hidden("#rg-viewer-wait [role=progressbar]")
    engine.change(nebula, paused=True)
    wait_text(page, "#rg-viewer-wait h1", "Paused")


def test_stand_ins_give_way_to_the_tiles_themselves(nebula: Virtual, open_page: Open) -> None:
    state = giant(nebula)
    state.step, state.pyramid.state, state.pyramid.made = "generating_tiles", "tiling", 12
    page = open_page()
    wait_viewer(page)
    near(page, 7)
    colourful(page, False)
    state.pyramid.made = None
    colourful(page, True)


def test_tiles_that_could_not_be_had_are_asked_for_again(nebula: Virtual, open_page: Open) -> None:
    pyramid = giant(nebula).pyramid
    for z in range(16):
        columns, rows = pyramid.tiles_of(z)
        pyramid.missing |= {(z, x, y) for x in range(min(9, columns)) for y in range(min(9, rows))}
    giant(nebula).step, pyramid.state, pyramid.made = "generating_tiles", "tiling", 0
    page = open_page()
    wait_viewer(page)
    page.wait_for_function(
        "performance.getEntriesByType('resource').some((each) => each.name.includes('_files/'))"
    )
    pyramid.missing.clear()
    pyramid.made = None
    colourful(page, True)


def test_a_download_that_failed_says_why_and_is_tried_again(
    engine: VirtualEngine, nebula: Virtual, open_page: Open
) -> None:
    state = giant(nebula)
    state.pyramid.known = False
    engine.change(nebula, error="the server sent a web page in place of a picture", listed=0)
    page = open_page()
    wait_text(page, "#rg-viewer-wait h1", "This picture could not be opened")
    wait_text(page, "#rg-viewer-wait", "a web page in place of a picture")
    wait_text(page, "#rg-viewer-wait", "https://pictures.example/nebula.jpg")
    state.step = "downloading"
    page.click("#rg-viewer-wait >> text=Try again")
    wait_text(page, "#rg-viewer-wait h1", "Downloading")
    assert engine.commands == ["retry"]


def test_tiling_that_failed_leaves_what_there_is(
    engine: VirtualEngine, nebula: Virtual, open_page: Open
) -> None:
    state = giant(nebula)
    state.pyramid.state, state.pyramid.made = "failed", 13
    engine.change(nebula, error="the file ends in the middle")
    page = open_page()
    wait_viewer(page)
    wait_drawn(page)
    wait_text(page, "#rg-viewer-work", "Not all of it could be tiled")
    wait_text(page, "#rg-viewer-work", "the file ends in the middle")
    state.step, state.pyramid.state = "generating_tiles", "tiling"
    page.click("#rg-viewer-work >> text=Try again")
    page.wait_for_function("!document.querySelector('#rg-viewer-work.rg-failed')")


def test_a_link_leads_to_the_same_view(
    nebula: Virtual, open_page: Open, running: Running, chromium: Browser
) -> None:
    page = open_page()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    wait_viewer(page)
    near(page)
    page.keyboard.press("ArrowRight")
    page.wait_for_function("location.hash.includes('@')")
    page.keyboard.press("c")
    wait_text(page, "#rg-viewer-said", "Link copied")
    link = str(page.evaluate("navigator.clipboard.readText()"))
    assert link == page.url
    wanted = view(page)
    other = open_page(path=link.removeprefix(running.url))
    wait_viewer(other)
    wait_drawn(other)
    assert view(other) == wanted
    assert other.inner_text(SCALE) == page.inner_text(SCALE)
    # The same page, told to go elsewhere.
    name = link.partition("#")[2].partition("@")[0]
    other.evaluate(f"location.hash = '{name}@3000,3000,0.5'")
    wait_text(other, SCALE, "50 %")


def test_an_odd_link_is_no_harm(nebula: Virtual, open_page: Open) -> None:
    for odd in ("@", "@x,y,z", "@1,2,0", "@1e9,5,3", "@-99999999,5,0.0001"):
        page = open_page(path=f"/#{nebula.id}{odd}")
        wait_viewer(page)
        colourful(page, True)


def test_nothing_is_fetched_from_elsewhere(
    running: Running, nebula: Virtual, chromium: Browser
) -> None:
    context = chromium.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(running.url)
    wait_viewer(page)
    wait_drawn(page)
    context.close()
    assert any("openseadragon" in url for url in asked)
    assert [url for url in asked if not url.startswith((running.url, "data:", "blob:"))] == []


def test_the_library_is_loaded_for_giants_alone(half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    assert page.evaluate("typeof OpenSeadragon") == "undefined"
    assert page.is_hidden("#rg-viewer")


def test_from_a_giant_to_a_folder_and_back(
    engine: VirtualEngine, nebula: Virtual, open_page: Open
) -> None:
    engine.put("holidays", 500, listed=500, indexed=500, ready=500)
    page = open_page()
    wait_pictures(page)
    page.click("#rg-switch")
    page.click(".rg-source >> text=nebula")
    wait_viewer(page)
    wait_drawn(page)
    page.click("#rg-switch")
    page.click(".rg-source >> text=holidays")
    wait_pictures(page)
    assert page.is_hidden("#rg-viewer")
    assert page.is_visible(".rg-zoom")


def test_less_motion_is_none(nebula: Virtual, open_page: Open) -> None:
    page = open_page(reduced_motion="reduce")
    wait_viewer(page)
    wait_drawn(page)
    page.keyboard.press("+")
    moving = """() => {
      const { viewport } = OpenSeadragon.getViewer("rg-viewer-canvas");
      return viewport.getZoom(true) !== viewport.getZoom(false);
    }"""
    assert page.evaluate(moving) is False


def test_a_finger_moves_it_on_a_narrow_screen(nebula: Virtual, open_page: Open) -> None:
    page = open_page(width=390, height=844, has_touch=True, is_mobile=True)
    wait_viewer(page)
    wait_drawn(page)
    page.tap("[data-viewer=in]")
    page.tap("[data-viewer=in]")
    page.wait_for_function("location.hash.includes('@')")
    sizes = page.evaluate(
        """[...document.querySelectorAll("#rg-viewer-tools button")]
          .map((each) => [each.offsetWidth, each.offsetHeight])"""
    )
    assert all(width >= 44 and height >= 44 for width, height in sizes)
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_web_address_is_opened_and_a_refusal_stands_in_the_form(
    engine: VirtualEngine, open_page: Open
) -> None:
    page = open_page()
    wait_text(page, "#rg-state h1", "Open some pictures")
    page.click("#rg-switch")
    page.fill("#rg-add-source", "http://127.0.0.1/secret.jpg")
    page.fill("#rg-add-name", "moon")
    page.fill("#rg-add [name=description]", "as seen from here")
    engine.refuse = SourceForbidden("127.0.0.1 is a private address", hint="allow it by name")
    page.click("#rg-add button[type=submit]")
    wait_text(page, "#rg-add .rg-error", "127.0.0.1 is a private address")
    wait_text(page, "#rg-add .rg-error", "allow it by name")
    assert page.evaluate("document.activeElement.id") == "rg-add-source"
    assert page.input_value("#rg-add-name") == "moon"
    page.fill("#rg-add-source", "https://pictures.example/moon.jpg")
    with page.expect_request("**/api/datasets") as asked:
        page.click("#rg-add button[type=submit]")
    assert asked.value.post_data_json == {
        "url": "https://pictures.example/moon.jpg",
        "name": "moon",
        "description": "as seen from here",
    }
    wait_text(page, "#rg-switch-name", "moon")


@pytest.mark.parametrize("address", ["tiles/{}.dzi", "iiif/{}/info.json"])
def test_any_viewer_can_be_pointed_at_it(nebula: Virtual, open_page: Open, address: str) -> None:
    """OpenSeadragon as others set it up, which reads the description and asks for what is in it."""
    page = open_page()
    wait_viewer(page)
    outcome = page.evaluate(
        """async (address) => {
          const element = document.createElement("div");
          element.style.cssText = "position: fixed; inset: 0; z-index: 99";
          document.body.append(element);
          const viewer = OpenSeadragon({ element, drawer: "canvas", tileSources: address });
          const seen = { failed: [], loaded: 0 };
          viewer.addHandler("tile-load-failed", ({ tile }) => seen.failed.push(tile.getUrl()));
          viewer.addHandler("tile-loaded", () => (seen.loaded += 1));
          await new Promise((resolve) => viewer.addOnceHandler("open", resolve));
          const image = viewer.world.getItemAt(0);
          for (const zoom of [1, 4, 15]) {
            viewer.viewport.zoomTo(zoom, new OpenSeadragon.Point(0.98, 0.58), true);
            image.update(true);
            await new Promise((resolve) => image.whenFullyLoaded(resolve));
          }
          return { ...seen, size: image.getContentSize().x };
        }""",
        f"/api/{address.format(giant(nebula).tile_id)}",
    )
    assert outcome["failed"] == []
    assert outcome["loaded"] > 15
    assert outcome["size"] == 20_000
