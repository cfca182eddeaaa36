"""The side panel: folders and what else the pictures have, each with its count, to choose from."""

from __future__ import annotations

from rayograph_ui.panels.icons import icon

_GHOSTS = (5, 3, 4)


def facets() -> str:
    ghosts = "".join(
        '<div class="rg-ghost"><i></i>' + "<b></b>" * lines + "</div>" for lines in _GHOSTS
    )
    return f"""
<div id="rg-facets-veil" class="rg-facets-veil" hidden></div>
<aside id="rg-facets" class="rg-facets" aria-label="Folders and facets" aria-busy="false" hidden>
  <div class="rg-facets-head">
    <p id="rg-facets-total" role="status"></p>
    <button id="rg-facets-clear" class="rg-link" hidden>Clear all</button>
    <button id="rg-facets-close" class="rg-tool" title="Close">{icon("close")}
      <span class="rg-sr">Close</span></button>
  </div>
  <p id="rg-facets-note" class="rg-facets-note" hidden></p>
  <div id="rg-facets-error" hidden><p class="rg-error" role="alert"></p>
    <button class="rg-button">Try again</button></div>
  <div class="rg-facets-ghosts" id="rg-facets-ghosts" aria-hidden="true" hidden>{ghosts}</div>
  <section id="rg-folders-box" class="rg-facet" hidden>
    <h3 class="rg-facet-head"><span>Folders</span></h3>
    <ul id="rg-folders" class="rg-folders" role="tree" aria-label="Folders"></ul>
    <p id="rg-folders-more" class="rg-facet-more" hidden></p>
  </section>
  <div id="rg-facets-list"></div>
  <p id="rg-facets-empty" class="rg-facets-note" hidden>Nothing is known of these pictures yet.</p>
</aside>
"""
