"""Analyses from being asked for to their result, on a real catalog, with no Ray."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa
import pytest

from rayograph.analysis.asked import (
    ClustersAsked,
    DuplicatesAsked,
    OutliersAsked,
    SampleAsked,
    asked_of,
)
from rayograph.catalog.analyses import Wanted
from rayograph.catalog.analysis_data import marks_of
from rayograph.catalog.curation import Edit
from rayograph.errors import DatasetNotFound, InvalidRequest, NotReady
from rayograph_pipelines import analysis_duplicates
from rayograph_pipelines.analyses import Analyst
from tests.analysed import Hashed, Place
from tests.working import (
    WAIT_S,
    Warm,
    names,
    opened,
    run_of,
    touch,
)

EXACT, NEAR = DuplicatesAsked(kind="exact"), DuplicatesAsked(kind="near")
SEMANTIC = DuplicatesAsked(kind="semantic", threshold=0.999)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, Hashed())


@pytest.fixture
def bare(tmp_path: Path) -> Place:
    return Place(tmp_path, None)


# -- what comes out ---------------------------------------------------------------------------


def test_duplicates_of_each_kind(place: Place) -> None:
    sizes = {}
    for asked in (EXACT, NEAR, SEMANTIC):
        rows, about = place.worked(asked)
        groups = [row["group"] for row in rows]
        sizes[asked.kind] = [groups.count(n) for n in sorted({*groups})]
        assert groups == sorted(groups)
        for number in {*groups}:
            best = [row["best"] for row in rows if row["group"] == number]
            assert best == [True] + [False] * (len(best) - 1)
        assert (about.covered, about.total) == (12, 12)
        assert about.marks == marks_of(place.catalog.reader(place.row.dataset_id))
    # The names end in 0 to 9 and 0, 1: of each content four.
    assert sizes == {"exact": [5, 4, 3], "near": [9, 3], "semantic": [5, 4, 3]}
    assert place.read == []


def test_what_no_model_looks_at_is_read_once(bare: Place) -> None:
    rows, about = bare.worked(NEAR)
    assert ([row["group"] for row in rows], about.covered) == ([0] * 12, 12)
    assert (len(bare.read), ("reading files", 12, 12) in bare.told) == (12, True)
    rows, _ = bare.worked(EXACT)
    assert len(rows) == len(bare.read) == 12


def test_only_files_of_a_size_that_another_has_can_be_copies(bare: Place) -> None:
    contents = {path: b"x" * n for n, path in enumerate(sorted(bare.folder.iterdir())[:3])}
    for path, content in contents.items():
        path.write_bytes(content)
    again = opened(bare.settings, bare.folder, first=99, model=None, embed_note="no model")
    assert again.dataset_id == bare.row.dataset_id
    bare.catalog.delete(again.dataset_id)
    bare.row = opened(bare.settings, bare.folder, first=99, model=None, embed_note="no model")
    bare.worked(EXACT)
    assert len(bare.read) == 10


def test_a_kill_while_files_are_read_costs_the_last_lot(
    bare: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis_duplicates, "_LOT", 5)
    whole = bare.fingerprints

    def killed(rows: pa.Table, decode: bool) -> Iterator[pa.Table]:
        parts = whole(rows, decode)
        yield next(parts)
        raise RuntimeError("killed")

    monkeypatch.setattr(bare, "fingerprints", killed)
    with pytest.raises(RuntimeError):
        bare.worked(NEAR)
    monkeypatch.setattr(bare, "fingerprints", whole)
    bare.worked(NEAR)
    assert sorted(bare.read) == sorted(names(12))


def test_outliers_have_the_farthest_first(place: Place) -> None:
    rows, about = place.worked(OutliersAsked(neighbours=4))
    scores = [row["score"] for row in rows]
    assert len(rows) == 12
    assert scores == sorted(scores, reverse=True)
    assert (about.model, about.model_key) == ("fake", "fake-1")


def test_samples_are_seeded_filtered_and_balanced(place: Place) -> None:
    rows, _ = place.worked(SampleAsked(method="random", n=5))
    again, _ = place.worked(SampleAsked(method="random", n=5))
    other, _ = place.worked(SampleAsked(method="random", n=5, seed=1))
    assert rows == again != other
    rows, _ = place.worked(SampleAsked(method="diverse", n=3))
    assert len(rows) == 3
    rows, _ = place.worked(SampleAsked(method="balanced", share=0.5, by="content_hash"))
    assert len(rows) == 6
    rows, about = place.worked(SampleAsked(method="typical", where="name=00001.jpg"))
    assert (len(rows), about.total) == (1, 1)
    for wrong in ({"by": "nothing"}, {"by": "tags"}):
        with pytest.raises(InvalidRequest):
            place.worked(SampleAsked(method="balanced", **wrong))
    with pytest.raises(NotReady):
        place.worked(SampleAsked(where="name=nobody"))


def test_a_balanced_sample_takes_as_many_of_each_value(place: Place) -> None:
    rows, _ = place.worked(SampleAsked(method="balanced", n=6, by="content_hash"))
    reader = place.catalog.reader(place.row.dataset_id)
    found = [record["content_hash"] for record in reader.records([row["id"] for row in rows])]
    assert sorted(found) == [f"content {n}" for n in (0, 0, 1, 1, 2, 2)]


def test_clusters_keep_their_names_while_a_dataset_grows(place: Place) -> None:
    rows, about = place.worked(ClustersAsked())
    levels = about.more["levels"]
    assert [sum(one["size"] for one in level) for level in levels] == [12] * len(levels)
    assert all(row["cluster_0"] == 0 for row in rows)
    assert levels[0][0]["words"]
    touch(place.folder, "00012.jpg", "00013.jpg")
    place.catalog.update(place.row.dataset_id, listed=False)
    run_of(place.settings, place.row, Hashed()).work()
    rows, again = place.worked(ClustersAsked())
    assert (len(rows), again.more["levels"][0][0]["words"]) == (14, levels[0][0]["words"])


def test_without_vectors_there_is_nothing_to_compare(bare: Place) -> None:
    for asked in (SEMANTIC, OutliersAsked(), ClustersAsked(), asked_of("map", {})):
        with pytest.raises(NotReady):
            bare.worked(asked)


# -- where it is kept -------------------------------------------------------------------------


def test_marks_change_with_vectors_and_not_with_tags(place: Place) -> None:
    reader = place.catalog.reader(place.row.dataset_id)
    before = marks_of(reader)
    place.catalog.curator(place.row.dataset_id).apply(Edit(tags_add=("x",)), lambda _: "true")
    assert marks_of(reader) == before
    touch(place.folder, "more.jpg", "more0.jpg")
    place.catalog.update(place.row.dataset_id, listed=False)
    run_of(place.settings, place.row, Warm()).work()
    assert marks_of(reader) != before


def test_a_result_goes_with_its_dataset(place: Place) -> None:
    place.catalog.analyses.note(Wanted(place.row.dataset_id, EXACT))
    place.worked(EXACT)
    place.catalog.analyses.decisions(place.row.dataset_id).decide([("a", "b")], "hide")
    place.catalog.delete(place.row.dataset_id)
    assert place.catalog.analyses.result(place.row.dataset_id, EXACT) is None
    assert place.catalog.analyses.wanted() == []
    home = Path(place.catalog.uri)
    assert {path.name for path in home.glob("*.lance")} == {"_datasets.lance", "_analyses.lance"}


def test_a_table_of_the_version_before_is_read_and_completed(place: Place) -> None:
    table = lance.dataset(f"{place.catalog.uri}/{place.row.dataset_id}.lance")
    table.drop_columns(["phash"])
    reader = place.catalog.reader(place.row.dataset_id)
    assert reader.records(reader.column("id").to_pylist()[:1])[0]["content_hash"]
    rows, _ = place.worked(NEAR)
    assert (len(place.read), len(rows)) == (12, 12)
    writer = place.catalog.writer(place.row.dataset_id)
    assert "phash" in writer.read_group("embedding", 0).column_names


def test_decisions_are_noted_taken_back_and_read_both_ways(place: Place) -> None:
    book = place.catalog.analyses.decisions(place.row.dataset_id)
    assert book.read().by_pair == {}
    book.decide([("a", "b"), ("a", "c")], "hide")
    book.decide([("b", "c")], "not_duplicates")
    book.decide([("a", "b")], "keep")
    assert book.read().by_pair == {
        ("a", "b"): "keep",
        ("a", "c"): "hide",
        ("b", "c"): "not_duplicates",
        ("c", "b"): "not_duplicates",
    }
    book.decide([("c", "b"), ("a", "b")], None)
    assert book.read().by_pair == {("a", "c"): "hide"}


# -- the queue --------------------------------------------------------------------------------


class Worker:
    """Does what each test says, in the analyst's thread."""

    def __init__(self, does: Callable[[Wanted, threading.Event], bool]) -> None:
        self.does = does
        self.seen: list[str] = []

    def work(self, wanted: Wanted, stop: threading.Event) -> bool:
        self.seen.append(wanted.asked.analysis)
        return self.does(wanted, stop)


class Shown:
    """What an analyst says, and when it is done with a key."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.over: list[str] = []

    def __call__(self, key: str, said: dict[str, Any] | None) -> None:
        with self.changed:
            if said is None:
                self.over.append(key)
            self.changed.notify_all()

    def wait_for(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.over) >= count, WAIT_S)


def until_stopped(wanted: Wanted, stop: threading.Event) -> bool:
    assert stop.wait(WAIT_S)
    return False


def states(place: Place) -> dict[str, tuple[str, str | None]]:
    found = place.catalog.analyses.wanted()
    return {one.asked.analysis: (one.state, one.error) for one in found}


def test_analyses_are_done_in_turn_and_noted(place: Place) -> None:
    asked_twice = threading.Event()
    shown, worker = Shown(), Worker(lambda *_: asked_twice.wait(WAIT_S))
    analyst = Analyst(place.catalog, worker, shown)
    for asked in (EXACT, OutliersAsked(), EXACT, OutliersAsked()):
        analyst.start(place.row.dataset_id, asked)
    asked_twice.set()
    shown.wait_for(2)
    assert worker.seen == ["duplicates", "outliers"]
    assert {state for state, _ in states(place).values()} == {"done"}


def test_what_fails_says_why_and_nothing_internal(place: Place) -> None:
    def fails(wanted: Wanted, stop: threading.Event) -> bool:
        if wanted.asked.analysis == "duplicates":
            raise NotReady("no vectors")
        raise RuntimeError("/secret/path")

    shown = Shown()
    analyst = Analyst(place.catalog, Worker(fails), shown)
    analyst.start(place.row.dataset_id, EXACT)
    analyst.start(place.row.dataset_id, OutliersAsked())
    shown.wait_for(2)
    found = states(place)
    assert found["duplicates"] == ("failed", "no vectors")
    assert found["outliers"][0] == "failed"
    assert "secret" not in str(found["outliers"][1])


def test_cancelling_ends_what_runs_and_what_waits(place: Place) -> None:
    shown = Shown()
    worker = Worker(until_stopped)
    analyst = Analyst(place.catalog, worker, shown)
    analyst.start(place.row.dataset_id, OutliersAsked())
    analyst.start(place.row.dataset_id, EXACT)
    analyst.start(place.row.dataset_id, NEAR)
    analyst.cancel(place.row.dataset_id, "duplicates")
    analyst.cancel(place.row.dataset_id, "outliers")
    assert analyst.busy() == []
    assert {state for state, _ in states(place).values()} == {"cancelled"}
    assert worker.seen == ["outliers"]


def test_a_new_foreman_goes_on_with_what_is_wanted(place: Place) -> None:
    analyses = place.catalog.analyses
    analyses.note(Wanted(place.row.dataset_id, EXACT))
    analyses.note(Wanted(place.row.dataset_id, OutliersAsked(), "done"))
    shown, worker = Shown(), Worker(lambda *_: True)
    Analyst(place.catalog, worker, shown).go_on()
    shown.wait_for(1)
    assert worker.seen == ["duplicates"]


def test_nothing_is_noted_of_a_dataset_that_goes(place: Place) -> None:
    shown = Shown()
    analyst = Analyst(place.catalog, Worker(until_stopped), shown)
    analyst.start(place.row.dataset_id, EXACT)
    analyst.forget(place.row.dataset_id)
    place.catalog.delete(place.row.dataset_id)
    assert (analyst.busy(), place.catalog.analyses.wanted()) == ([], [])
    with pytest.raises(DatasetNotFound):
        analyst.start(place.row.dataset_id, EXACT)
