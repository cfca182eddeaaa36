"""Labels by words: classes somebody names, each with its scores, beside the pictures."""

from __future__ import annotations

from rayograph_ui.panels.icons import icon


def labelling() -> str:
    return f"""
<div id="rg-lab-veil" class="rg-facets-veil" hidden></div>
<aside id="rg-lab" class="rg-lab" aria-label="Labels by words" aria-busy="false" hidden>
  <div class="rg-lab-head">
    <h2 class="rg-h">Labels</h2>
    <select id="rg-lab-which" aria-label="Which labels" hidden></select>
    <button id="rg-lab-new" class="rg-link" hidden>New</button>
    <button id="rg-lab-close" class="rg-tool" title="Close (L)">{icon("close")}
      <span class="rg-sr">Close</span></button>
  </div>
  <form id="rg-lab-form" class="rg-lab-form" autocomplete="off" hidden>
    <p>Name what to look for; every picture gets a score for it.</p>
    <label class="rg-field"><span>Name</span>
      <input name="name" required maxlength="60" spellcheck="false" placeholder="animals"></label>
    <label class="rg-field"><span>Classes, one a line</span>
      <textarea name="classes" required rows="5" spellcheck="false"
        placeholder="cat&#10;dog&#10;bird: a bird, a bird in flight"></textarea></label>
    <label class="rg-lab-check"><input type="checkbox" name="several"> a picture can have several
    </label>
    <div class="rg-lab-acts"><button class="rg-button rg-primary" type="submit">Label</button>
      <button class="rg-button" type="button" id="rg-lab-back" hidden>Back</button></div>
  </form>
  <p id="rg-lab-why" class="rg-lab-note" hidden></p>
  <p id="rg-lab-error" class="rg-error" role="alert" hidden></p>
  <div id="rg-lab-body" hidden>
    <div class="rg-lab-state"><p id="rg-lab-note" role="status"></p>
      <div id="rg-lab-bar" class="rg-bar-line" role="progressbar" aria-label="Scored" hidden
        ><i class="rg-done"></i></div>
      <button id="rg-lab-act" class="rg-link" hidden>Score</button></div>
    <div id="rg-lab-list"></div>
    <p id="rg-lab-hint" class="rg-lab-note" hidden><kbd>y</kbd> it is &nbsp;<kbd>n</kbd> it is not
      &nbsp;<kbd>z</kbd> undo</p>
    <section class="rg-lab-refine" aria-label="Refine">
      <p id="rg-lab-said"></p>
      <p id="rg-lab-quality" class="rg-lab-quality" hidden></p>
      <div class="rg-lab-acts">
        <button id="rg-lab-refine" class="rg-button">Refine</button>
        <button id="rg-lab-words" class="rg-button" hidden>By the words again</button>
        <button id="rg-lab-unsure" class="rg-button">Least certain first</button>
      </div>
    </section>
    <div class="rg-lab-acts rg-lab-foot">
      <button id="rg-lab-tag" class="rg-link">Tag pictures</button>
      <button id="rg-lab-export" class="rg-link">Export</button>
      <button id="rg-lab-delete" class="rg-link rg-lab-bad">Delete</button>
    </div>
  </div>
</aside>
"""
