"""Searches: what can be asked, and what is found."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from rayograph.schema.base import Answer, Model
from rayograph.schema.images import ImageRecord


class Box(Model):
    """A rectangle in an image, as shares of its width and height (0-1)."""

    image_id: str
    x: float = Field(ge=0, le=1)
    y: float = Field(ge=0, le=1)
    width: float = Field(gt=0, le=1)
    height: float = Field(gt=0, le=1)


class Weighted(Model):
    """An example, and how much it counts."""

    image_id: str
    weight: float = Field(1.0, gt=0, le=10)


SearchBy = Literal["both", "meaning", "words"]
Examples = list[str | Weighted]
Cutoff = float | Literal["auto"]


class SearchRequest(Model):
    """One of text, image_id, image_base64, image_url or box; or more_like."""

    text: str | None = Field(None, min_length=1, max_length=1000)
    image_id: str | None = None
    image_base64: str | None = Field(None, max_length=40_000_000)
    image_url: str | None = Field(None, max_length=4096, pattern="^https?://")
    box: Box | None = None
    more_like: Examples | None = Field(None, max_length=64)
    less_like: Examples | None = Field(None, max_length=64)
    by: SearchBy = Field(
        "both", description="what a text is compared with: pictures, their words, or both"
    )
    where: str | None = Field(None, max_length=2000)
    k: int = Field(50, ge=1, le=1000)
    offset: int = Field(0, ge=0, le=10_000, description="how many of the best to pass over")
    cutoff: Cutoff | None = Field(
        None, description="the least similarity, -1 to 1; auto: what is unusual in this dataset"
    )

    @field_validator("cutoff")
    @classmethod
    def _cosine(cls, cutoff: Cutoff | None) -> Cutoff | None:
        if isinstance(cutoff, float) and not -1 <= cutoff <= 1:
            raise ValueError("give a similarity from -1 to 1, or auto")
        return cutoff

    @model_validator(mode="after")
    def _one_query(self) -> SearchRequest:
        given = [self.text, self.image_id, self.image_base64, self.image_url, self.box]
        count = sum(value is not None for value in given)
        if count > 1 or (count == 0 and not self.more_like):
            raise ValueError(
                "give one of text, image_id, image_base64, image_url, box or more_like"
            )
        if self.by == "words" and self.text is None:
            raise ValueError("by words needs a text")
        return self


class Hit(Answer):
    image: ImageRecord
    score: float = Field(
        description="what the order follows: the similarity, or with `word_rank`s among the hits"
        " the fused ranks, 0 to 1"
    )
    similarity: float | None = Field(None, description="cosine, -1 to 1; null: no vector yet")
    word_rank: int | None = Field(
        None, description="rank, from 1, among those with all the words in caption or path"
    )
    likely: bool | None = Field(
        None, description="at or above `cutoff`, or found by its words; null: not known"
    )


class Coverage(Answer):
    searched: int
    total: int


class SearchResponse(Answer):
    items: list[Hit]
    coverage: Coverage
    took_ms: float
    model: str | None = Field(None, description="whose vectors were compared")
    cutoff: float | None = Field(
        None, description="the similarity that is unusual in this dataset; null: not known"
    )
    next_offset: int | None = Field(None, description="where the next page begins; null: the end")
