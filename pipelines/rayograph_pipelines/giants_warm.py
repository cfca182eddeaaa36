"""The warm path of a giant's dataset: its whole picture is opened by its smallest tile."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from rayograph_pipelines.facts import ModelFacts
from rayograph_pipelines.giant import Giant
from rayograph_pipelines.warm import WarmPath


class GiantsWarm:
    """``WarmPath`` for a dataset whose first row nothing but libvips could open."""

    def __init__(self, warm: WarmPath, giant: Giant) -> None:
        self._warm, self._giant = warm, giant

    def metadata(self, rows: pa.Table) -> pa.Table:
        return pa.concat_tables(list(self.headers(rows)))

    def headers(self, rows: pa.Table) -> Iterator[pa.Table]:
        whole, rest = self._giant.whole(rows)
        if whole.num_rows:
            yield whole
        if rest.num_rows or not whole.num_rows:
            yield from self._warm.headers(rest)

    def load(self, model: str) -> ModelFacts:
        return self._warm.load(model)

    def embedding(self, rows: pa.Table, model: str) -> pa.Table:
        return self._warm.embedding(self._giant.stand_in(rows), model)

    def vectors(self, rows: pa.Table, model: str) -> Iterator[pa.Table]:
        return self._warm.vectors(self._giant.stand_in(rows), model)

    def measures(self, rows: pa.Table) -> Iterator[pa.Table]:
        return self._warm.measures(self._giant.stand_in(rows))
