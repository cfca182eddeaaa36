"""Labels by words through both clients and the command line, against the real API."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result
from fake_api import serving

from rayograph import errors
from rayograph.cli import main
from rayograph.client import AsyncClient, Client, Dataset
from rayograph_serve.app import create_app
from rayograph_serve.catalog_engine import CatalogEngine
from tests.labelled import Foreman, WordPlace


class Eager(Foreman):
    """Works at once, but is seen at work once."""

    async def analyse(self, dataset_id: str, asked: str) -> None:
        await super().analyse(dataset_id, asked)
        self.do()


@pytest.fixture(scope="module")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place = WordPlace(tmp_path_factory.mktemp("labels"))
    engine = CatalogEngine(place.catalog, Eager(place), place.settings)  # type: ignore[arg-type]
    app = create_app(engine, place.settings)
    with serving(app) as url:
        yield url
    app.state.thumbnails.close()


@pytest.fixture
def dataset(_served: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dataset]:
    monkeypatch.setenv("RAYOGRAPH_SERVER__PORT", _served.rsplit(":", 1)[1])
    with Client(_served) as client:
        dataset = client.dataset("pictures")
        yield dataset
        for one in dataset.labels():
            dataset.delete_labels(one.name)


def run(*args: str) -> Result:
    return CliRunner().invoke(main, list(args))


def test_labels_are_made_corrected_refined_and_removed(dataset: Dataset) -> None:
    labels = dataset.label("things", {"cat": ["a cat", "two cats"], "dog": []})
    assert [each.count for each in labels.classes] == [6, 6]
    assert labels.classes[0].prompts == ["a cat", "two cats"]
    assert dataset.change_labels("things", thresholds={"cat": 1}).classes[0].count == 0
    record = next(dataset.images(where="labels.things:dog"))
    assert dataset.correct("things", "cat", record.id) == 1
    assert dataset.correct("things", "dog", where="labels.things:dog") == 5
    assert {each.class_ for each in dataset.corrections("things").items} == {"cat", "dog"}
    assert dataset.refine("things").use == "probe"
    assert dataset.tag_labels("things", undo=True).images == 0
    assert dataset.change_labels("things", rename="others", use="words").name == "others"
    assert [one.name for one in dataset.labels()] == ["others"]
    dataset.delete_labels("others")
    assert dataset.labels() == []


def test_what_makes_no_sense_raises(dataset: Dataset) -> None:
    with pytest.raises(errors.InvalidRequest, match="classes"):
        dataset.label("things", [])
    dataset.label("things", ["cat"])
    with pytest.raises(errors.Conflict):
        dataset.label("things", ["cat"])
    with pytest.raises(errors.NotReady):
        dataset.refine("things")
    with pytest.raises(errors.InvalidRequest):
        dataset.correct("things", "cat")
    with pytest.raises(errors.InvalidRequest):
        dataset.change_labels("things", thresholds={"cat": 7})
    with pytest.raises(errors.NotFound):
        dataset.labelling("nothing")


async def test_the_async_client_does_the_same(_served: str, dataset: Dataset) -> None:
    async with AsyncClient(_served) as client:
        mirror = await client.dataset("pictures")
        labels = await mirror.label("things", ["cat", "dog"], several=True)
        assert [each.count for each in labels.classes] == [6, 6]
        assert await mirror.correct("things", None, where="labels.things:dog", right=False) == 6
        assert (await mirror.corrections("things")).total == 12
        assert (await mirror.refine("things")).quality is not None
        assert (await mirror.change_labels("things", use="words")).use == "words"
        assert (await mirror.score_labels("things")).state == "done"
        assert (await mirror.cancel_labels("things")).name == "things"
        assert (await mirror.tag_labels("things")).images == 6
        assert (await mirror.tag_labels("things", undo=True)).images == 6
        assert (await mirror.labelling("things")).corrections == 6
        assert len(await mirror.labels()) == 1
        await mirror.delete_labels("things")


def test_the_command_makes_shows_and_changes_labels(dataset: Dataset) -> None:
    made = run("labels", "pictures", "things", "cat", "dog", "red car")
    assert made.exit_code == 0 and "labels.things:red_car" in made.output
    assert "24 of 24 images scored by the words, 6 have no class" in made.output
    changed = run("labels", "pictures", "things", "--threshold", "red car=1", "--json")
    assert json.loads(changed.output)["classes"][2]["count"] == 0
    assert run("labels", "pictures", "things", "--threshold", "cat=much").exit_code == 2
    dataset.correct("things", "cat", where="labels.things:cat")
    assert "of 6 corrections" in run("labels", "pictures", "things", "--refine").output
    assert "by the words" in run("labels", "pictures", "things", "--words").output
    assert "things" in run("labels", "pictures", "things", "--score").output
    assert "tagged 12 images" in run("labels", "pictures", "things", "--tag").output
    assert "untagged 12 images" in run("labels", "pictures", "things", "--untag").output
    assert json.loads(run("labels", "pictures", "--json").output)[0]["name"] == "things"
    assert "cat, dog, red car" in run("labels", "pictures").output
    assert run("labels", "pictures", "things", "--cancel").exit_code == 0
    assert run("labels", "pictures", "things", "--delete").output == "removed things\n"


def test_pages_of_corrections_go_on(dataset: Dataset) -> None:
    dataset.label("things", ["cat"])
    dataset.correct("things", "cat", where="labels.things:cat")
    first = dataset.corrections("things", limit=4)
    rest = dataset.corrections("things", limit=4, cursor=first.next_cursor)
    assert (len(first.items), len(rest.items), rest.next_cursor) == (4, 2, None)
