"""The service itself: its models, and its health."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from rayograph.schema.base import Answer


class ModelInfo(Answer):
    name: str
    available: bool
    in_use: bool = False
    reason: str = Field(description="why it is in use, or why it cannot be")
    finds: str = ""
    does_not_find: str = ""
    dim: int | None = None


class ModelList(Answer):
    items: list[ModelInfo]
    in_use: str | None
    reason: str


class Health(Answer):
    status: str
    version: str
    uptime_s: float
    phase: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)
