"""The middle: the legend of counts, the grid, and what is shown when there is no grid."""

from __future__ import annotations

from rayograph_ui.panels.icons import icon
from rayograph_ui.panels.listing import listing
from rayograph_ui.panels.map import map_
from rayograph_ui.panels.viewer import viewer

_STATUSES = ("ready", "embedding", "indexed", "pending", "failed")


def browse() -> str:
    segments = "".join(f'<i data-status="{s}"></i>' for s in _STATUSES)
    legend = "".join(
        f'<li data-status="{s}" title="{_MEANING[s]}"><b>–</b> {s}</li>' for s in _STATUSES
    )
    return f"""
<div class="rg-strip" id="rg-strip" hidden>
  <div class="rg-meter" aria-hidden="true">{segments}</div>
  <div class="rg-strip-row">
    <p id="rg-summary" class="rg-summary" role="status"></p>
    <p id="rg-reason" class="rg-reason" hidden></p>
    <select id="rg-by" class="rg-by" aria-label="What the words are compared with" hidden>
      <option value="both">by what they show and their words</option>
      <option value="meaning">by what they show</option>
      <option value="words">by their words</option></select>
    <div id="rg-strip-actions" class="rg-strip-actions"></div>
    {listing()}
    <ul class="rg-legend" aria-label="Pictures by status">{legend}</ul>
  </div>
  <ul id="rg-examples" class="rg-examples" aria-label="More and less like these" hidden></ul>
</div>
<main class="rg-main">
  <div id="rg-grid" class="rg-grid" role="listbox" aria-label="Pictures" tabindex="0"
    aria-multiselectable="true">
    <div class="rg-space"><div class="rg-layer"></div></div>
  </div>
  <div id="rg-place" class="rg-place" aria-hidden="true"></div>
  <div id="rg-selection" class="rg-selection" role="toolbar" aria-label="Chosen pictures" hidden>
    <b id="rg-selection-count" role="status"></b>
    <form id="rg-selection-tag" autocomplete="off"><input name="tag" maxlength="100"
      placeholder="Add a tag" aria-label="Tag them (t)"></form>
    <span id="rg-selection-stars" class="rg-stars"></span>
    <button class="rg-button" data-select="all" title="All that is shown (Ctrl A)">All</button>
    <button class="rg-button" data-select="export">Export</button>
    <button class="rg-button" data-select="hide" title="Out of sight, with copies (h)"
      >Hide</button>
    <button class="rg-tool" data-select="none" title="Choose none (Esc)">{icon("close")}
      <span class="rg-sr">Choose none</span></button>
  </div>
  <section id="rg-state" class="rg-state" hidden>
    <div class="rg-state-mark">{icon("aperture")}</div>
    <h1></h1><p></p>
    <form id="rg-welcome" class="rg-welcome" autocomplete="off" hidden>
      <input name="source" required maxlength="4096" spellcheck="false" aria-label="Source"
        placeholder="A folder, a file, a pattern or an address">
      <button class="rg-button rg-primary" type="submit">Open</button>
    </form>
    <p class="rg-error" role="alert" hidden></p>
    <div class="rg-state-actions"></div>
  </section>
  {map_()}
  {viewer()}
</main>
"""


_MEANING = {
    "ready": "can be searched",
    "embedding": "in the model now",
    "indexed": "size and format are known",
    "pending": "only the file name is known",
    "failed": "could not be read",
}
