"""The map beside the grid: every picture a point, near to those that are alike."""

from __future__ import annotations

from rayograph_ui.panels.icons import icon

_MODES = (
    ("pan", "hand", "Move the map"),
    ("box", "box", "Select by a box"),
    ("lasso", "lasso", "Select by a lasso (Shift and drag)"),
)


def map_() -> str:
    modes = "".join(
        f'<button class="rg-tool" data-mode="{mode}" title="{title}" '
        f'aria-pressed="{str(mode == "pan").lower()}">{icon(name)}'
        f'<span class="rg-sr">{title}</span></button>'
        for mode, name, title in _MODES
    )
    return f"""
<section id="rg-map" class="rg-map" aria-label="Map" hidden>
  <div id="rg-map-pad" class="rg-map-pad" tabindex="0" role="application"
    aria-label="Map of the pictures: arrows move, plus and minus zoom, 0 shows all of it">
    <canvas id="rg-map-canvas"></canvas>
    <svg id="rg-map-shape" class="rg-map-shape" aria-hidden="true"><polygon points="" /></svg>
    <div id="rg-map-labels" class="rg-map-labels" aria-hidden="true"></div>
    <div id="rg-map-dot" class="rg-map-dot" hidden></div>
    <figure id="rg-map-hover" class="rg-map-hover" hidden><img alt=""><figcaption></figcaption>
    </figure>
  </div>
  <div class="rg-map-bar">
    <div id="rg-map-modes" class="rg-map-modes" role="group" aria-label="What a drag does">
      {modes}</div>
    <label class="rg-map-by"><span>Colour</span>
      <select id="rg-map-colour" aria-label="Colour by"></select></label>
    <button id="rg-map-whole" class="rg-tool" title="All of it (0)">{icon("whole")}
      <span class="rg-sr">Show all of the map</span></button>
    <button id="rg-map-close" class="rg-tool" title="Close the map (g)">{icon("close")}
      <span class="rg-sr">Close the map</span></button>
  </div>
  <div id="rg-map-legend" class="rg-map-legend" hidden></div>
  <div class="rg-map-foot">
    <p id="rg-map-note" role="status"></p>
    <button id="rg-map-clear" class="rg-link" hidden>Clear the selection</button>
    <button id="rg-map-refresh" class="rg-link" hidden>Work it out anew</button>
  </div>
  <div id="rg-map-state" class="rg-map-state" hidden>
    <h2></h2><p></p><progress max="1"></progress><div class="rg-map-acts"></div>
  </div>
</section>
"""
