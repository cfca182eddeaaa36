"""How usable pictures are: measured where they are decoded, told by rules, kept in the table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from rayograph.catalog import Catalog
from rayograph.catalog.columns import QUALITY
from rayograph.catalog.picking import filter_of
from rayograph.measuring import measure
from rayograph.quality import FLAWS, GOOD, TOKENS, Measures, Rules
from rayograph.sources import file_uri
from rayograph_pipelines.committer import Committer
from rayograph_pipelines.measuring import untold
from rayograph_pipelines.stages.decode import Decode, DecodeConfig
from rayograph_pipelines.stages.measure import Measure, MeasureConfig, told, with_quality
from rayograph_serve.faceting import Faceting
from tests.working import Warm, names, opened, run_of, settings_for, touch, vectors_of


def drawn(width: int = 320, height: int = 240) -> Image.Image:
    """A picture with edges in both directions and all levels of grey."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    squares = ((x // 16 + y // 16) % 2) * 90 + x * 160 // width
    return Image.fromarray(squares.clip(0, 255).astype(np.uint8)).convert("RGB")


def moved(image: Image.Image, by: int = 24) -> Image.Image:
    """As if the camera had gone sideways: still sharp from top to bottom."""
    whole = np.cumsum(np.asarray(image, np.float32), 1)
    return Image.fromarray(((whole[:, by:] - whole[:, :-by]) / by).astype(np.uint8))


PICTURES = {
    "good": drawn(),
    "blurred": drawn().filter(ImageFilter.GaussianBlur(9)),
    "moved": moved(drawn()),
    "dark": ImageEnhance.Brightness(drawn()).enhance(0.12),
    "bright": drawn().point(lambda level: 255 - (255 - level) // 8),
    "plain": Image.new("RGB", (300, 200), "teal"),
    "odd": drawn(960, 200),
}
MEANT = {**{name: [name] for name in TOKENS}, "moved": ["blurred"]}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_told_to_be_what_it_is(name: str) -> None:
    found = with_quality(pa.table({"n": [1]}), [measure(PICTURES[name])], Rules()).to_pylist()[0]
    assert found["quality"] == MEANT[name], found


@pytest.mark.parametrize("name", ["good", "blurred", "dark"])
def test_the_size_of_a_picture_makes_no_other_of_it(name: str) -> None:
    image = PICTURES[name]
    large = image.resize((image.width * 4, image.height * 4), Image.Resampling.BICUBIC)
    one, other = measure(image), measure(large)
    assert one.sharpness is not None and other.sharpness is not None
    assert abs(one.sharpness - other.sharpness) < 0.1
    assert abs(one.brightness - other.brightness) < 0.01
    assert abs(one.entropy - other.entropy) < 0.5


@pytest.mark.parametrize("size", [(1, 1), (2, 900), (5000, 3)])
def test_the_smallest_and_the_thinnest_have_numbers_too(size: tuple[int, int]) -> None:
    found = measure(Image.new("RGB", size, "red"))
    assert found.sharpness is None
    assert found.shadows == found.highlights == pytest.approx(0.298, abs=0.01)
    assert found.entropy == 0


def test_rules_decide_what_numbers_are_called() -> None:
    ends = Measures(0.3, 0.5, 0.1, 0.9, 7.0, 1.5)
    numbers = {name: pa.array([getattr(ends, name), None]) for name in Measures._fields}
    assert told(numbers, Rules()).to_pylist() == [[GOOD], None]
    strict = Rules(0.4, 0.95, 0.05, 8, 0.9, 1.2)
    assert told(numbers, strict).to_pylist() == [list(FLAWS), None]
    assert strict.key != Rules().key
    none = {name: column.slice(0, 0) for name, column in numbers.items()}
    assert told(none, Rules()).to_pylist() == []


def test_pictures_are_measured_where_they_are_decoded_and_by_themselves(tmp_path: Path) -> None:
    for name, image in PICTURES.items():
        image.save(tmp_path / f"{name}.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    uris = [file_uri(str(tmp_path / f"{name}.png")) for name in (*PICTURES, "broken", "gone")]
    rows = pa.table({"uri": uris})
    decode = Decode(DecodeConfig(image_size=200))
    alone = Measure(MeasureConfig())
    try:
        beside, found = decode(rows), alone(rows)
    finally:
        decode.close()
        alone.close()
    assert found.column_names == ["uri", *Measure.adds]
    assert beside.select(QUALITY.names).equals(found.select(QUALITY.names))
    assert found.schema.field("quality_state").type == pa.uint8()
    said = dict(zip((*PICTURES, "broken", "gone"), found["quality"].to_pylist(), strict=True))
    assert said == {**{name: MEANT[name] for name in PICTURES}, "broken": None, "gone": None}
    assert found["quality_state"].to_pylist()[-2:] == [2, 2]


class Place:
    """Six pictures with vectors, two of which nobody can decode any more."""

    def __init__(self, home: Path, **more: object) -> None:
        self.settings = settings_for(home, **more)
        self.folder = touch(home / "pictures", *names(6))
        self.row = opened(self.settings, self.folder)
        self.warm = Measuring()
        self.catalog = Catalog(self.settings.catalog.uri)
        self.run()

    def run(self, **settings: object) -> None:
        found = settings_for(self.folder.parent, **settings)
        progress = run_of(found, self.row, self.warm).work()
        assert progress.error is None
        self.row = self.catalog.dataset(self.row.dataset_id)

    def values(self, name: str) -> list[object]:
        return list(self.catalog.reader(self.row.dataset_id).column(name).to_pylist())

    @property
    def measured(self) -> list[str]:
        return [name for stage, some in self.warm.seen if stage == "quality" for name in some]


class Measuring(Warm):
    """By the digit that ends a file's name: sharper and sharper; 4 and 5 cannot be decoded."""

    def measures(self, rows: pa.Table) -> object:  # type: ignore[override]
        self._note("quality", rows)
        digits = [int(uri[-5]) for uri in rows["uri"].to_pylist()]
        found = [Measures(n / 10, 0.5, 0.1, 0.9, 7.0, 1.0) if n < 4 else None for n in digits]
        yield with_quality(rows, found, Rules())


def test_what_has_a_vector_and_no_quality_is_measured_once(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert place.values("sharpness") == [0.0, 0.1, 0.2, 0.3, None, None]
    assert place.values("quality") == [["blurred"], ["blurred"], [GOOD], [GOOD], None, None]
    assert place.row.quality_rules == Rules().key
    assert not untold(place.row, place.settings)
    # What cannot be decoded is not tried again; its own state is what it was.
    place.run()
    assert sorted(place.measured) == names(6)
    assert place.catalog.reader(place.row.dataset_id).counts().stage("embedding")["failed"] == 0


def test_a_table_of_an_earlier_version_is_measured_in_the_background(tmp_path: Path) -> None:
    place = Place(tmp_path)
    table = place.catalog.writer(place.row.dataset_id).dataset()
    table.drop_columns(QUALITY.names)
    place.row = place.catalog.update(place.row.dataset_id, quality_rules=None)
    assert untold(place.row, place.settings)
    reader = place.catalog.reader(place.row.dataset_id)
    # Until then nothing is known: neither good nor anything else.
    for where in ("quality:good", "not quality:good", "sharpness<9"):
        assert reader.page(offset=0, limit=9, where=filter_of(place.row, where))[1] == 0
    place.run()
    assert reader.page(offset=0, limit=9, where=filter_of(place.row, "quality:good"))[1] == 2
    assert reader.page(offset=0, limit=9, where=filter_of(place.row, "quality is missing"))[1] == 2


def test_other_rules_tell_anew_and_open_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.warm.seen.clear()
    place.run(quality={"blurred_below": 0.25})
    assert place.values("quality")[:4] == [["blurred"]] * 3 + [[GOOD]]
    assert place.measured == []
    assert place.row.quality_rules == Rules(blurred_below=0.25).key


def test_pictures_no_model_looks_at_are_left_alone_unless_somebody_wants_it(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    row = opened(settings, touch(tmp_path / "pictures", *names(6)), embed_note="no model")
    catalog, warm = Catalog(settings.catalog.uri), Measuring()
    run_of(settings, row, warm).work()
    assert not untold(catalog.dataset(row.dataset_id), settings)
    assert catalog.reader(row.dataset_id).column("quality_state").null_count == 6
    wanted = settings_for(tmp_path, quality={"without_model": True})
    assert untold(catalog.dataset(row.dataset_id), wanted)
    run_of(wanted, row, warm).work()
    assert catalog.reader(row.dataset_id).column("quality").null_count == 2


def test_facets_count_qualities(tmp_path: Path) -> None:
    place = Place(tmp_path)
    found = Faceting(place.catalog).facets(place.row, "sharpness>=0.1", ["quality"], 9).items[0]
    counts = {value.value: value.count for value in found.values}
    assert (counts, found.missing) == ({"blurred": 1, "good": 2}, 0)
    (scale,) = Faceting(place.catalog).facets(place.row, None, ["sharpness"], 9).items
    assert scale.histogram is not None
    assert (sum(scale.histogram.counts), scale.missing) == (4, 2)


def test_it_comes_with_the_vectors_and_goes_when_a_file_changes(tmp_path: Path) -> None:
    place = Place(tmp_path)
    rows = place.catalog.reader(place.row.dataset_id).rows(
        [str(key) for key in place.values("id")], ["id", "uri"]
    )
    fresh = Measures(0.9, 0.1, 0.0, 0.15, 3.0, 1.0)
    committer = Committer(
        place.catalog.writer(place.row.dataset_id), interval_s=0.01, on_commit=lambda: None
    )
    committer.put("embedding", with_quality(vectors_of(rows), [fresh] * 6, Rules()))
    committer.flush()
    assert place.values("quality") == [["dark"]] * 6
    committer.redo(rows["_rowaddr"].slice(0, 2).to_numpy().astype(np.uint64))
    committer.close()
    assert place.values("quality") == [None] * 2 + [["dark"]] * 4
    assert place.values("quality_state") == [None] * 2 + [1] * 4
