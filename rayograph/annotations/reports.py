"""What a reader hands over besides sheets: what could not be read, and how much there was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

MOST_NAMED = 100


class Annotated(NamedTuple):
    """One image of an annotation file, under the key it is matched by."""

    key: str
    labels: list[str]
    objects: int
    sheet: str | None = None
    described: str | None = None
    extra: str | None = None


@dataclass(slots=True)
class Notes:
    """Gathers what did not fit while a file is read; the first hundred of each are named."""

    broken: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)
    unmatched: int = 0
    unmatched_ids: list[str] = field(default_factory=list)
    note: str | None = None
    # A manifest's columns that become fields (``rayograph.annotations.extras.Extra``).
    columns: list[dict[str, Any]] = field(default_factory=list)

    @property
    def names_more(self) -> bool:
        return len(self.problems) < MOST_NAMED

    def bad(
        self, file: str, reason: str, *, line: int | None = None, field: str | None = None
    ) -> None:
        """Note an entry that could not be read."""
        self.broken += 1
        if self.names_more:
            named = {"file": file, "reason": reason[:300], "line": line, "field": field}
            self.problems.append(named)

    def homeless(self, image_id: object) -> None:
        """Note an annotation whose image the file does not know."""
        self.unmatched += 1
        name = str(image_id)[:100]
        if len(self.unmatched_ids) < MOST_NAMED and name not in self.unmatched_ids:
            self.unmatched_ids.append(name)


Reading = Iterator[Annotated]


def distinct(labels: Iterator[str | None] | list[str | None]) -> list[str]:
    """The labels that are there, each once, in order."""
    return list(dict.fromkeys(label for label in labels if label is not None))
