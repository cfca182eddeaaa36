"""What the API asks and answers about labels by words."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from rayograph.analysis.answers import Computing
from rayograph.labelling.definition import MOST_CLASSES, Use
from rayograph.schema import Answer, Coverage, Model

Name = Annotated[str, Field(min_length=1, max_length=60)]
Prompt = Annotated[str, Field(min_length=1, max_length=300)]
MOST_SAID = 10_000


class NewClass(Model):
    """A class; without prompts a few sentences with its name stand for it."""

    name: Name
    prompts: list[Prompt] = Field(default_factory=list, max_length=20)
    threshold: float | None = Field(None, ge=0, le=1)


class NewLabels(Model):
    """``POST .../labels``: classes by their names, or with prompts of their own."""

    name: Name
    classes: list[Name | NewClass] = Field(min_length=1, max_length=MOST_CLASSES)
    several: bool = Field(False, description="an image can have several classes; else one, or none")


class ChangeLabels(Model):
    """``PATCH .../labels/{name}``; what is left out stays."""

    name: Name | None = None
    thresholds: dict[str, float] | None = Field(None, description="least score, by class; 0 to 1")
    use: Use | None = Field(
        None, description="score by the `words` again, or by the `probe` corrections trained"
    )

    @model_validator(mode="after")
    def _fits(self) -> ChangeLabels:
        if any(not 0 <= value <= 1 for value in (self.thresholds or {}).values()):
            raise ValueError("a threshold is 0 to 1")
        return self


class Correct(Model):
    """``POST .../labels/{name}/corrections``: of some images whether they are of a class.

    Without a class it is about all of them: false says that an image is none of them.
    """

    ids: list[str] | None = Field(None, min_length=1, max_length=MOST_SAID)
    where: str | None = Field(None, max_length=2000)
    class_: str | None = Field(None, alias="class", max_length=60)
    is_: bool | None = Field(alias="is", description="null takes back what was said")

    @model_validator(mode="after")
    def _fits(self) -> Correct:
        if (self.ids is None) == (self.where is None):
            raise ValueError("give ids or where")
        if self.class_ is None and self.is_:
            raise ValueError("an image is not of every class; name one")
        return self


class CorrectionResult(Answer):
    matched: int = Field(description="how many images it was about")
    scored: int = Field(description="how many of them had a score that was changed at once")


class Correction(Answer):
    image_id: str = Field(description="the image it was said of")
    content: str = Field(description="what it is kept by: the content's hash, or `id:` and the id")
    class_: str = Field(alias="class")
    is_: bool = Field(alias="is")
    said_at: str


class CorrectionPage(Answer):
    items: list[Correction]
    next_cursor: str | None
    total: int


class TagLabels(Model):
    """``POST .../labels/{name}/tags``: tag each image with its classes."""

    prefix: str = Field("", max_length=30, description="before each class's name")
    undo: bool = Field(False, description="take off what the last time added instead")


class TagResult(Answer):
    tagged: dict[str, int] = Field(description="by class (of undo: by tag), images that changed")
    images: int


class Bins(Answer):
    """Bin ``i`` holds ``edges[i] <= score < edges[i + 1]``; the last one its end too."""

    edges: list[float]
    counts: list[int]


class ClassInfo(Answer):
    """A class and who gets it. Where an image has one class, its histogram is of the images it is
    the best class of; ``where`` picks those that get it."""

    name: str
    key: str
    prompts: list[str]
    threshold: float
    count: int
    yes: int = Field(description="images a person said are of it")
    no: int = Field(description="images a person said are not")
    where: str
    histogram: Bins


class Quality(Answer):
    """Of what people said, the share that the words say too, and the probe: each by a probe that
    was not trained with it. People correct what is wrong, so all images fare better than these."""

    examples: int
    words: float | None
    probe: float | None


class LabelsInfo(Answer):
    """Labels by words, in short."""

    name: str
    classes: list[str]
    several: bool
    use: Use
    state: Literal["wanted", "done", "failed", "cancelled"]
    error: str | None = None
    computing: Computing | None = Field(None, description="scores on their way")
    created_at: str


class LabelsList(Answer):
    items: list[LabelsInfo]


class Labels(Answer):
    """Labels by words: classes, how many images get each, and where the scores came from."""

    name: str
    several: bool
    use: Use
    classes: list[ClassInfo]
    unlabelled: int | None = Field(None, description="scored images that get none")
    state: Literal["wanted", "done", "failed", "cancelled"]
    error: str | None = None
    computing: Computing | None = None
    stale: bool = Field(description="images, vectors or the model have changed since")
    coverage: Coverage
    model: str | None = None
    corrections: int = Field(description="images a person said something of")
    unused: int = Field(description="of them, those that came after the probe was trained")
    quality: Quality | None = None
    made_at: str | None = None
    took_s: float | None = None
    created_at: str
