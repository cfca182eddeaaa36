"""Full text: the rows whose caption, prompt or path has all the words of a query, best first."""

from __future__ import annotations

from typing import NamedTuple

import lance
from lance.query import FullTextOperator, MultiMatchQuery

from rayograph.catalog.filters import in_sight, index_name
from rayograph.where.fields import CAPTIONS
from rayograph.where.values import words

# Where words are looked for. Each has an index of words once a table is large.
WORD_COLUMNS = (*CAPTIONS, "prompt", "file_name", "folder")
# They are in nearly every sentence, so they tell no pictures apart.
# fmt: off
_COMMON = frozenset({
    "a", "an", "and", "are", "as", "at", "by", "for", "from", "in", "into", "is", "it", "its",
    "my", "of", "on", "or", "our", "some", "that", "the", "these", "this", "those", "to", "under",
    "up", "with",
})
# fmt: on


def telling(text: str) -> list[str]:
    """The words of a query that say something."""
    return [word for word in words(text) if word not in _COMMON]


class Worded(NamedTuple):
    """A row of a snapshot with the words of a query.

    ``closeness``: 2 more when they stand side by side, 1 more when in the number that was typed.
    """

    address: int
    closeness: int
    score: float


def find_words(
    snapshot: lance.LanceDataset, text: str, *, k: int, sql: str | None = None
) -> list[Worded]:
    """Up to ``k`` rows that have every telling word of ``text`` in one place.

    The closest come first, then by BM25. One circle and circles are the same word here. Nothing
    is found before there is an index of words: without one, capitals would matter.

    Args:
        sql: only rows that this filter picks.
    """
    known = telling(text)
    sql = sql or in_sight(snapshot)
    indices = {index.name for index in snapshot.describe_indices()} if known else set()
    columns = [name for name in WORD_COLUMNS if index_name(name, "INVERTED") in indices]
    best: dict[int, Worded] = {}
    for typed, form in zip((1, 0), _forms(known) if columns else (), strict=False):
        query = MultiMatchQuery(form, columns, operator=FullTextOperator.AND)
        table = snapshot.scanner(
            columns=["_score", *columns],
            full_text_query=query,
            filter=sql,
            prefilter=sql is not None,
            limit=k,
            with_row_address=True,
        ).to_table()
        for row in table.to_pylist():
            phrase = any(_has_phrase(row[name], form) for name in columns)
            found = Worded(row["_rowaddr"], 2 * phrase + typed, row["_score"])
            best[found.address] = max(found, best.get(found.address, found))
    order = sorted(best.values(), key=lambda each: (-each.closeness, -each.score, each.address))
    return order[:k]


def _has_phrase(text: str | None, form: str) -> bool:
    return f" {form} " in f" {' '.join(telling(text or ''))} "


def _forms(known: list[str]) -> list[str]:
    """The words as they are, and with the last one in its other number."""
    if not known:
        return []
    *rest, last = known
    return [" ".join([*rest, word]) for word in (last, _other_number(last))]


def _other_number(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        return word[:-1]
    if word.endswith("y") and word[-2:-1] not in {"a", "e", "o", "u"}:
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x", "ch", "sh")) else f"{word}s"
