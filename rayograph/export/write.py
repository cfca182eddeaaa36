"""Writing an export in one of the formats."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rayograph.export.coco import write_coco
from rayograph.export.formats import FORMATS, is_one_file, with_images
from rayograph.export.names import safe_part
from rayograph.export.pictures import write_folder, write_huggingface
from rayograph.export.rows import Rows
from rayograph.export.staging import Staging
from rayograph.export.tables import write_table
from rayograph.export.voc import write_voc
from rayograph.export.webdataset import write_webdataset
from rayograph.export.yolo import write_yolo


def write(form: str, rows: Rows, staging: Staging, *, images: bool | None = None) -> dict[str, Any]:
    """Make the whole export in ``staging``; returns what ``export.json`` says of it."""
    images = with_images(form, images)
    staging.tally.total = rows.total
    try:
        _write(form, rows, staging, images=images)
        about = _about(form, rows, staging)
        staging.finish(about, alone=is_one_file(form, images))
    finally:
        staging.close()
    return about


def _write(form: str, rows: Rows, staging: Staging, *, images: bool) -> None:
    name = safe_part(rows.dataset.name) or "export"
    if FORMATS[form].table:
        write_table(form, rows, staging, name)
    elif form == "coco":
        write_coco(rows, staging, images=images)
    elif form == "webdataset":
        write_webdataset(rows, staging, name)
    else:
        _FOLDERS[form](rows, staging)


_FOLDERS = {
    "yolo": write_yolo,
    "voc": write_voc,
    "folder": write_folder,
    "huggingface": write_huggingface,
}


def _about(form: str, rows: Rows, staging: Staging) -> dict[str, Any]:
    tally = staging.tally
    return {
        "made_by": "rayograph",
        "format": form,
        "dataset_id": rows.dataset.dataset_id,
        "dataset": rows.dataset.name,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rows": tally.done,
        "failed": tally.failed,
        "failed_rows": "included" if FORMATS[form].table else "left out",
    }
