"""How the listing is shown: its order, and the views that were saved of it."""

from __future__ import annotations

from rayograph_ui.panels.icons import icon


def listing() -> str:
    return f"""
<div id="rg-listing" class="rg-listing" hidden>
  <label class="rg-sort"><span class="rg-sr">Sort by</span><select id="rg-sort"></select></label>
  <button id="rg-sort-turn" class="rg-link" aria-pressed="false" title="Turn the order round"
    hidden>↑<span class="rg-sr">Descending</span></button>
  <div class="rg-views">
    <button id="rg-views-open" class="rg-views-button" aria-haspopup="true" aria-expanded="false"
      aria-controls="rg-views"><span>Views</span>{icon("down")}</button>
    <div id="rg-views" class="rg-pop" role="region" aria-label="Saved views" hidden>
      <ul id="rg-views-list"></ul>
      <p id="rg-views-none" class="rg-dim">Save a filter and an order here to come back to them.</p>
      <form id="rg-views-form" autocomplete="off"><input name="name" required maxlength="100"
        aria-label="Name" placeholder="Name what you see"><button class="rg-button">Save</button>
      </form>
      <p class="rg-error" role="alert" hidden></p>
    </div>
  </div>
</div>
"""
