"""One giant: the picture to move about in, how far it has come, and what was found inside it."""

from __future__ import annotations

from rayograph_ui.panels.icons import icon

_TOOLS = (
    ("in", "plus", "Zoom in (+)"),
    ("out", "minus", "Zoom out (−)"),
    ("whole", "whole", "The whole picture (0)"),
    ("full", "full", "Full screen (f)"),
    ("link", "link", "Copy a link to this view (c)"),
)


def viewer() -> str:
    tools = "".join(_tool(*tool) for tool in _TOOLS)
    return f"""
<section id="rg-viewer" class="rg-viewer" aria-label="One large picture" hidden>
  <div class="rg-viewer-stage">
    <div id="rg-viewer-canvas" class="rg-viewer-canvas"></div>
    <div id="rg-viewer-wait" class="rg-viewer-wait" hidden>
      <div class="rg-state-mark">{icon("aperture")}</div>
      <h1></h1><p class="rg-viewer-what"></p>
      <div class="rg-bar-line" role="progressbar" aria-label="Download" aria-valuemin="0"
        aria-valuemax="100" hidden><i class="rg-done"></i></div>
      <p class="rg-viewer-pace"></p>
      <button class="rg-button" data-viewer="retry" hidden>Try again</button>
    </div>
    <div id="rg-viewer-work" class="rg-viewer-work" hidden>
      <p><b></b><span></span></p>
      <div class="rg-bar-line" role="progressbar" aria-label="Tiling" aria-valuemin="0"
        aria-valuemax="100"><i class="rg-done"></i></div>
      <p class="rg-viewer-pace"></p>
      <button class="rg-link" data-viewer="retry" hidden>Try again</button>
    </div>
    <div id="rg-viewer-tools" class="rg-viewer-tools" role="toolbar" aria-label="View">{tools}</div>
    <div class="rg-viewer-foot">
      <div id="rg-viewer-map" class="rg-viewer-map" aria-hidden="true"></div>
      <p class="rg-viewer-scale"><b id="rg-viewer-scale"></b><span id="rg-viewer-size"></span></p>
    </div>
    <p id="rg-viewer-said" class="rg-viewer-said" role="status"></p>
  </div>
  <div id="rg-hits" class="rg-hits" hidden>
    <p id="rg-hits-lead" class="rg-hits-lead" role="status"></p>
    <ol id="rg-hits-list" class="rg-hits-list" aria-label="Found in this picture"></ol>
  </div>
</section>
"""


def _tool(key: str, drawn: str, title: str) -> str:
    return (
        f'<button class="rg-tool" data-viewer="{key}" title="{title}">{icon(drawn)}'
        f'<span class="rg-sr">{title}</span></button>'
    )
