"""The bar at the top: which dataset, the search box, and the page's own switches."""

from __future__ import annotations

from rayograph_ui.panels.icons import icon


def bar() -> str:
    return f"""
<header class="rg-bar">
  <a class="rg-brand" href="/" aria-label="rayograph"><span class="rg-mark"></span
    ><span class="rg-word">rayograph</span></a>
  {_switcher()}
  {_search()}
  {_filter()}
  <div class="rg-tools">
    <label class="rg-zoom" title="Size of the pictures">{icon("shrink")}
      <span class="rg-sr">Size of the pictures</span>
      <input id="rg-zoom" type="range" min="72" max="360" step="4" value="168"></label>
    <button id="rg-map-open" class="rg-tool" aria-pressed="false" title="Map (g)" hidden
      >{icon("map")}<span class="rg-sr">Map</span></button>
    <button id="rg-discover-open" class="rg-tool" title="Duplicates, clusters, outliers (d)"
      aria-haspopup="dialog" hidden>{icon("discover")}<span class="rg-sr">Discover</span></button>
    <button id="rg-lab-open" class="rg-tool" title="Labels by words (L)" aria-expanded="false"
      aria-controls="rg-lab" hidden
      >{icon("label")}<span class="rg-sr">Labels by words</span></button>
    <button id="rg-boxes" class="rg-tool" aria-pressed="false" title="Labels (l)" hidden
      >{icon("boxes")}<span class="rg-sr">Boxes of annotated objects</span></button>
    <button id="rg-failures-open" class="rg-tool rg-tool-failures" aria-haspopup="dialog" hidden
      >{icon("warning")}<span class="rg-count" id="rg-failures-count"></span
      ><span class="rg-sr">failed pictures</span></button>
    <button id="rg-export-open" class="rg-tool" aria-haspopup="dialog" title="Export (e)" hidden
      >{icon("export")}<span class="rg-sr">Export</span></button>
    <button id="rg-work-open" class="rg-tool" aria-expanded="false" aria-controls="rg-work"
      title="Progress">{icon("activity")}<span class="rg-sr">Progress</span></button>
    <button id="rg-theme" class="rg-tool" title="Light or dark">{icon("theme")}
      <span class="rg-sr">Light or dark</span></button>
    <button id="rg-help-open" class="rg-tool rg-wide-only" title="Keyboard (?)"
      aria-haspopup="dialog">{icon("help")}<span class="rg-sr">Keyboard help</span></button>
  </div>
</header>
"""


def _switcher() -> str:
    return f"""
<div class="rg-switch">
  <button id="rg-switch" class="rg-switch-button" aria-haspopup="true" aria-expanded="false"
    aria-controls="rg-sources"><span id="rg-switch-name">Open a dataset</span
    ><span id="rg-switch-total" class="rg-dim"></span>{icon("down")}</button>
  <div id="rg-sources" class="rg-pop" role="region" aria-label="Datasets" hidden>
    <ul id="rg-sources-list" class="rg-sources-list"></ul>
    <form id="rg-add" class="rg-add" autocomplete="off">
      <h2 class="rg-h">Open another</h2>
      <label class="rg-field"><span>Folder, file, pattern or web address</span>
        <input id="rg-add-source" name="source" required maxlength="4096" spellcheck="false"
          placeholder="~/Pictures   s3://bucket/photos   demo"></label>
      <label class="rg-field"><span>Name <em>(optional)</em></span>
        <input id="rg-add-name" name="name" maxlength="200" spellcheck="false"></label>
      <label class="rg-field"><span>Description <em>(optional)</em></span>
        <input name="description" maxlength="4000"></label>
      <label class="rg-field"><span>Annotations <em>(optional)</em></span>
        <input name="annotations" maxlength="4096" spellcheck="false"
          placeholder="COCO, YOLO, Pascal VOC: a file or folder"></label>
      <p class="rg-error" role="alert" hidden></p>
      <button class="rg-button rg-primary" type="submit">Open</button>
    </form>
  </div>
</div>
"""


def _search() -> str:
    return f"""
<form id="rg-search" class="rg-search" role="search" autocomplete="off">
  {icon("search")}
  <span id="rg-search-chip" class="rg-chip" hidden><img alt=""><span></span>
    <button type="button" aria-label="Remove the picture">{icon("close")}</button></span>
  <input id="rg-search-text" type="text" enterkeyhint="search" maxlength="1000" spellcheck="false"
    aria-label="Search" aria-describedby="rg-search-why" placeholder="Search these pictures">
  <span id="rg-search-why" class="rg-sr"></span>
  <kbd class="rg-wide-only" aria-hidden="true">/</kbd>
  <button id="rg-search-clear" type="button" class="rg-inner" title="Clear (Esc)" hidden
    >{icon("close")}<span class="rg-sr">Clear the search</span></button>
  <button id="rg-search-file" type="button" class="rg-inner" title="Search by a picture of yours"
    >{icon("picture")}<span class="rg-sr">Search by a picture of yours</span></button>
  <input id="rg-search-upload" type="file" accept="image/*" tabindex="-1" hidden>
</form>
"""


def _filter() -> str:
    return f"""
<form id="rg-filter" class="rg-filter" autocomplete="off">
  <button id="rg-facets-open" type="button" class="rg-inner" title="Folders and facets (b)"
    aria-expanded="false" aria-controls="rg-facets" hidden
    >{icon("filter")}<span class="rg-sr">Folders and facets</span></button>
  <input id="rg-filter-text" type="text" enterkeyhint="go" maxlength="2000" spellcheck="false"
    autocapitalize="off" role="combobox" aria-label="Filter" aria-autocomplete="list"
    aria-expanded="false" aria-controls="rg-filter-list" placeholder="Filter: width>=1024"
    title="Show only some pictures (w)" disabled>
  <button id="rg-filter-clear" type="button" class="rg-inner" title="Show all" hidden
    >{icon("close")}<span class="rg-sr">Clear the filter</span></button>
  <div id="rg-filter-pop" class="rg-pop rg-filter-pop" hidden>
    <div id="rg-filter-error" class="rg-error rg-filter-error" role="alert" hidden>
      <p></p><pre></pre><small></small></div>
    <ul id="rg-filter-list" role="listbox" aria-label="What can come next" hidden></ul>
  </div>
</form>
"""
