"""Snapshots as the API speaks of them."""

from __future__ import annotations

from pydantic import Field

from rayograph.schema import Answer, Model


class NewSnapshot(Model):
    """``POST /api/datasets/{id}/snapshots``."""

    name: str | None = Field(None, min_length=1, max_length=80, description="default: the time")
    note: str | None = Field(None, min_length=1, max_length=1000)


class Snapshot(Answer):
    """A named version of a dataset."""

    name: str
    note: str | None = None
    created_at: str
    total: int = Field(description="images it has")
    model: str | None = Field(None, description="whose vectors answered searches")
    own_bytes: int = Field(description="disk it holds beyond what the dataset takes now")


class SnapshotList(Answer):
    items: list[Snapshot]


class SnapshotDiff(Answer):
    """What is different in ``to``; null: in the dataset as it is now."""

    name: str
    to: str | None
    added: int
    removed: int
    changed: int
    columns: dict[str, int] = Field(description="changed images by column")
    model: str | None = Field(None, description="of the snapshot")
    model_to: str | None = None
    ids: dict[str, list[str]] = Field(description="the first 100 added, removed and changed")
