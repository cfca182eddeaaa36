from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from rayograph.encoders import load_encoder
from rayograph.encoders.fake import FakeEncoder
from rayograph.schema import StageState
from rayograph_pipelines.stages.embed import Embed, EmbedConfig, vector_array

SIDE = FakeEncoder.image_size
RED, BLUE = (
    np.full((SIDE, SIDE, 3), colour, np.uint8) for colour in ((220, 20, 20), (20, 20, 220))
)


def _batch(pixels: list[bytes | None], codes: list[str | None] | None = None) -> pa.Table:
    codes = codes or [None] * len(pixels)
    return pa.table(
        {
            "id": pa.array([f"i{n}" for n in range(len(pixels))], pa.string()),
            "pixels": pa.array(pixels, pa.binary()),
            "embed_error_code": pa.array(codes, pa.string()),
            "embed_error": pa.array([code and f"{code}!" for code in codes], pa.string()),
            "content_hash": pa.array([b"h"] * len(pixels), pa.binary()),
        }
    )


@pytest.fixture(scope="module")
def embed() -> Embed:
    return Embed(EmbedConfig("fake", batch_size=2))


def test_vectors_of_good_rows_and_null_for_failed_ones(embed: Embed) -> None:
    batch = _batch([RED.tobytes(), None, BLUE.tobytes()], [None, "truncated", None])
    out = embed(batch)
    assert out.column_names == [
        "id", "embed_error_code", "embed_error", "content_hash", "vector", "embed_state",
    ]  # fmt: skip
    assert out.schema.field("vector").type == pa.list_(pa.float16(), FakeEncoder.dim)
    assert out.schema.field("embed_state").type == pa.uint8()
    assert out["embed_state"].to_pylist() == [StageState.DONE, StageState.FAILED, StageState.DONE]
    assert out["embed_error_code"].to_pylist() == [None, "truncated", None]
    assert out["embed_error"].to_pylist() == [None, "truncated!", None]
    assert out["vector"].is_valid().to_pylist() == [True, False, True]
    expected = load_encoder("fake").images(np.stack([RED, BLUE]))
    got = np.array([value.as_py() for value in out["vector"] if value.is_valid], np.float16)
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_a_batch_may_have_any_size(embed: Embed, count: int) -> None:
    out = embed(_batch([RED.tobytes()] * count))
    assert out.num_rows == count
    assert out["vector"].null_count == 0
    assert out.schema.field("vector").type.list_size == FakeEncoder.dim


def test_chunked_and_sliced_tables_keep_their_order(embed: Embed) -> None:
    batch = _batch(
        [RED.tobytes(), BLUE.tobytes(), None, RED.tobytes()], [None, None, "empty", None]
    )
    whole = embed(batch)
    joined = pa.concat_tables([batch.slice(0, 1), batch.slice(1, 2), batch.slice(3)])
    assert embed(joined).to_pylist() == whole.to_pylist()


def test_all_failed_is_a_batch_too(embed: Embed) -> None:
    batch = _batch([None, None], ["missing", "timeout"])
    out = embed(batch)
    assert out["vector"].null_count == 2
    assert out["embed_state"].to_pylist() == [StageState.FAILED] * 2


def test_pixels_that_are_missing_or_misshapen_fail_their_row_only(embed: Embed) -> None:
    out = embed(_batch([None, b"short", RED.tobytes()]))
    assert out["embed_error_code"].to_pylist() == ["corrupt", "corrupt", None]
    assert out["vector"].is_valid().to_pylist() == [False, False, True]
    assert all(out["embed_error"].to_pylist()[:2])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_vector_that_is_not_finite_fails_its_row_only(bad: float) -> None:
    stage = Embed(EmbedConfig("fake"))

    class Broken(FakeEncoder):
        def images(self, pixels: np.ndarray) -> np.ndarray:
            vectors = super().images(pixels)
            vectors[0, 0] = bad
            return vectors

    stage.encoder = Broken()
    out = stage(_batch([RED.tobytes(), BLUE.tobytes()]))
    assert out["embed_error_code"].to_pylist() == ["corrupt", None]
    assert out["vector"].is_valid().to_pylist() == [False, True]
    assert out["embed_state"].to_pylist() == [StageState.FAILED, StageState.DONE]


def test_the_model_sees_at_most_batch_size_pictures() -> None:
    sizes = []
    stage = Embed(EmbedConfig("fake", batch_size=2))

    class Counting(FakeEncoder):
        def images(self, pixels: np.ndarray) -> np.ndarray:
            sizes.append(len(pixels))
            return super().images(pixels)

    stage.encoder = Counting()
    stage(_batch([RED.tobytes()] * 5))
    assert sizes == [2, 2, 1]
    assert Embed(EmbedConfig("fake")).batch_size == FakeEncoder.batch_size


def test_declared_columns_are_what_changes(embed: Embed) -> None:
    batch = _batch([RED.tobytes()])
    out = embed(batch)
    assert set(Embed.reads) <= set(batch.column_names)
    assert set(out.column_names) - set(batch.column_names) == set(Embed.adds)


def test_vector_array_of_nothing() -> None:
    empty = vector_array(np.empty((0, 8), np.float16), np.empty(0, bool))
    assert len(empty) == 0
    assert empty.type == pa.list_(pa.float16(), 8)
