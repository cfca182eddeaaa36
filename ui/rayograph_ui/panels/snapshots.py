"""Snapshots: naming the dataset as it is, comparing, going back."""

from __future__ import annotations

from rayograph_ui.panels.icons import icon


def snapshots() -> str:
    return f"""
<dialog id="rg-snapshots" class="rg-card rg-export" aria-labelledby="rg-snapshots-title">
  <div class="rg-export-head"><h2 id="rg-snapshots-title">Snapshots</h2>
    <button type="button" class="rg-tool rg-snapshots-close" title="Close (Esc)">{icon("close")}
      <span class="rg-sr">Close</span></button></div>
  <p class="rg-export-what">The dataset as it is now, under a name: tags, ratings, metadata and
    vectors. Nothing is copied.</p>
  <form id="rg-snapshots-form" class="rg-snapshots-form" autocomplete="off">
    <label class="rg-field"><span>Name <em>(optional)</em></span><input name="name" maxlength="80"
      spellcheck="false" pattern="[A-Za-z0-9][A-Za-z0-9._\\-]*"
      title="letters a-z, digits, and - _ . between them"></label>
    <button class="rg-button rg-primary" type="submit">Take a snapshot</button>
  </form>
  <p class="rg-error" role="alert" hidden></p>
  <ul class="rg-exports" id="rg-snapshots-list" aria-label="Snapshots"></ul>
  <p id="rg-snapshots-said" class="rg-sr" role="status"></p>
</dialog>
"""
