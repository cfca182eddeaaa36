"""The failure inbox: every picture that failed, by reason, to be tried again."""

from __future__ import annotations

from rayograph_ui.panels.icons import icon


def failures() -> str:
    return f"""
<dialog id="rg-failures" class="rg-drawer" aria-labelledby="rg-failures-title">
  <div class="rg-drawer-head">
    <h2 class="rg-h" id="rg-failures-title">Failed pictures</h2>
    <a class="rg-button" id="rg-failures-list" download title="The list as a CSV file">List</a>
    <button class="rg-button" id="rg-failures-retry">Try them again</button>
    <button class="rg-tool rg-drawer-close" title="Close (Esc)">{icon("close")}
      <span class="rg-sr">Close</span></button>
  </div>
  <div class="rg-reasons" id="rg-reasons" role="group" aria-label="Reasons"></div>
  <p class="rg-error" role="alert" hidden></p>
  <ul class="rg-failure-list" id="rg-failure-list"></ul>
  <p class="rg-drawer-empty" hidden>Nothing failed.</p>
</dialog>
"""
