"""Exports as the API speaks of them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from rayograph.schema import Answer, Model

# The client says `downloading` of one that is done and on its way to it.
ExportState = Literal["queued", "running", "done", "failed", "downloading"]
MAX_IDS = 100_000


class ExportRequest(Model):
    """``POST /api/datasets/{id}/exports``: all, what ``where`` picks, or these images."""

    format: str = Field(min_length=1, max_length=40)
    where: str | None = Field(None, max_length=2000)
    ids: list[str] | None = Field(None, max_length=MAX_IDS)
    include: list[Literal["vectors"]] = Field(default_factory=list)
    labels: str | None = Field(
        None, max_length=64, description="with the classes and scores of these labels by words"
    )
    images: bool | None = Field(None, description="with the image files; null: as the format does")

    @model_validator(mode="after")
    def _one_choice(self) -> ExportRequest:
        if self.ids is not None and self.where is not None:
            raise ValueError("give ids or where, not both")
        return self


class Export(Answer):
    """One export and how far it is."""

    export_id: str
    dataset_id: str
    format: str
    where: str | None = None
    state: ExportState
    done: int = Field(description="rows")
    total: int | None = None
    failed: int = Field(0, description="rows that failed, left out of what holds images")
    bytes: int = Field(0, description="size of the result so far")
    file_name: str | None = Field(None, description="of the result, once it is done")
    one_file: bool = Field(description="false: a folder, which comes as an archive")
    error: str | None = None
    created_at: str


class ExportFormat(Answer):
    name: str
    about: str
    images: bool | None = Field(description="holds the image files; null: as asked for")


class ExportList(Answer):
    items: list[Export]
    formats: list[ExportFormat]
