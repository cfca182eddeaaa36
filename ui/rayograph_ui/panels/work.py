"""The progress dock: a row for each stage, and the commands over all of them."""

from __future__ import annotations

from rayograph_ui.panels.icons import icon

_STAGES = (
    ("download", "Download", "fetches the picture"),
    ("tiling", "Tiling", "cuts it for zooming"),
    ("listing", "Listing", "finds the files, opens none"),
    ("metadata", "Metadata", "reads sizes and formats"),
    ("embedding", "Embedding", "makes them searchable"),
)
_PAUSED_ALONE = ("listing", "metadata", "embedding")
_CHANGE = ("reembedding", "Changing the model", "makes vectors anew; the old ones serve meanwhile")


def work() -> str:
    stages = "".join(_stage(*stage) for stage in _STAGES)
    stages += _stage(*_CHANGE).replace("<section", "<section hidden", 1)
    return f"""
<aside id="rg-work" class="rg-work" aria-label="Progress" hidden>
  <div class="rg-work-head"><h2 class="rg-h">Progress</h2>
    <button id="rg-work-close" class="rg-tool" title="Close">{icon("close")}
      <span class="rg-sr">Close</span></button></div>
  <p id="rg-work-lead" class="rg-work-lead"></p>
  {stages}
  <p class="rg-error" id="rg-work-error" role="alert" hidden></p>
  <div class="rg-commands">
    <button class="rg-button" data-command="pause">Pause</button>
    <button class="rg-button" data-command="resume" hidden>Resume</button>
    <button class="rg-button" data-command="retry">Retry failed</button>
    <button class="rg-button" data-command="rescan">Rescan</button>
    <button id="rg-work-missing" class="rg-button" hidden>Missing</button>
    <button id="rg-work-hidden" class="rg-button" hidden>Hidden</button>
    <button class="rg-button" data-command="purge" hidden>Purge missing</button>
    <button class="rg-button" data-command="cancel">Cancel</button>
    <button class="rg-button" id="rg-snapshots-open" aria-haspopup="dialog">Snapshots</button>
  </div>
  <dl class="rg-model" id="rg-model"></dl>
  <form class="rg-model-change" id="rg-model-change" hidden>
    <label class="rg-field"><span>Embed with another model</span><select name="model"></select>
    </label>
    <p class="rg-error" role="alert" hidden></p>
    <button class="rg-button" type="submit">Change</button>
  </form>
</aside>
"""


def _pause(key: str, title: str) -> str:
    if key not in _PAUSED_ALONE:
        return ""
    return (
        f'<button class="rg-stage-pause" type="button" aria-label="Pause {title}" '
        f'aria-pressed="false">{icon("pause")}{icon("play")}</button>'
    )


def _stage(key: str, title: str, does: str) -> str:
    return f"""
<section class="rg-stage" data-stage="{key}" data-state="waiting" hidden>
  <h3>{title}<span class="rg-stage-state"></span>{_pause(key, title)}</h3>
  <div class="rg-bar-line" role="progressbar" aria-label="{title}" aria-valuemin="0"
    aria-valuemax="100"><i class="rg-done"></i><i class="rg-skipped"></i
    ><i class="rg-bad"></i></div>
  <p class="rg-stage-count"><span class="rg-num"></span><span class="rg-rate"></span></p>
  <p class="rg-stage-note"><span data-does="{does}">{does}</span><b></b></p>
</section>
"""
