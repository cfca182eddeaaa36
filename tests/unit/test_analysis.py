"""What is worked out from arrays: groups, near hashes, cells, the best copy, samples, clusters."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayograph.analysis import best, cells, clusters, near, places, sample
from rayograph.analysis.asked import DuplicatesAsked, asked_of, from_text, name_of, to_text
from rayograph.analysis.groups import Groups, Pairs, components, stars
from rayograph.errors import InvalidRequest

RNG = np.random.default_rng(5)


def pairs_of(*pairs: tuple[int, int, float]) -> Pairs:
    a, b, far = zip(*pairs, strict=True)
    return Pairs(np.array(a), np.array(b), np.array(far, np.float32))


def as_sets(groups: Groups) -> list[set[int]]:
    count = int(groups.group.max(initial=-1)) + 1
    return [set(groups.rows[groups.group == number].tolist()) for number in range(count)]


def lumps(count: int, each: int, dim: int = 16, noise: float = 0.05) -> npt.NDArray[np.float16]:
    """``count`` tight lumps of ``each`` vectors, lump by lump."""
    middles = RNG.normal(size=(count, dim))
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    rows = np.repeat(middles, each, axis=0) + noise * RNG.normal(size=(count * each, dim))
    return cells.unit(rows).astype(np.float16)


# -- groups -----------------------------------------------------------------------------------


def test_equal_values_are_groups_the_largest_first() -> None:
    groups = Groups.of_equal(np.array([7, 3, -1, 7, 3, 3, 9, -1]))
    assert as_sets(groups) == [{1, 4, 5}, {0, 3}]
    assert as_sets(Groups.of_equal(np.array([], np.int64))) == []


def test_a_chain_of_small_steps_is_no_group() -> None:
    chain = pairs_of(*((row, row + 1, 1.0) for row in range(6)))
    assert set(components(7, chain)) == {0}
    for group in as_sets(stars(7, chain)):
        assert max(group) - min(group) <= 2


def test_everybody_in_a_group_is_alike_to_its_centre() -> None:
    wheel = pairs_of((0, 1, 2), (0, 2, 3), (0, 3, 1), (4, 5, 6))
    groups = stars(6, wheel)
    assert as_sets(groups) == [{0, 1, 2, 3}, {4, 5}]
    assert dict(zip(groups.rows.tolist(), groups.distance.tolist(), strict=True)) == {
        0: 0, 1: 2, 2: 3, 3: 1, 4: 0, 5: 6,
    }  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=40))
def test_components_are_those_of_a_plain_search(edges: list[tuple[int, int]]) -> None:
    parent = list(range(21))

    def root(row: int) -> int:
        while parent[row] != row:
            row = parent[row]
        return row

    for a, b in edges:
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    found = Pairs(
        np.array([a for a, _ in edges], np.int64),
        np.array([b for _, b in edges], np.int64),
        np.zeros(len(edges), np.float32),
    )
    assert components(21, found).tolist() == [root(row) for row in range(21)]


# -- near duplicates --------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 4, 6, 10])
def test_every_pair_of_near_hashes_is_found_and_no_other(most: int) -> None:
    seeds = RNG.integers(0, 2**64, 40, dtype=np.uint64)
    found = [seeds]
    for bits in (1, 3, 5, 7, 10, 12):
        flipped = seeds.copy()
        for row in range(len(seeds)):
            for bit in RNG.choice(64, bits, replace=False).tolist():
                flipped[row] ^= np.uint64(1 << bit)
        found.append(flipped)
    hashes = np.unique(np.concatenate(found))
    wanted = {
        (a, b)
        for a, b in combinations(range(len(hashes)), 2)
        if int(hashes[a] ^ hashes[b]).bit_count() <= most
    }
    pairs = near.pairs(hashes, most)
    assert set(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)) == wanted
    apart = [int(hashes[a] ^ hashes[b]).bit_count() for a, b in zip(pairs.a, pairs.b, strict=True)]
    assert pairs.distance.tolist() == apart


def test_the_hash_keeps_through_scale_and_light_and_tells_others_apart() -> None:
    angle = np.pi * (np.arange(32) + 0.5) / 32
    waves = np.cos(angle[None, :] * np.arange(8)[:, None])
    pictures = 110 + np.einsum("puv,ux,vy->pxy", RNG.normal(scale=7, size=(3, 8, 8)), waves, waves)
    lighter = 1.2 * pictures - 10 + RNG.normal(size=pictures.shape)
    one, other = (near.perceptual(p.clip(0, 255).astype(np.uint8)) for p in (pictures, lighter))
    same = [int(a ^ b).bit_count() for a, b in zip(one, other, strict=True)]
    apart = [int(a ^ b).bit_count() for a, b in combinations(one, 2)]
    assert (max(same) <= 6, min(apart) > 16) == (True, True)
    flat = np.full((1, 32, 32), 99, np.uint8)
    assert near.perceptual(flat).tolist() == [0]


def test_copies_of_a_hash_lie_with_its_neighbours_and_plain_pictures_nowhere() -> None:
    a, b = 0xFFFF_0000_FFFF_0000, 0xFFFF_0000_FFFF_0001
    hashes = np.array([a, a, b, b, 0, 0, 0x1234], np.uint64)
    known = np.array([True] * 6 + [False])
    groups = near.groups(hashes, known, 2)
    assert as_sets(groups) == [{0, 1, 2, 3}]
    assert sorted(groups.distance.tolist()) == [0, 0, 1, 1]
    assert as_sets(near.groups(hashes, known, 0)) == [{0, 1}, {2, 3}]


# -- cells ------------------------------------------------------------------------------------


def test_alike_vectors_are_found_across_cells_and_no_others() -> None:
    vectors = lumps(300, 10, noise=0.12)
    exact = cells.unit(vectors) @ cells.unit(vectors).T
    a, b = np.nonzero(np.triu(exact >= 0.95, 1))
    found = cells.alike(vectors, 0.95)
    assert len(cells.Cells(vectors).centroids) == 3
    assert set(zip(found.a.tolist(), found.b.tolist(), strict=True)) == set(
        zip(a.tolist(), b.tolist(), strict=True)
    )


def test_neighbours_are_the_nearest_first_and_never_oneself() -> None:
    vectors = lumps(40, 60)
    found = cells.neighbours(vectors, 5)
    exact = cells.unit(vectors) @ cells.unit(vectors).T
    np.fill_diagonal(exact, -2)
    want = np.sort(1 - exact, axis=1)[:, :5]
    assert np.allclose(found.distance, want, atol=2e-3)
    assert (found.rows != np.arange(len(vectors))[:, None]).all()


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_vectors_have_few_neighbours(count: int) -> None:
    vectors = lumps(max(1, count), 1)[:count]
    found = cells.neighbours(vectors, 4)
    assert (found.rows >= 0).sum() == count * max(0, count - 1)
    assert len(cells.mean_distance(found)) == count
    assert len(cells.alike(vectors, 0.5).a) <= 3


def test_kmeans_is_seeded_and_takes_vectors_without_a_direction() -> None:
    vectors = np.concatenate([lumps(3, 30), np.zeros((2, 16), np.float16)])
    one, again = cells.kmeans(vectors, 4, 3), cells.kmeans(vectors, 4, 3)
    assert np.array_equal(one, again)
    assert np.isfinite(one).all()
    label, _ = cells.assign(vectors, one)
    assert len({*label[:30].tolist()} | {*label[30:60].tolist()}) >= 2


# -- the best copy ----------------------------------------------------------------------------


def about(**columns: list[object]) -> pa.Table:
    count = len(next(iter(columns.values())))
    default: dict[str, list[object]] = {
        "width": [10] * count,
        "height": [10] * count,
        "format": ["JPEG"] * count,
        "size": [5] * count,
        "mtime": [1.0] * count,
        "file_name": ["a.jpg"] * count,
    }
    return pa.table(default | columns)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"width": [9, 11]}, "most pixels"),
        ({"width": [None, 1]}, "most pixels"),
        ({"format": ["JPEG", "PNG"]}, "best format"),
        ({"format": [None, "GIF"]}, "best format"),
        ({"size": [4, 6]}, "largest file"),
        ({"mtime": [2.0, 1.0]}, "oldest"),
        ({"file_name": ["a copy.jpg", "a.jpg"]}, "shortest name"),
    ],
)
def test_the_best_copy_is_named_with_its_reason(
    columns: dict[str, list[object]], reason: str
) -> None:
    groups = Groups(np.array([0, 1]), np.array([0, 0]), np.zeros(2, np.float32))
    found = best.best_of(groups, about(**columns))
    assert found.best.tolist() == [False, True]
    assert [best.REASONS[number] for number in found.reason] == [reason]


def test_of_equal_copies_the_first_listed_is_best() -> None:
    groups = Groups(np.array([2, 0, 1]), np.array([0, 0, 0]), np.zeros(3, np.float32))
    found = best.best_of(groups, about(width=[10, 10, 10]))
    assert found.best.tolist() == [False, True, False]
    assert [best.REASONS[number] for number in found.reason] == ["first listed"]


# -- samples ----------------------------------------------------------------------------------


def test_a_diverse_sample_has_one_of_each_lump_first() -> None:
    rows, far = sample.diverse(lumps(20, 30), 20, 1)
    assert {*(rows // 30).tolist()} == set(range(20))
    assert (np.diff(far[1:]) <= 1e-3).all()


def test_a_large_diverse_sample_has_nobody_twice() -> None:
    rows, far = sample.diverse(lumps(50, 20), 700, 1)
    assert len(rows) == len(far) == len({*rows.tolist()}) == 700
    assert len(sample.diverse(lumps(2, 3), 99, 0)[0]) == 6


def test_a_typical_sample_begins_with_the_largest_lump() -> None:
    vectors = np.concatenate([lumps(1, 10), lumps(1, 50), lumps(1, 20)])
    rows, share = sample.typical(vectors, 3, 0)
    assert [int(np.searchsorted([10, 60], row, side="right")) for row in rows] == [1, 2, 0]
    assert np.allclose(share, [50 / 80, 20 / 80, 10 / 80])


def test_a_balanced_sample_takes_turns() -> None:
    values = np.array([0] * 90 + [1] * 8 + [2] * 2 + [-1] * 5)
    rows = sample.balanced(values, 9, 0)
    assert np.bincount(values[rows]).tolist() == [4, 3, 2]
    assert sorted(sample.balanced(values, 999, 0).tolist()) == list(range(100))


# -- clusters and places ----------------------------------------------------------------------


def test_levels_are_nested_and_lumps_stay_whole() -> None:
    vectors = lumps(8, 40)
    tree = clusters.tree(vectors, 0)
    label, far = clusters.labels(vectors, tree)
    assert [len(centroids) for centroids in tree.centroids] == [8, 32]
    for child, parent in enumerate(tree.parents[1].tolist()):
        assert {*label[label[:, 1] == child, 0].tolist()} <= {parent}
    for lump in range(8):
        assert len({*label[lump * 40 : lump * 40 + 40, 0].tolist()}) == 1
    assert (far >= 0).all()
    assert far[:, 0].mean() < 0.1


@pytest.mark.parametrize("count", [1, 2, 7])
def test_few_images_are_one_cluster(count: int) -> None:
    vectors = lumps(1, count)
    tree = clusters.tree(vectors, 0)
    assert clusters.labels(vectors, tree)[0].tolist() == [[0]] * count


def test_captions_name_a_cluster_by_what_sets_it_apart() -> None:
    captions = pa.chunked_array(
        [["a red Cat on grass", "the cat", None, "a blue car", "Car, car!"]]
    )
    words = clusters.caption_words(captions, np.array([0, 0, 0, 1, 1]), 3, 0)
    assert (words[0][0], words[1][0], words[2]) == ("cat", "car", [])
    assert not {"the", "on"} & {*words[0], *words[1]}


def test_words_are_the_nearest_to_what_sets_a_cluster_apart() -> None:
    centroids = cells.unit(np.array([[5.0, 1, 0, 0], [5.0, 0, 1, 0]]))
    words = np.array([[1, 0, 0, 0.1], [0, 1, 0, 0], [0, 0, 1, 0]], np.float16)
    found = clusters.nearest_words(centroids, np.ones(2), words)
    assert [line[0] for line in found] == [1, 2]
    strangers = np.concatenate([words, np.full((9, 4), 0.5, np.float16)])
    known = clusters.known_words(cells.unit(np.concatenate([strangers, np.eye(4), -np.eye(4)])))
    assert known[:3].all()
    assert not known[3:12].any()
    assert len(clusters.vocabulary()) == len({*clusters.vocabulary()}) > 300


def test_a_vector_is_placed_beside_its_likes() -> None:
    vectors = lumps(6, 50)
    known, corners = vectors[::2], RNG.normal(size=(6, 2)) * 5
    at = (np.repeat(corners, 25, axis=0) + 0.01 * RNG.normal(size=(150, 2))).astype(np.float32)
    found = places.placed(vectors[1::2], known, at, 0)
    assert np.abs(found - np.repeat(corners, 25, axis=0)).max() < 0.2


def test_places_of_few_are_a_ring_and_scaled_ones_lie_around_0() -> None:
    assert np.allclose(np.linalg.norm(places.fitted(lumps(1, 5), 0), axis=1), 0.5)
    scaled = places.scaled(np.array([[10.0, 100], [20, 200], [30, 300]]))
    assert np.allclose(scaled[1], 0)
    assert np.abs(scaled).max() == pytest.approx(1, abs=0.05)
    assert len(places.sampled(10, 0)) == 10
    assert len(places.sampled(places.SAMPLE + 1, 0)) == places.SAMPLE


# -- what is asked ----------------------------------------------------------------------------


def test_parameters_that_mean_the_same_have_one_name() -> None:
    plain, spelt = (
        DuplicatesAsked(kind="near"),
        asked_of("duplicates", {"kind": "near", "threshold": 6}),
    )
    assert name_of(plain) == name_of(spelt)
    assert from_text(to_text(plain)) == plain
    assert name_of(plain) != name_of(DuplicatesAsked(kind="near", threshold=4))


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("duplicates", {"kind": "exact", "threshold": 1}),
        ("duplicates", {"kind": "near", "threshold": 1.5}),
        ("duplicates", {"kind": "near", "threshold": 11}),
        ("duplicates", {"kind": "semantic", "threshold": 0.2}),
        ("duplicates", {"kind": "other"}),
        ("sample", {"n": 3, "share": 0.5}),
        ("sample", {"method": "balanced"}),
        ("sample", {"by": "format"}),
        ("outliers", {"neighbours": 0}),
        ("map", {"nothing": 1}),
    ],
)
def test_parameters_that_make_no_sense_are_refused(
    kind: str, parameters: dict[str, object]
) -> None:
    with pytest.raises(InvalidRequest):
        asked_of(kind, parameters)  # type: ignore[arg-type]
