"""One picture: large, with everything known about it and what looks like it."""

from __future__ import annotations

from rayograph_ui.panels.icons import icon


def detail() -> str:
    return f"""
<dialog id="rg-detail" class="rg-detail" aria-labelledby="rg-detail-name">
  <div class="rg-detail-stage">
    <img class="rg-detail-thumb" alt=""><img class="rg-detail-full" alt="">
    <div id="rg-box-veil" class="rg-box-veil" tabindex="-1" role="application"
      aria-label="Draw a box" hidden><i hidden></i><p></p></div>
    <div class="rg-detail-fault" hidden>{icon("aperture")}<p></p></div>
    <button class="rg-detail-step rg-prev" title="Previous (←)">{icon("left")}
      <span class="rg-sr">Previous picture</span></button>
    <button class="rg-detail-step rg-next" title="Next (→)">{icon("right")}
      <span class="rg-sr">Next picture</span></button>
  </div>
  <div class="rg-detail-side" tabindex="-1" autofocus>
    <div class="rg-detail-head">
      <div><p class="rg-dim" id="rg-detail-place"></p><h2 id="rg-detail-name"></h2></div>
      <button class="rg-tool rg-detail-close" title="Close (Esc)">{icon("close")}
        <span class="rg-sr">Close</span></button>
    </div>
    <p class="rg-detail-caption" hidden></p>
    <ul class="rg-labels" id="rg-labels" aria-label="Annotated"></ul>
    <div class="rg-detail-actions">
      <button class="rg-button rg-primary" id="rg-detail-alike"
        >{icon("alike")}More like this</button>
      <button class="rg-button" id="rg-detail-box" aria-pressed="false"
        title="Search for a part of it (b)">{icon("box")}Part</button>
      <button class="rg-button" id="rg-detail-more" title="Steer the search towards it (M)"
        >{icon("plus")}<span class="rg-sr">Steer towards it</span></button>
      <button class="rg-button" id="rg-detail-less" title="Steer the search away from it (x)"
        >{icon("minus")}<span class="rg-sr">Steer away from it</span></button>
      <a class="rg-button" id="rg-detail-file" target="_blank" rel="noopener">Original</a>
    </div>
    <div class="rg-stars" id="rg-stars" role="group" aria-label="Rating and favorite"></div>
    <ul class="rg-tags" id="rg-tags" aria-label="Tags"></ul>
    <form class="rg-tag-form" id="rg-tag-form" autocomplete="off"><input name="tag" maxlength="100"
      enterkeyhint="done" aria-label="Add a tag" placeholder="Add a tag"></form>
    <h3 class="rg-h">Looks alike</h3>
    <div class="rg-alike" id="rg-alike"></div>
    <div class="rg-described" id="rg-described"></div>
    <h3 class="rg-h">About</h3>
    <dl class="rg-facts" id="rg-facts"></dl>
  </div>
</dialog>
"""
