"""Full text: the rows whose caption, prompt or path has all the words of a query, best first."""

from __future__ import annotations

import lance
import pyarrow as pa
from lance.query import FullTextOperator, MultiMatchQuery

from rayograph.catalog.filters import index_name
from rayograph.where.values import words

# Where words are looked for. Each has an index of words once a table is large.
WORD_COLUMNS = ("caption", "prompt", "file_name", "folder")
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


def find_words(
    snapshot: lance.LanceDataset, text: str, *, k: int, sql: str | None = None
) -> list[tuple[str, float]]:
    """The ids of up to ``k`` rows that have every telling word of ``text`` in one place.

    With their BM25 scores, best first. One circle and circles are the same word here. Nothing is
    found before there is an index of words: without one, capitals would matter.

    Args:
        sql: only rows that this filter picks.
    """
    known = telling(text)
    indices = {index.name for index in snapshot.describe_indices()} if known else set()
    columns = [name for name in WORD_COLUMNS if index_name(name, "INVERTED") in indices]
    if not columns:
        return []
    best: dict[str, float] = {}
    for form in _forms(known):
        query = MultiMatchQuery(form, columns, operator=FullTextOperator.AND)
        found: pa.Table = snapshot.scanner(
            columns=["id", "_score"],
            full_text_query=query,
            filter=sql,
            prefilter=sql is not None,
            limit=k,
        ).to_table()
        for image_id, score in zip(
            found["id"].to_pylist(), found["_score"].to_pylist(), strict=True
        ):
            best[image_id] = max(score, best.get(image_id, 0.0))
    return sorted(best.items(), key=lambda item: (-item[1], item[0]))[:k]


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
