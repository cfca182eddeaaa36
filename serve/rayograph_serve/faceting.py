"""Facets and folders: from a filter's text to counts, each facet without its own conditions."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from rayograph.catalog import Catalog, DatasetReader, DatasetRow
from rayograph.catalog.coding import Selection
from rayograph.catalog.counts import status_of
from rayograph.catalog.facets import Facets, Shelf
from rayograph.catalog.folders import Tree
from rayograph.errors import InvalidRequest
from rayograph.facets import (
    Choice,
    Facet,
    FacetList,
    FacetValue,
    Folder,
    FolderList,
    Histogram,
)
from rayograph.progress import embeds
from rayograph.where import FIELDS, Clause, Field, Said, clauses, only, said, without
from rayograph.where.fields import find, nearest
from rayograph.where.labelled import classes_field, is_labelled
from rayograph.where.matching import folder as as_folder
from rayograph.where.matching import is_named
from rayograph.where.own import OwnFields
from rayograph.where.syntax import Moment, Value, shown
from rayograph_serve.filters import chosen_by

_SCALES = ("number", "bytes", "ratio", "time")


class Faceting:
    """Counts what any dataset holds; safe to call from any thread."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._lock = threading.Lock()
        # A reader goes when its dataset does, and what was counted with it.
        self._kept: WeakKeyDictionary[DatasetReader, dict[bool, Facets]] = WeakKeyDictionary()

    def facets(
        self, row: DatasetRow, where: str | None, names: Sequence[str] | None, most: int
    ) -> FacetList:
        """The facets of these fields (default: of every field that has one).

        Raises:
            InvalidFilter: the filter makes no sense.
            InvalidRequest: a field has no facet.
        """
        own = row.own
        parts, fields = clauses(where, own.extras), chosen_fields(names, own)
        counting = self._of(row)
        shelf, current = counting.shelf(fields)
        picks = _Picks(row, counting, shelf)
        rows = picks.rows(where or "")
        items = [
            _facet(of, shelf, picks.rows(without(parts, of.name)), parts, most) for of in fields
        ]
        count, there = shelf.snapshot.count_rows(), picks.rows("")
        return FacetList(
            items=items,
            total=count if rows is None else len(rows),
            of=count if there is None else len(there),
            as_of=shelf.snapshot.version,
            current=current,
        )

    def shelf(self, row: DatasetRow, of: Field) -> Shelf:
        """A field of all rows as numbers."""
        return self._of(row).shelf([of])[0]

    def folders(
        self, row: DatasetRow, parents: Sequence[str], where: str | None, most: int
    ) -> FolderList:
        """What lies directly inside of some folders."""
        parts, of = clauses(where, row.own.extras), find("folder")
        assert of is not None
        counting = self._of(row)
        shelf, current = counting.shelf([of])
        rest = without(parts, "folder")
        picks = _Picks(row, counting, shelf)
        tree, totals, own = shelf.folders(picks.rows(rest))
        # A folder whose files are all gone is out of sight, as they are.
        seen = totals + shelf.folders(picks.rows(""))[1] > 0
        told = said(parts, "folder")
        inside = [at for parent in dict.fromkeys(parents) for at in _inside(tree, parent, seen)]
        inside.sort(key=lambda at: (tree.depths[at], tree.paths[at].casefold(), tree.paths[at]))
        items = [
            Folder(
                folder=(path := tree.paths[at]),
                name=path.rpartition("/")[2],
                count=int(totals[at]),
                folders=len(_inside(tree, path, seen)),
                chosen=_folder_choice(path, told),
            )
            for at in inside[:most]
        ]
        return FolderList(
            items=items,
            own=own,
            more=max(0, len(inside) - most),
            total=int(totals[0]) + own,
            clause=only(parts, "folder"),
            rest=rest,
            as_of=shelf.snapshot.version,
            current=current,
        )

    def _of(self, row: DatasetRow) -> Facets:
        reader, embedded = self._catalog.reader(row.dataset_id, row.serving), embeds(row)
        with self._lock:
            kept = self._kept.setdefault(reader, {})
            if embedded not in kept:
                kept[embedded] = Facets(reader, partial(status_of, embeds=embedded))
            return kept[embedded]


def _inside(tree: Tree, parent: str, seen: npt.NDArray[np.bool_]) -> list[int]:
    """The places of the folders directly inside of one that are to be seen."""
    return [at for at in tree.children.get(parent, []) if seen[at]]


class _Picks:
    """What several filters pick of one version, each found once."""

    def __init__(self, row: DatasetRow, counting: Facets, shelf: Shelf) -> None:
        self._row, self._counting, self._shelf = row, counting, shelf
        self._found: dict[str, Selection | None] = {}

    def rows(self, where: str) -> Selection | None:
        """The rows; None: all."""
        if where not in self._found:
            chosen = chosen_by(self._row, where or None)
            self._found[where] = self._counting.picked(self._shelf, chosen)
        return self._found[where]


def has_facet(of: Field) -> bool:
    """Whether a field's values can be counted so that it helps; folders have their own tree."""
    listed = of.listed or bool(of.choices) or of.kind in (*_SCALES, "flag")
    return listed and of.kind != "folder"


def chosen_fields(names: Sequence[str] | None, own: OwnFields) -> list[Field]:
    """The fields of these names, or all that have a facet.

    Raises:
        InvalidRequest: one has none.
    """
    of_dataset = {f"labels.{one.name}": classes_field(one) for one in own.labellings.items}
    of_dataset |= own.extras
    if names is None:
        return [of for of in (*FIELDS, *of_dataset.values()) if has_facet(of)]
    found = []
    for name in names:
        of = of_dataset.get(name.lower()) or find(name)
        if of is None or not has_facet(of) or (is_labelled(of.name) and of.sql is None):
            close = nearest(name)
            hint = f"did you mean {close}?" if of is None and close else "leave it out for all"
            raise InvalidRequest(f"there is no facet {name[:64]!r}", hint=hint)
        found.append(of)
    return list(dict.fromkeys(found))


def _facet(
    of: Field, shelf: Shelf, rows: Selection | None, parts: list[Clause], most: int
) -> Facet:
    coded, counts = shelf.coded[of.name], shelf.counts(of.name, rows)
    told = said(parts, of.name)
    facet = Facet(
        name=of.name,
        kind=of.kind,
        about=of.about,
        single=of.kind != "tags" or of.single,
        missing=counts[-1],
        missing_chosen=None if told.missing is None else "in" if told.missing else "out",
        min=coded.ends[0] if coded.ends else None,
        max=coded.ends[1] if coded.ends else None,
        clause=only(parts, of.name),
        rest=without(parts, of.name),
    )
    if coded.edges:
        facet.histogram = Histogram(edges=list(coded.edges), counts=counts[:-1])
        facet.low, facet.high = _end(told.low), _end(told.high)
        return facet
    marks = _marks(told)
    if of.kind == "named":
        # A number alone stands for the value that has it.
        marks = {each: marks[key] for each in coded.labels for key in marks if is_named(each, key)}
    listed = _listed(counts[:-1], coded.labels, marks, most)
    facet.values = [_value(coded.labels[at], counts[at], marks) for at in listed]
    if of.kind != "text":
        # A filter may name what no image has (any more).
        strangers = sorted(marks.keys() - set(coded.labels))
        facet.values += [_value(text, 0, marks) for text in strangers]
    facet.more = len(coded.labels) - len(listed)
    return facet


def _marks(told: Said) -> dict[str, Choice]:
    wanted: dict[str, Choice] = {_text(value): "in" for value in told.wanted}
    return wanted | {_text(value): "out" for value in told.unwanted}


def _listed(
    counts: list[int], labels: Sequence[str], marks: dict[str, Choice], most: int
) -> list[int]:
    """The places of the values to list, in an order that no filter changes."""
    if len(labels) <= most:
        return list(range(len(labels)))
    often = np.argsort(-np.array(counts), kind="stable")[:most].tolist()
    chosen = [at for at, label in enumerate(labels) if label in marks] if marks else []
    return sorted({*often, *chosen})


def _value(label: str, count: int, marks: dict[str, Choice]) -> FacetValue:
    return FacetValue(value=label, count=count, chosen=marks.get(label))


def _text(value: Value) -> str:
    return value if isinstance(value, str) else shown(value)


def _end(value: Value | None) -> float | str | None:
    return value.text if isinstance(value, Moment) else value


def _folder_choice(path: str, told: Said) -> Choice | None:
    for values, choice in ((told.wanted, "in"), (told.unwanted, "out")):
        if any(isinstance(value, str) and as_folder(value) == path for value in values):
            return "in" if choice == "in" else "out"
    return None
