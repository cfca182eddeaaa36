"""What people decided about duplicates, kept by content: it outlives rescans and models.

A row is a pair of content hashes: that of an image and that of the best one of its group; the same
twice says it of copies of one content. Edits are few and small, and go straight into the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

import lance
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.catalog.conflicts import until_committed
from rayograph.catalog.files import open_or_make, open_table
from rayograph.errors import CatalogError

_SCHEMA = pa.schema(
    [
        pa.field("content_hash", pa.string(), nullable=False),
        pa.field("best_hash", pa.string(), nullable=False),
        pa.field("decision", pa.string(), nullable=False),
        pa.field("decided_at", pa.string(), nullable=False),
    ]
)


# Stands for the best one where there is none: somebody hid an image, whatever it is a copy of.
BY_HAND = ""
_AT_ONCE = 5_000


class Decisions(NamedTuple):
    """Every decision of a dataset, in one version; ``by_pair`` has the pairs both ways round where
    it is about both, and leaves out what was hidden by hand."""

    version: int
    table: pa.Table
    by_pair: dict[tuple[str, str], str]


class DecisionBook:
    """The decisions of one dataset; any number may write at once."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def read(self) -> Decisions:
        """The newest."""
        dataset = open_table(self._uri)
        if dataset is None:
            return Decisions(0, _SCHEMA.empty_table(), {})
        table = dataset.to_table()
        by_pair: dict[tuple[str, str], str] = {}
        pairs = table.filter(pc.not_equal(table["best_hash"], BY_HAND))
        for one, other, decision, _ in zip(*(c.to_pylist() for c in pairs.columns), strict=True):
            by_pair[one, other] = decision
            if decision == "not_duplicates":
                by_pair[other, one] = decision
        return Decisions(int(dataset.version), table, by_pair)

    def decide(self, pairs: Iterable[tuple[str, str]], decision: str | None) -> None:
        """Note one decision on some pairs in one commit; None takes back what was decided."""
        pairs = list(dict.fromkeys(pairs))
        now = datetime.now(UTC).isoformat()
        rows = pa.Table.from_pylist(
            [
                {
                    "content_hash": one,
                    "best_hash": other,
                    "decision": decision or "",
                    "decided_at": now,
                }
                for one, other in pairs
            ],
            _SCHEMA,
        )
        self._change(lambda book: _taken_back(book, rows) if decision is None else _put(book, rows))

    def hidden(self) -> tuple[pa.Array, pa.Array]:
        """The contents of which nothing is to be seen, and those of which one copy is."""
        book = open_table(self._uri)
        said = "decision = 'hide'"
        hide = _SCHEMA.empty_table() if book is None else book.to_table(filter=said)
        own = pc.equal(hide["content_hash"], hide["best_hash"])
        whole = pc.unique(hide.filter(pc.invert(own))["content_hash"])
        return whole, pc.unique(hide.filter(own)["content_hash"])

    def hide(self, contents: Iterable[str]) -> None:
        """Note that nothing of these contents is to be seen."""
        self.decide(((one, BY_HAND) for one in contents), "hide")

    def show(self, contents: Iterable[str]) -> None:
        """Take back all that hides these contents, decided by hand or beside a best one."""
        known = sorted(set(contents))
        for start in range(0, len(known), _AT_ONCE):
            listed = ", ".join(f"'{one}'" for one in known[start : start + _AT_ONCE])
            self._delete(f"decision = 'hide' and content_hash in ({listed})")

    def _delete(self, gone: str) -> None:
        self._change(lambda book: book.delete(gone))

    def _change(self, change: Callable[[lance.LanceDataset], object]) -> None:
        try:
            until_committed(lambda: change(open_or_make(self._uri, _SCHEMA)))
        except (OSError, RuntimeError) as error:
            raise CatalogError("the decision could not be noted", hint="try again") from error


def _put(book: lance.LanceDataset, rows: pa.Table) -> None:
    merge = book.merge_insert(["content_hash", "best_hash"])
    merge.when_matched_update_all().when_not_matched_insert_all().execute(rows)


def _taken_back(book: lance.LanceDataset, rows: pa.Table) -> None:
    pairs = zip(rows["content_hash"].to_pylist(), rows["best_hash"].to_pylist(), strict=True)
    each = " or ".join(
        f"(content_hash = '{a}' and best_hash = '{b}')"
        for one, other in pairs
        for a, b in {(one, other), (other, one)}
    )
    book.delete(each)
