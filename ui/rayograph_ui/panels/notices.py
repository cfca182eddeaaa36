"""What lies over the page: connection, messages, the drop target, keys, the login."""

from __future__ import annotations

from rayograph_ui.panels.icons import icon

_KEYS = (
    ("← ↑ ↓ →", "move"),
    ("Enter", "open the picture"),
    ("Esc", "close, or clear the search"),
    ("/", "search"),
    ("w", "filter"),
    ("b", "folders and facets"),
    ("1 – 5 · 0", "rate, take the rating off"),
    ("f", "favorite"),
    ("h", "hide it and its copies, show them again"),
    ("Space · Shift ←→", "choose several; the keys above and t (tag) are then about all"),
    ("Ctrl A", "choose all that is shown"),
    ("l", "boxes of labels"),
    ("z", "undo a rating, a favorite, a tag or hiding"),
    ("m", "more like this"),
    ("M · x", "steer the search towards it, away from it"),
    ("b", "in the large view: search for a part of it"),
    ("e", "export what is shown"),
    ("Home · End", "first, last"),
    ("Page Up · Down", "a screen"),
    ("+ · −", "larger, smaller"),
    ("d", "duplicates, clusters, outliers; there: z undoes, c held compares"),
    ("L", "labels by words; with a class chosen: y it is, n it is not"),
    ("g", "map; there: arrows, + and −, 0; Shift and drag chooses, Esc lets go"),
    ("p", "progress"),
    ("?", "this list"),
)
_GIANT_KEYS = (
    ("← ↑ ↓ →", "move"),
    ("+ · −", "nearer, farther"),
    ("0", "the whole picture"),
    ("n · N", "next, previous find"),
    ("m", "more like that find"),
    ("f", "full screen"),
    ("c", "copy a link to the view"),
)


def notices() -> str:
    keys = _listed(_KEYS)
    giant = _listed(_GIANT_KEYS)
    return f"""
<div id="rg-banner" class="rg-banner" role="status" hidden><i></i><span></span></div>
<div id="rg-toasts" class="rg-toasts" role="status" aria-live="polite"></div>
<div id="rg-drop" class="rg-drop" hidden><div>{icon("picture")}<p>Drop a picture to find its
  likes</p></div></div>
<dialog id="rg-help" class="rg-card" aria-labelledby="rg-help-title">
  <h2 id="rg-help-title">Keyboard</h2><dl class="rg-keys">{keys}</dl>
  <h3 class="rg-h">In one large picture</h3><dl class="rg-keys">{giant}</dl>
  <form method="dialog"><button class="rg-button">Close</button></form>
</dialog>
<dialog id="rg-login" class="rg-card" aria-labelledby="rg-login-title">
  <h2 id="rg-login-title">This server asks for its token</h2>
  <p>It was printed where the server was started.</p>
  <form id="rg-login-form">
    <label class="rg-field"><span>Token</span><input name="token" type="password" required
      autocomplete="current-password"></label>
    <p class="rg-error" role="alert" hidden></p>
    <button class="rg-button rg-primary" type="submit">Enter</button>
  </form>
</dialog>
"""


def _listed(keys: tuple[tuple[str, str], ...]) -> str:
    return "".join(f"<div><dt>{key}</dt><dd>{does}</dd></div>" for key, does in keys)
