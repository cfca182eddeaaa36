"""From vectors to scores: heads, probes, and what a run does not do twice; no HTTP."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rayograph.analysis.asked import LabelsAsked
from rayograph.catalog.label_counts import LabelCounts
from rayograph.catalog.labels import LabelTable
from rayograph.catalog.picking import filter_of
from rayograph.errors import InvalidFilter, NotFound, NotReady
from rayograph.labelling.definition import Labelling, Labellings, classes_of, key_of
from rayograph.labelling.heads import Head, by_words, from_table, one, scale_of, several, to_table
from rayograph.labelling.probe import Examples, fitted, prior_of, refined
from rayograph.where import fields_of
from rayograph.where.own import OwnFields
from rayograph_pipelines.run import Run
from tests.labelled import Lettered, WordPlace
from tests.working import names, run_of, touch


def labelling_of(*classes: str, several: bool = False, name: str = "things") -> Labelling:
    found = classes_of([(each, [], None) for each in classes], several)
    return Labelling(number=0, name=name, several=several, classes=found, created_at="now")


def labelled(place: WordPlace, *classes: str, **more: bool) -> Labelling:
    """The dataset's labels, scored."""
    labelling = labelling_of(*classes, **more)
    kept = Labellings().put(labelling).model_dump(mode="json")
    place.row = place.catalog.update(place.row.dataset_id, labels=kept)
    place.worked(LabelsAsked(number=0))
    return labelling


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_shares_of_one_class_and_none_are_one_together() -> None:
    scores = one(np.array([[0.0, 0.0], [9.0, 0.0], [-9.0, -9.0]], np.float32))
    assert scores.values[0] == pytest.approx([1 / 3, 1 / 3])
    assert scores.best.tolist()[1:] == [0, -1]
    assert scores.certainty[1] > 0.99 > scores.certainty[0]


def test_what_people_said_is_put_over_scores() -> None:
    logits = np.array([[9.0, 0.0], [9.0, 8.0], [9.0, 0.0]], np.float32)
    said = np.array([[0, 1], [-1, 0], [0, 0]], np.int8)
    scores = one(logits, said)
    assert scores.values[0].tolist() == [0, 1] and scores.values[1][0] == 0
    assert scores.best.tolist() == [1, 1, 0]
    assert scores.certainty.tolist()[:2] == [1, 1]
    many = several(logits, said)
    assert many.values[0][1] == 1 and many.values[1][0] == 0
    assert many.values[0][0] > 0.99
    assert many.best.tolist() == [1, 1, 0]


def test_odds_are_even_where_few_unrelated_pictures_are_as_alike() -> None:
    rng = np.random.default_rng(0)
    texts, pictures = unit(rng.normal(size=(80, 64))), unit(rng.normal(size=(500, 64)))
    scale = scale_of(texts, pictures)
    values = by_words(texts, scale, several=True).scores(pictures).values
    assert (values >= 0.5).mean() == pytest.approx(0.025, abs=0.002)
    assert np.median(values) == pytest.approx(1 / (1 + np.exp(4)), rel=0.1)


def test_a_head_comes_back_from_a_table() -> None:
    head = Head(np.eye(3, 5, dtype=np.float32), np.arange(3, dtype=np.float32), several=True)
    again = from_table(to_table(head, ["a", "b", "c"]), several=True)
    assert again.mark == head.mark
    assert Head(head.weights, head.bias, several=False).mark != head.mark


@pytest.mark.parametrize("many", [False, True])
def test_a_probe_stays_with_the_words_until_it_is_told_otherwise(many: bool) -> None:
    words = Head(np.float32(10) * np.eye(2, 8, dtype=np.float32), np.full(2, -3, np.float32), many)
    rng = np.random.default_rng(1)
    kinds = np.repeat([0, 5], 20)
    vectors = unit(np.eye(8)[kinds] + 0.05 * rng.normal(size=(40, 8)))
    said = np.full((40, 2), -1, np.int8)
    said[:, 0] = 1
    examples = Examples(vectors, said, np.ones(40, np.float32))
    prior = prior_of(words, vectors)
    assert set(prior.said[:, 0].tolist()) == {1, -1}
    before = words.scores(vectors).values[20:, 0]
    after = refined(words, examples, prior, [0.5, 0.5])
    assert after.head.scores(vectors).values[20:, 0].min() > 0.5 > before.max()
    assert after.words_right == pytest.approx(0.75) and after.probe_right == 1.0
    dear = fitted(words, examples, 1e6)
    assert np.abs(dear.weights - words.weights).max() < 0.01


def test_three_corrections_make_a_probe_and_no_promise() -> None:
    words = Head(np.eye(1, 4, dtype=np.float32), np.zeros(1, np.float32), several=False)
    examples = Examples(np.eye(3, 4, dtype=np.float32), np.ones((3, 1), np.int8), np.ones(3))
    found = refined(words, examples, examples.take(np.zeros(3, bool)), [0.0])
    assert (found.words_right, found.probe_right, found.examples) == (None, None, 3)


def test_names_are_written_as_filters_can_say_them() -> None:
    assert [key_of(t) for t in ("Red  Car!", "3 cats", "Größe", "?")] == [
        "red_car", "_3_cats", "grösse", ""]  # fmt: skip
    labelling = labelling_of("certainty", "cat")
    assert labelling.classes[0].key == "certainty_"
    with pytest.raises(NotFound):
        labelling.place("dog")


def test_a_filter_of_labels_is_one_of_columns() -> None:
    known = Labellings().put(labelling_of("cat", "red car"))
    tree = OwnFields(known).parse('not labels.Things:"red car" and labels.things.cat<0.2')
    assert {"@label_0_best?", "@label_0_1?", "@label_0_0"} == fields_of(tree)
    for wrong in ('labels.things:"c*"', "labels.other:cat", "labels.things.dog>1"):
        with pytest.raises(InvalidFilter):
            OwnFields(known).parse(wrong)


def test_only_what_is_new_is_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = WordPlace(tmp_path, 12)
    scored: list[int] = []
    score = LabelTable.score

    def watched(self: LabelTable, fragments: list[int], head: Head) -> int:
        scored.extend(fragments)
        return score(self, fragments, head)

    monkeypatch.setattr(LabelTable, "score", watched)
    labelling = labelled(place, "cat", "dog")
    first = len(scored)
    assert first == len(place.catalog.reader(place.row.dataset_id).fragments())
    place.worked(LabelsAsked(number=0))
    assert len(scored) == first
    touch(place.folder, *names(4, start=12))
    place.catalog.update(place.row.dataset_id, listed=False)
    run: Run = run_of(place.settings, place.row, Lettered())
    run.work()
    _, about = place.worked(LabelsAsked(number=0))
    assert len(scored) > first and about.covered == 16
    snapshot = place.catalog.reader(place.row.dataset_id).snapshot()
    found = LabelCounts().of(place.row.dataset_id, snapshot, labelling)
    assert found.scored == 16 and found.counts.sum(axis=1).tolist() == [4, 4]


def test_scoring_that_was_killed_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = WordPlace(tmp_path, 12)
    monkeypatch.setattr("rayograph_pipelines.analysis_labels._LOT_ROWS", 1)
    fragments = len(place.catalog.reader(place.row.dataset_id).fragments())
    scored: list[int] = []
    score = LabelTable.score

    def killed(self: LabelTable, which: list[int], head: Head) -> int:
        if len(scored) == 1 and not monkey["past"]:
            monkey["past"] = True
            raise KeyboardInterrupt
        scored.extend(which)
        return score(self, which, head)

    monkey = {"past": False}
    monkeypatch.setattr(LabelTable, "score", killed)
    assert fragments > 1
    with pytest.raises(KeyboardInterrupt):
        labelled(place, "cat", "dog")
    place.worked(LabelsAsked(number=0))
    assert sorted(scored) == sorted(set(scored)) and len(scored) == fragments


def test_there_must_be_vectors(tmp_path: Path) -> None:
    place = WordPlace(tmp_path, 4)
    place.catalog.update(place.row.dataset_id, space=1)
    place.row = place.catalog.dataset(place.row.dataset_id)
    with pytest.raises(NotReady):
        labelled(place, "cat")


def test_a_table_without_the_columns_picks_nothing(tmp_path: Path) -> None:
    place = WordPlace(tmp_path, 4)
    kept = Labellings().put(labelling_of("cat")).model_dump(mode="json")
    row = place.catalog.update(place.row.dataset_id, labels=kept)
    reader = place.catalog.reader(row.dataset_id)
    for where, count in (("labels.things:cat", 0), ("not labels.things:cat", 4)):
        assert reader.page(offset=0, limit=9, where=filter_of(row, where))[1] == count
