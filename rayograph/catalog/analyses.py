"""Where analyses are kept: what has been asked for, and each result as a table of its own.

A result is written whole, in one commit, with what it was made of in the metadata of its schema:
there is never half of one, and never a result that does not say where it came from. What is asked
for is a row of ``_analyses`` from the moment it is asked until its dataset goes, so that a kill
forgets nothing. The foreman alone writes here; anybody reads.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal

import lance
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rayograph.analysis.asked import Asked, from_text, name_of, to_text
from rayograph.catalog.columns import MISSING, Space
from rayograph.catalog.conflicts import until_committed
from rayograph.catalog.corrections import CorrectionBook
from rayograph.catalog.decisions import DecisionBook
from rayograph.catalog.files import VERSION, open_or_make, open_table
from rayograph.errors import CatalogError

log = logging.getLogger(__name__)
AskedState = Literal["wanted", "done", "failed", "cancelled"]
_TABLE = "_analyses"
_SCHEMA = pa.schema(
    [
        pa.field("dataset_id", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("asked", pa.string(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        pa.field("error", pa.string()),
        pa.field("changed_at", pa.string(), nullable=False),
    ]
)
_ABOUT = b"rayograph.about"
# Side tables a kind keeps beside its result, so that nothing is worked out twice.
SIDES = (
    "fingerprints",
    "pairs",
    "centroids",
    "places",
    "decisions",
    "corrections",
    "labelled",
    "labels_tagged",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An analysis somebody asked for."""

    dataset_id: str
    asked: Asked
    state: AskedState = "wanted"
    error: str | None = None

    @property
    def name(self) -> str:
        return name_of(self.asked)

    @property
    def key(self) -> str:
        """Its name in the whole catalog."""
        return f"{self.dataset_id}.{self.name}"


@dataclass(frozen=True, slots=True)
class About:
    """Where a result came from.

    ``marks`` are those of the data it was made of; a result whose marks are not the table's of now
    is stale. ``covered`` of ``total`` images could be looked at.
    """

    covered: int
    total: int
    marks: str
    model: str | None = None
    model_key: str | None = None
    table_version: int = 0
    code_version: str = ""
    made_at: str = ""
    took_s: float = 0.0
    more: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> About:
        known = {f.name for f in fields(cls)}
        return cls(**{key: value for key, value in json.loads(text).items() if key in known})


class Result:
    """One version of a result: its rows in their order, and where they came from."""

    def __init__(self, dataset: lance.LanceDataset) -> None:
        self._dataset = dataset
        self.uri = str(dataset.uri)
        self.version = int(dataset.version)
        self.about = About.read((dataset.schema.metadata or {})[_ABOUT].decode())

    @property
    def rows(self) -> int:
        return int(self._dataset.count_rows())

    def page(self, offset: int, limit: int, names: list[str] | None = None) -> pa.Table:
        """Rows ``offset`` to ``offset + limit``."""
        scan = self._dataset.scanner(columns=names, offset=offset, limit=limit)
        return scan.to_table().combine_chunks()

    def take(self, rows: npt.NDArray[np.int64], names: list[str] | None = None) -> pa.Table:
        """Some rows, in the order given."""
        return self._dataset.take(rows.tolist(), columns=names)

    def column(self, name: str) -> pa.ChunkedArray:
        return self._dataset.to_table(columns=[name])[name]

    def table(self, names: list[str] | None = None) -> pa.Table:
        return self._dataset.to_table(columns=names)


class Analyses:
    """A catalog's analyses; safe to share between threads."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    # -- what was asked -----------------------------------------------------------------------

    def wanted(self, dataset_id: str | None = None) -> list[Wanted]:
        """Everything that was ever asked (of a dataset), as it stands."""
        table = open_table(self._at(_TABLE))
        found = []
        for row in table.to_table().to_pylist() if table is not None else ():
            if dataset_id in (None, row["dataset_id"]):
                # One of a newer version means nothing here.
                with contextlib.suppress(ValueError):
                    asked = from_text(row["asked"])
                    found.append(Wanted(row["dataset_id"], asked, row["state"], row["error"]))
        return found

    def find(self, dataset_id: str, asked: Asked) -> Wanted | None:
        name = name_of(asked)
        return next((one for one in self.wanted(dataset_id) if one.name == name), None)

    def note(self, wanted: Wanted) -> None:
        """Remember how an analysis stands."""
        row = {
            "dataset_id": wanted.dataset_id,
            "name": wanted.name,
            "asked": to_text(wanted.asked),
            "state": wanted.state,
            "error": wanted.error,
            "changed_at": datetime.now(UTC).isoformat(),
        }
        table = pa.Table.from_pylist([row], _SCHEMA)

        def change(asked: lance.LanceDataset) -> None:
            merge = asked.merge_insert(["dataset_id", "name"])
            merge.when_matched_update_all().when_not_matched_insert_all().execute(table)

        self._change(change)

    def forget(self, dataset_id: str) -> None:
        """Drop all results of a dataset, and that they were asked for."""
        gone = self.wanted(dataset_id)
        if gone:
            self._change(lambda asked: asked.delete(f"dataset_id = '{dataset_id}'"))
        names = [one.key for one in gone]
        for name in [*names, *(f"{dataset_id}.{side}" for side in SIDES)]:
            self._drop(name)

    def drop(self, wanted: Wanted) -> None:
        """Forget one: its result, and that it was asked for."""
        chosen = f"dataset_id = '{wanted.dataset_id}' and name = '{wanted.name}'"
        if self.find(wanted.dataset_id, wanted.asked) is not None:
            self._change(lambda asked: asked.delete(chosen))
        self._drop(wanted.key)

    # -- results ------------------------------------------------------------------------------

    def result(self, dataset_id: str, asked: Asked) -> Result | None:
        """The newest result; None: there is none yet."""
        with contextlib.suppress(ValueError, OSError, KeyError):
            return Result(lance.dataset(self._at(f"{dataset_id}.{name_of(asked)}")))
        return None

    def write(self, wanted: Wanted, rows: pa.Table, about: About) -> None:
        """Put a result in place of the one before, in one commit."""
        about = replace(about, made_at=datetime.now(UTC).isoformat())
        told = {_ABOUT: json.dumps(asdict(about)).encode()}
        uri = self._at(wanted.key)
        lance.write_dataset(
            rows.replace_schema_metadata(told), uri, mode="overwrite", data_storage_version=VERSION
        )
        # The version before may still be read by somebody; the one before that by nobody.
        with contextlib.suppress(OSError, RuntimeError):
            lance.dataset(uri).cleanup_old_versions(retain_versions=2)

    # -- side tables --------------------------------------------------------------------------

    def side(
        self, dataset_id: str, name: str, image_ids: list[str] | None = None
    ) -> pa.Table | None:
        """A table that is kept beside the results (of some checked ids); None: there is none."""
        listed = ", ".join(f"'{key}'" for key in image_ids or ())
        only = None if image_ids is None else f"id in ({listed})"
        with contextlib.suppress(ValueError, OSError):
            return lance.dataset(self._at(f"{dataset_id}.{name}")).to_table(filter=only)
        return None

    def add_to_side(self, dataset_id: str, name: str, rows: pa.Table) -> None:
        lance.write_dataset(
            rows, self._at(f"{dataset_id}.{name}"), mode="append", data_storage_version=VERSION
        )

    def decisions(self, dataset_id: str) -> DecisionBook:
        """What people decided about duplicates; anybody may write there."""
        return DecisionBook(self._at(f"{dataset_id}.decisions"))

    def corrections(self, dataset_id: str) -> CorrectionBook:
        """What people said of labels; anybody may write there."""
        return CorrectionBook(self._at(f"{dataset_id}.corrections"))

    def set_side(self, dataset_id: str, name: str, rows: pa.Table) -> None:
        lance.write_dataset(
            rows, self._at(f"{dataset_id}.{name}"), mode="overwrite", data_storage_version=VERSION
        )

    # -- inside -------------------------------------------------------------------------------

    def _at(self, name: str) -> str:
        return f"{self._uri}/{name}.lance"

    def _change(self, change: Any) -> None:
        try:
            until_committed(lambda: change(open_or_make(self._at(_TABLE), _SCHEMA)))
        except (OSError, RuntimeError) as error:
            reason = str(error).splitlines()[0][:200]
            raise CatalogError(f"cannot note an analysis: {reason}") from error

    def _drop(self, name: str) -> None:
        import lancedb

        try:
            lancedb.connect(self._uri).drop_table(name, ignore_missing=True)
        except (OSError, RuntimeError, ValueError):
            log.exception("the table %s stays behind", name)


def marks(
    snapshot: lance.LanceDataset, names: list[str], fragments: list[Any] | None = None
) -> str:
    """What changes when the data of these columns does (of some fragments; default: of all), and
    not when somebody tags an image."""
    wanted = {f.id() for f in snapshot.lance_schema.fields() if f.name() in names}
    wanted |= {
        child.id()
        for f in snapshot.lance_schema.fields()
        if f.name() in names
        for child in f.children()
    }
    digest = hashlib.blake2b(digest_size=12)
    for fragment in snapshot.get_fragments() if fragments is None else fragments:
        about = fragment.metadata
        files = sorted(file.path for file in about.files if wanted & set(file.fields))
        if files:
            digest.update(f"{fragment.fragment_id}{files}{about.deletion_file}".encode())
    return digest.hexdigest()


def data_of(space: Space) -> list[str]:
    """The columns an analysis of any kind is made of."""
    return [space.vector, space.content_hash, *MISSING.names]
