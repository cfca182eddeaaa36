"""What a labelling is: its classes, the words that stand for each, and where its scores lie.

The labellings of a dataset are one value of its registry row: whoever has the row can compile a
filter that speaks of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field

from rayograph.errors import Conflict, InvalidRequest, NotFound

Use = Literal["words", "probe"]
MOST_CLASSES, MOST = 100, 50
PREFIX = "label_"
# Named so in a filter, beside the classes.
CERTAINTY = "certainty"
TEMPLATES = ("{}", "a photo of a {}", "a picture of a {}")
_GAP = re.compile(r"[\W_]+")


class LabelClass(BaseModel):
    """A class: its name, how a filter names it, the words that stand for it, and the least score
    with which an image gets it."""

    name: str
    key: str
    prompts: list[str] = Field(default_factory=list)
    threshold: float

    @property
    def texts(self) -> list[str]:
        """What the model is asked for; the mean of their vectors stands for the class."""
        return self.prompts or [template.format(self.name) for template in TEMPLATES]


class Labelling(BaseModel):
    """One labelling; ``number`` names its columns, and is never given twice in a dataset.

    Args:
        several: an image can have several classes; else one, or none.
        use: what scores: the words alone, or the probe that corrections trained.
    """

    number: int
    name: str
    several: bool = False
    use: Use = "words"
    classes: list[LabelClass]
    created_at: str

    def place(self, word: str) -> int:
        """The place of a class, by its name or as a filter names it.

        Raises:
            NotFound: there is none.
        """
        key = key_of(word)
        for at, each in enumerate(self.classes):
            if word == each.name or key == each.key:
                return at
        known = ", ".join(each.name for each in self.classes)
        raise NotFound(f"{self.name} has no class {word[:64]!r}", hint=f"there are {known}")

    def score(self, at: int) -> str:
        """The column of a class's scores."""
        return f"{PREFIX}{self.number}_{at}"

    @property
    def best(self) -> str:
        """The column of the class with the highest score; -1: none is likely."""
        return f"{PREFIX}{self.number}_best"

    @property
    def certainty(self) -> str:
        """The column of how sure the scores are, 0 to 1."""
        return f"{PREFIX}{self.number}_sure"

    @property
    def columns(self) -> list[str]:
        """All of its columns: they lie in one file of a fragment, in this order."""
        scores = [self.score(at) for at in range(len(self.classes))]
        return [*scores, self.best, self.certainty]


class Labellings(BaseModel):
    """The labellings of a dataset."""

    next: int = 0
    items: list[Labelling] = Field(default_factory=list)

    @classmethod
    def read(cls, value: Mapping[str, Any] | None) -> Labellings:
        return cls() if value is None else cls.model_validate(value)

    def find(self, name: str) -> Labelling:
        """The labelling of this name.

        Raises:
            NotFound: there is none.
        """
        key = key_of(name)
        for each in self.items:
            if each.name == key:
                return each
        known = ", ".join(each.name for each in self.items)
        hint = f"there are {known}" if known else "POST to the dataset's labels makes one"
        raise NotFound(f"there are no labels {name[:64]!r}", hint=hint)

    def free(self, name: str) -> str:
        """A name as filters write it, if no labelling has it yet.

        Raises:
            Conflict: one has it.
            InvalidRequest: there is no letter or digit in it.
        """
        key = key_of(name)
        if not key:
            raise InvalidRequest("a name has a letter in it")
        if any(each.name == key for each in self.items):
            raise Conflict(f"there are labels {key!r} already", hint="give another name")
        return key

    def put(self, labelling: Labelling) -> Labellings:
        """With this one, in place of the one with its number."""
        items = [each for each in self.items if each.number != labelling.number]
        items = sorted([*items, labelling], key=lambda each: each.number)
        return Labellings(next=max(self.next, labelling.number + 1), items=items)

    def without(self, number: int) -> Labellings:
        return Labellings(next=self.next, items=[e for e in self.items if e.number != number])


def key_of(name: str) -> str:
    """A name as filters write it: ``black_cat``; words of any script stay words."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    key = _GAP.sub("_", plain).strip("_")
    return f"_{key}" if key[:1].isdigit() else key


def classes_of(
    given: Iterable[tuple[str, list[str], float | None]], several: bool
) -> list[LabelClass]:
    """Classes from names, prompts and thresholds, each with a key of its own.

    Raises:
        InvalidRequest: two are called the same, or one has no letter in it.
    """
    found: list[LabelClass] = []
    for name, prompts, threshold in given:
        key = key_of(name)
        if not key:
            raise InvalidRequest(f"the class {name!r} has no letter in it")
        if any(each.key == key for each in found):
            raise InvalidRequest(f"two classes are called {name!r}")
        # The field beside the classes has this name.
        key = f"{key}_" if key == CERTAINTY else key
        least = default_threshold(several) if threshold is None else threshold
        found.append(LabelClass(name=name, key=key, prompts=prompts, threshold=least))
    return found


def default_threshold(several: bool) -> float:
    """Of several classes those more likely than not; of one, whichever is the likeliest."""
    return 0.5 if several else 0.0
