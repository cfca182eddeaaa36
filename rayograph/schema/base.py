"""States, and what every body and answer has in common."""

from __future__ import annotations

from enum import IntEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION = 1
ImageStatus = Literal["pending", "indexed", "embedding", "ready", "failed"]
DatasetState = Literal["queued", "processing", "ready", "failed"]
Activity = Literal["downloading", "generating_tiles", "listing", "indexing", "embedding"]
StageMode = Literal["waiting", "running", "done", "paused", "blocked", "failed"]
StageName = Literal["listing", "metadata", "embedding"]
Priority = Literal["high", "normal", "low"]
TilingState = Literal["waiting", "tiling", "ready", "failed"]


class StageState(IntEnum):
    """What a per-stage column holds; null in the table means PENDING."""

    PENDING = 0
    DONE = 1
    FAILED = 2
    CLAIMED = 3
    SKIPPED = 4


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """An answer: clients of an older version ignore what they do not know."""

    model_config = ConfigDict(extra="ignore")
