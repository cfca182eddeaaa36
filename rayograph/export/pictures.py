"""The images themselves: a plain folder, and a folder that Hugging Face's ``datasets`` loads."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

import yaml

from rayograph.errors import ImageFault
from rayograph.export.labelled import class_folder
from rayograph.export.marks import check_usable
from rayograph.export.names import Names, safe_path
from rayograph.export.plain import plain, to_json
from rayograph.export.rows import Rows
from rayograph.export.staging import Staging

_STEP = 512


def write_folder(rows: Rows, staging: Staging) -> None:
    """The files in the folders they lie in, and ``metadata.csv``: a row an image.

    With labels by words below a folder for each class, as trainers of classifiers read them.
    """
    names = Names()
    fields = ["file", *rows.schema.names]
    with staging.open("metadata.csv") as raw:
        text = io.TextIOWrapper(raw, encoding="utf-8", newline="", write_through=True)
        table = csv.writer(text)
        table.writerow(fields)
        for number, row in enumerate(rows.records(), 1):
            path = _placed(row, staging, names, class_folder(row))
            if path:
                table.writerow([path, *(_cell(row[name]) for name in rows.schema.names)])
            if number % _STEP == 0:
                staging.step(_STEP)
        staging.step(staging.tally.total - staging.tally.done)
        text.detach()


def write_huggingface(rows: Rows, staging: Staging) -> None:
    """``data/``, an image folder with ``metadata.jsonl``, and the ``README.md`` that names it."""
    names = Names()
    with staging.open("data/metadata.jsonl") as file:
        for number, row in enumerate(rows.records(), 1):
            path = _placed(row, staging, names, "data/images/")
            if path:
                # ``file_name`` is what the loader looks for; the name the file had is kept beside.
                own = {"file_name": path.removeprefix("data/"), "original_name": row["file_name"]}
                more = {k: v for k, v in row.items() if k != "file_name"}
                file.write((to_json({**own, **more}) + "\n").encode())
            if number % _STEP == 0:
                staging.step(_STEP)
        staging.step(staging.tally.total - staging.tally.done)
    staging.small("README.md", _card(rows))


def _placed(row: Mapping[str, Any], staging: Staging, names: Names, below: str) -> str | None:
    try:
        check_usable(row)
    except ImageFault as fault:
        staging.fail(row, fault.fault, fault.message)
        return None
    path = below + names.take(safe_path(row["folder"], row["file_name"]))
    staging.place(path, row)
    return path


def _cell(value: Any) -> Any:
    value = plain(value)
    return to_json(value) if isinstance(value, list | dict) else value


def _card(rows: Rows) -> bytes:
    config = {
        "config_name": "default",
        "drop_labels": True,
        "data_files": [{"split": "train", "path": "data/**"}],
    }
    head = yaml.safe_dump({"configs": [config]}, sort_keys=False)
    name = " ".join(rows.dataset.name.split())
    return f"---\n{head}---\n\n# {name}\n\nExported by rayograph.\n".encode()
