"""The folders of a dataset as a tree, and how many rows lie in each of them and below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Tree:
    """Folders and all that lie above them; ``""`` is the source itself, the first.

    Args:
        paths: parents stand before what is in them.
        homes: for each folder that holds files its place among the paths.
    """

    paths: Sequence[str]
    parents: npt.NDArray[np.int64]
    depths: npt.NDArray[np.int64]
    homes: npt.NDArray[np.int64]

    def totals(self, counts: Counts) -> Counts:
        """Rows in each folder and below it, of the rows in each folder that holds files."""
        found = np.bincount(self.homes, counts, minlength=len(self.paths)).astype(np.int64)
        for depth in range(int(self.depths.max(initial=0)), 0, -1):
            level = np.flatnonzero(self.depths == depth)
            np.add.at(found, self.parents[level], found[level])
        return found

    @cached_property
    def children(self) -> dict[str, list[int]]:
        """The places of the folders directly inside of each."""
        found: dict[str, list[int]] = {}
        for at in range(1, len(self.paths)):
            found.setdefault(self.paths[int(self.parents[at])], []).append(at)
        return found


def tree(folders: Sequence[str]) -> Tree:
    """The tree of the folders that hold files."""
    places, parents, depths = {"": 0}, [0], [0]

    def add(path: str) -> None:
        if path not in places:
            parent = places[path.rpartition("/")[0]]
            places[path] = len(parents)
            parents.append(parent)
            depths.append(depths[parent] + 1)

    for folder in sorted(folders):
        for at, char in enumerate(folder):
            if char == "/" and at:
                add(folder[:at])
        add(folder)
    homes = np.array([places[folder] for folder in folders], np.int64)
    return Tree([*places], np.array(parents), np.array(depths), homes)
