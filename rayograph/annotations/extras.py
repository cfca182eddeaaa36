"""A manifest's other columns as fields of its dataset: ``extra.price>=10``, ``extra.split:val``.

Each has a column of its own in the dataset's table, of the kind of what the manifest holds, worked
out of ``extra``: the text there is what records show.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import msgspec
import pyarrow as pa
from pydantic import BaseModel

PREFIX = "extra_"
# So many columns become fields; what else there is stays in `extra`.
MOST = 100
# Values that can be told apart in a list of choices; more than these name one image each where they
# are more than half as many as the rows.
FEW, VERY_FEW = 200, 20
Kind = Literal["number", "flag", "time", "text"]
TYPES: dict[Kind, pa.DataType] = {
    "number": pa.float64(),
    "flag": pa.bool_(),
    "time": pa.string(),
    "text": pa.string(),
}
# Beyond it a number is no longer told from its neighbours.
_EXACT = 2**53
_GAP = re.compile(r"[^a-z0-9]+")


class Extra(BaseModel):
    """A column of a manifest, and how a filter names it. ``few``: it has few values."""

    name: str
    key: str
    kind: Kind
    few: bool = False

    @property
    def column(self) -> str:
        """Its column in the table: of another kind it is another one."""
        return f"{PREFIX}{self.kind}_{self.key}"


@dataclass(slots=True)
class Seen:
    """What a manifest's columns hold, as far as it has been read."""

    kinds: dict[str, Kind | None] = field(default_factory=dict)
    values: dict[str, set[Any]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def note(self, row: Mapping[str, Any]) -> None:
        """Take the values of a row, none of them null, into account."""
        for name, value in row.items():
            kind = _kind(value)
            known = self.kinds.setdefault(name, kind)
            if kind != known:
                # Lists and objects are no values to compare; a mixture is read as texts.
                self.kinds[name] = None if None in (kind, known) else "text"
            self.counts[name] += 1
            values = self.values.setdefault(name, set())
            if kind is not None and len(values) <= FEW:
                values.add(value)

    def extras(self) -> list[Extra]:
        """The columns that become fields, each under a key of its own."""
        found: dict[str, Extra] = {}
        for at, (name, kind) in enumerate(self.kinds.items(), 1):
            if kind is None or len(found) == MOST:
                continue
            key = stem = _key(name) or f"column_{at}"
            times = 1
            while key in found:
                times += 1
                key = f"{stem}_{times}"
            found[key] = Extra(name=name, key=key, kind=kind, few=self._has_few(name))
        return list(found.values())

    def _has_few(self, name: str) -> bool:
        distinct = len(self.values[name])
        return distinct <= FEW and (distinct <= VERY_FEW or distinct <= self.counts[name] / 2)


def columns_of(texts: pa.ChunkedArray | pa.Array, extras: Iterable[Extra]) -> pa.Table:
    """The fields' columns, of what stands in ``extra``."""
    rows = [msgspec.json.decode(text) if text else {} for text in texts.to_pylist()]
    return pa.table(
        {
            each.column: pa.array(
                [_as(each.kind, row.get(each.name)) for row in rows], TYPES[each.kind]
            )
            for each in extras
        }
    )


def _kind(value: Any) -> Kind | None:
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int):
        return "number" if abs(value) <= _EXACT else "text"
    if isinstance(value, float):
        return "number"
    if isinstance(value, date):
        return "time"
    return "text" if isinstance(value, str) else None


def _as(kind: Kind, value: Any) -> Any:
    if value is None or kind == "flag":
        return value
    if kind == "number":
        return float(value)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _key(name: str) -> str:
    """A name as filters write it: it names a column too, so of ASCII alone."""
    plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    return _GAP.sub("_", plain).strip("_")[:60]
