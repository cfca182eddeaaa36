"""The arithmetic of the stretched scroll bar, where it runs: in the browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page
from virtual_engine import VirtualEngine

Open = Callable[..., Page]

_MEASURE = """async ([full, view]) => {
  const {ScrollMap, MAX_HEIGHT} = await import("/static/scroll.js");
  const map = new ScrollMap(full, view);
  const offsets = Array.from({length: 1001}, (_, n) => (map.end * n) / 1000);
  const there = offsets.map((offset) => map.toScroll(offset));
  return {
    height: map.height,
    most: MAX_HEIGHT,
    ends: [map.toContent(0), map.toContent(map.top) - map.end],
    rises: there.every((scroll, n) => !n || scroll > there[n - 1]),
    off: Math.max(...offsets.map((offset, n) => Math.abs(map.toContent(there[n]) - offset))),
    edge: [map.toContent(1500) - map.toContent(1400), map.toContent(map.top) -
      map.toContent(map.top - 100)],
  };
}"""


@pytest.mark.parametrize("full", [20_000, 8_000_000, 9_000_000, 23_000_000, 900_000_000])
def test_scroll_map(engine: VirtualEngine, open_page: Open, full: int) -> None:
    page = open_page()
    found = page.evaluate(_MEASURE, [full, 800])
    assert found["height"] == min(full, found["most"])
    assert found["ends"] == pytest.approx([0, 0], abs=1e-3)
    assert found["rises"]
    assert found["off"] < 1e-3
    assert found["edge"] == pytest.approx([100, 100])


def test_a_short_list_does_not_scroll(engine: VirtualEngine, open_page: Open) -> None:
    page = open_page()
    ends = page.evaluate(
        """async () => {
          const {ScrollMap} = await import("/static/scroll.js");
          const map = new ScrollMap(300, 800);
          return [map.end, map.top, map.clamp(50), map.toScroll(0)];
        }"""
    )
    assert ends == [0, 0, 0, 0]
