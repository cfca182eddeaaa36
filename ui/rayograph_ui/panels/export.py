"""Export: what is shown or chosen, in another format, and the exports there are."""

from __future__ import annotations

from rayograph_ui.panels.icons import icon

_FORMATS = (
    ("csv", "CSV", "a table for spreadsheets"),
    ("parquet", "Parquet", "a typed table for pandas, DuckDB, Polars"),
    ("jsonl", "JSON lines", "an object a line"),
    ("coco", "COCO", "annotations.json: boxes, labels or tags"),
    ("yolo", "YOLO", "images, labels and data.yaml"),
    ("voc", "Pascal VOC", "images and an XML file for each"),
    ("folder", "Folder", "the image files, and a table of them"),
    ("huggingface", "Hugging Face", "a folder that the datasets library loads"),
    ("webdataset", "WebDataset", "tar shards for training"),
)


def export() -> str:
    formats = "".join(_format(*form) for form in _FORMATS)
    return f"""
<dialog id="rg-export" class="rg-card rg-export" aria-labelledby="rg-export-title">
  <div class="rg-export-head"><h2 id="rg-export-title">Export</h2>
    <button type="button" class="rg-tool rg-export-close" title="Close (Esc)">{icon("close")}
      <span class="rg-sr">Close</span></button></div>
  <p id="rg-export-what" class="rg-export-what"></p>
  <p id="rg-export-labels" class="rg-export-what" hidden></p>
  <form id="rg-export-form">
    <fieldset class="rg-export-formats"><legend class="rg-sr">Format</legend>{formats}</fieldset>
    <div class="rg-export-more">
      <label id="rg-export-images"><input type="checkbox" name="images"> with the image files
      </label>
      <label id="rg-export-vectors"><input type="checkbox" name="vectors"> with vectors</label>
    </div>
    <p class="rg-error" role="alert" hidden></p>
    <button class="rg-button rg-primary" type="submit">Export</button>
  </form>
  <section aria-labelledby="rg-export-made" hidden>
    <h3 class="rg-h" id="rg-export-made">Made here</h3>
    <ul class="rg-exports" id="rg-exports"></ul>
  </section>
  <p id="rg-export-said" class="rg-sr" role="status"></p>
</dialog>
"""


def _format(name: str, title: str, about: str) -> str:
    chosen = " checked" if name == "csv" else ""
    return (
        f'<label class="rg-format"><input type="radio" name="format" value="{name}"{chosen}>'
        f"<span><b>{title}</b> <small>{about}</small></span></label>"
    )
