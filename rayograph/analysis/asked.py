"""What can be asked of an analysis. The parameters, in one order, are its name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from rayograph.errors import InvalidRequest
from rayograph.schema import Model

Open = Literal["duplicates", "clusters", "outliers", "sample", "map"]
# Those that anybody may ask for by their parameters; labels are asked for by their name.
KINDS: tuple[Open, ...] = get_args(Open)
AnalysisKind = Literal[Open, "labels"]
Likeness = Literal["exact", "near", "semantic"]
SampleMethod = Literal["diverse", "typical", "random", "balanced"]
NEAR_BITS, NEAR_MOST = 6, 10
ALIKE, ALIKE_LEAST = 0.95, 0.5
SAMPLE = 100
SAMPLE_MOST = 100_000
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class DuplicatesAsked(Model):
    """Groups of images that are the same, look the same, or show the same.

    ``threshold``: of ``near`` the most bits in which two perceptual hashes of 64 differ, of
    ``semantic`` the least cosine similarity of two vectors; ``exact`` has none.
    """

    analysis: Literal["duplicates"] = "duplicates"
    kind: Likeness = "exact"
    threshold: float | None = Field(None, ge=0, le=NEAR_MOST)

    @model_validator(mode="after")
    def _fits(self) -> DuplicatesAsked:
        if self.threshold is None:
            default = {"exact": None, "near": float(NEAR_BITS), "semantic": ALIKE}
            self.threshold = default[self.kind]
        elif self.kind == "exact":
            raise ValueError("exact duplicates have no threshold")
        elif self.kind == "near" and self.threshold != int(self.threshold):
            raise ValueError(f"the threshold of near duplicates is 0 to {NEAR_MOST} bits")
        elif self.kind == "semantic" and not ALIKE_LEAST <= self.threshold <= 1:
            raise ValueError(f"the threshold of semantic duplicates is {ALIKE_LEAST} to 1")
        return self


class ClustersAsked(Model):
    """Images that are alike, at several granularities."""

    analysis: Literal["clusters"] = "clusters"
    seed: Seed = 0


class OutliersAsked(Model):
    """Images that are like no others."""

    analysis: Literal["outliers"] = "outliers"
    neighbours: int = Field(10, ge=1, le=100)


class SampleAsked(Model):
    """Some images that stand for all: ``n`` of them, or a ``share``."""

    analysis: Literal["sample"] = "sample"
    method: SampleMethod = "diverse"
    n: int | None = Field(None, ge=1, le=SAMPLE_MOST)
    share: float | None = Field(None, gt=0, le=1)
    seed: Seed = 0
    by: str | None = Field(None, max_length=64)
    where: str | None = Field(None, max_length=2000)

    @model_validator(mode="after")
    def _fits(self) -> SampleAsked:
        if self.n is not None and self.share is not None:
            raise ValueError("give n or share")
        if self.n is None and self.share is None:
            self.n = SAMPLE
        if (self.method == "balanced") != (self.by is not None):
            raise ValueError("`by` names a field, and belongs to the method balanced")
        return self


class MapAsked(Model):
    """A place in the plane for each image, near to those that are alike."""

    analysis: Literal["map"] = "map"
    seed: Seed = 0


class LabelsAsked(Model):
    """The scores of a labelling, by its number; the dataset's row says what it is."""

    analysis: Literal["labels"] = "labels"
    number: int = Field(ge=0)


Asked = Annotated[
    DuplicatesAsked | ClustersAsked | OutliersAsked | SampleAsked | MapAsked | LabelsAsked,
    Field(discriminator="analysis"),
]
_ASKED: TypeAdapter[Asked] = TypeAdapter(Asked)


def asked_of(kind: AnalysisKind, parameters: Mapping[str, object]) -> Asked:
    """Checked parameters.

    Raises:
        InvalidRequest: they make no sense.
    """
    given = {key: value for key, value in parameters.items() if value is not None}
    try:
        return _ASKED.validate_python({**given, "analysis": kind})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"][1:])
        message = str(first["msg"]).removeprefix("Value error, ")
        raise InvalidRequest(f"{name}: {message}" if name else message) from None


def to_text(asked: Asked) -> str:
    """Parameters as the catalog keeps them."""
    return asked.model_dump_json(exclude_none=True)


def from_text(text: str) -> Asked:
    """The inverse of ``to_text``."""
    return _ASKED.validate_json(text)


def name_of(asked: Asked) -> str:
    """The same for the same parameters: ``duplicates-1f0c3a5b7d``."""
    digest = hashlib.blake2b(to_text(asked).encode(), digest_size=5).hexdigest()
    return f"{asked.analysis}-{digest}"
