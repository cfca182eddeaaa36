"""What is worked out of all pictures at once: copies, clusters, what is like no other, samples."""

from __future__ import annotations

from rayograph_ui.panels.icons import icon

_KINDS = (
    ("exact", "Same file"),
    ("near", "Look the same"),
    ("semantic", "Show the same"),
)


_METHODS = (
    ("diverse", "Diverse: as different as can be"),
    ("typical", "Typical: one of each kind"),
    ("random", "Random"),
    ("balanced", "Balanced by a field"),
)


def _sample() -> str:
    methods = "".join(f'<option value="{name}">{text}</option>' for name, text in _METHODS)
    return f"""
  <form id="rg-sample" class="rg-sample" autocomplete="off" hidden>
    <label class="rg-field"><span>Which pictures</span><select name="method">{methods}</select>
    </label>
    <label class="rg-field" hidden><span>Field</span><select name="by"></select></label>
    <label class="rg-field"><span>How many</span><span class="rg-sample-many">
      <input name="many" type="number" min="0.01" max="100000" step="any" value="100" required>
      <select name="unit" aria-label="Unit"><option value="n">pictures</option>
        <option value="share">percent</option></select></span></label>
    <label class="rg-field"><span>Seed</span>
      <input name="seed" type="number" min="0" max="2147483647" step="1" value="0" required></label>
    <button class="rg-button rg-primary" type="submit">Choose</button>
    <p id="rg-sample-among" class="rg-dim"></p>
  </form>"""


def discover() -> str:
    kinds = "".join(
        f'<button class="rg-reason-chip" data-kind="{kind}" aria-pressed="false">{text}</button>'
        for kind, text in _KINDS
    )
    return f"""
<dialog id="rg-discover" class="rg-drawer rg-discover" aria-labelledby="rg-discover-title">
  <div class="rg-drawer-head">
    <h2 class="rg-h" id="rg-discover-title">Discover</h2>
    <div class="rg-tabs" role="tablist" aria-label="What to look for">
      <button role="tab" id="rg-tab-duplicates" aria-controls="rg-discover-list"
        aria-selected="true">Duplicates</button>
      <button role="tab" id="rg-tab-clusters" aria-controls="rg-discover-list"
        aria-selected="false">Clusters</button>
      <button role="tab" id="rg-tab-outliers" aria-controls="rg-discover-list"
        aria-selected="false">Outliers</button>
      <button role="tab" id="rg-tab-sample" aria-controls="rg-discover-list"
        aria-selected="false">Sample</button>
    </div>
    <button class="rg-tool rg-drawer-close" title="Close (Esc)">{icon("close")}
      <span class="rg-sr">Close</span></button>
  </div>
  <div class="rg-reasons" id="rg-kinds" role="group" aria-label="Which duplicates">{kinds}</div>
  {_sample()}
  <div class="rg-discover-note"><p id="rg-discover-note" role="status"></p>
    <button class="rg-link" id="rg-discover-refresh" hidden>Work it out anew</button></div>
  <p class="rg-error" role="alert" hidden></p>
  <div id="rg-discover-list" class="rg-discover-list" role="tabpanel" tabindex="-1"></div>
  <div id="rg-flicker" class="rg-flicker" aria-hidden="true" hidden><img alt=""><p></p></div>
</dialog>
"""
