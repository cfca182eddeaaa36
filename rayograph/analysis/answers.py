"""What the API answers about a whole dataset."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rayograph.analysis.asked import AnalysisKind, Likeness
from rayograph.schema import Answer, Coverage, ImageRecord, Model

Decision = Literal["keep", "hide", "not_duplicates"]


class Computing(Answer):
    """202: it is being worked out. ``done`` of ``total`` of this ``stage``; null: not known yet."""

    status: Literal["computing"] = "computing"
    stage: str = "waiting"
    done: int | None = None
    total: int | None = None


class Analysis(Answer):
    """A result, and where it came from."""

    status: Literal["ready"] = "ready"
    stale: bool = Field(description="the images or their vectors have changed since")
    coverage: Coverage = Field(description="how many images could be looked at")
    made_at: str
    took_s: float
    model: str | None = Field(None, description="whose vectors were compared")
    refreshing: Computing | None = Field(None, description="a newer one on its way")


class DuplicateImage(Answer):
    """An image of a group; ``distance`` is from the group's centre: bits, or cosine distance."""

    image: ImageRecord
    distance: float
    decision: Decision | None = None


class DuplicateGroup(Answer):
    """Images that are the same; the first ``images`` of ``size``, the best one first."""

    group_id: int
    kind: Likeness
    size: int
    best: str | None = Field(description="the id of the copy to keep")
    reason: str | None = Field(description="why that one")
    images: list[DuplicateImage]


class DuplicatePage(Analysis):
    items: list[DuplicateGroup]
    next_cursor: str | None
    total: int = Field(description="groups")
    images: int = Field(description="images in all groups, decided ones too")
    threshold: float | None = None


class Decide(Model):
    """``POST .../duplicates/decisions``: about images and the best one of their group.

    ``keep`` and ``hide`` say it of each image beside ``best_id``, ``not_duplicates`` of all pairs
    of them; null takes back what was decided.
    """

    image_ids: list[str] = Field(min_length=1, max_length=200)
    best_id: str
    decision: Decision | None


class Decided(Answer):
    """A decision on two contents; equal hashes: on copies of one content."""

    content_hash: str
    best_hash: str
    decision: Decision
    decided_at: str


class DecisionPage(Answer):
    items: list[Decided]
    next_cursor: str | None
    total: int


class DecisionResult(Answer):
    matched: int = Field(description="how many pairs of contents it was about")


class Scored(Answer):
    image: ImageRecord
    score: float | None


class OutlierPage(Analysis):
    """The strangest first; ``score`` is the mean cosine distance to the nearest neighbours."""

    items: list[Scored]
    next_cursor: str | None
    total: int


class SamplePage(Analysis):
    """In the order of the choice: any first part of it is a sample too."""

    items: list[Scored]
    next_cursor: str | None
    total: int


class Cluster(Answer):
    """``cluster_id`` is ``LEVEL-NUMBER``; ``words`` are the nearest first."""

    cluster_id: str
    name: str
    words: list[str]
    size: int
    parent: str | None = Field(description="the cluster of the coarser level it mostly lies in")
    examples: list[str] = Field(description="ids of the images nearest to its middle")
    spread: float = Field(description="mean cosine distance of its images from its middle")
    where: str | None = Field(None, description="picks its images; null but for the middle level")


class ClusterLevel(Answer):
    level: int
    clusters: list[Cluster]


class ClusterList(Analysis):
    """Levels from coarse to fine; in each every image with a vector is in one cluster."""

    levels: list[ClusterLevel]


class ClusterPage(Analysis):
    """Images of one cluster, the most typical first; ``score`` is the distance from its middle."""

    cluster: Cluster
    items: list[Scored]
    next_cursor: str | None
    total: int


class Place(Answer):
    id: str
    x: float
    y: float
    cluster: int | None = Field(description="number within the middle level of the clusters")
    colour: int | None = Field(None, description="the number of its value; the legend explains it")


class MapLegend(Answer):
    """What the numbers of ``colour`` mean.

    Number *n* is ``labels[n]``, or a value from ``edges[n]`` to ``edges[n + 1]``; the number after
    the last label is any rarer value, 255 none. ``counts``, ``rest`` and ``missing`` add up to the
    images on the map.
    """

    field: str
    kind: str = Field(description="what can be asked of it: docs/where.md")
    labels: list[str]
    edges: list[float] | list[str]
    counts: list[int]
    rest: int
    missing: int


class MapCluster(Answer):
    """A cluster the map has labels for; ``parent`` is its number within the coarser level."""

    name: str
    parent: int | None


class MapPage(Analysis):
    """Places in the plane; those of all images lie within ``bounds``: x, y, x, y."""

    items: list[Place]
    bounds: tuple[float, float, float, float]
    level: int = Field(0, description="which level of the clusters ``cluster`` is of")
    clusters: list[list[MapCluster]] = Field(
        default_factory=list, description="by level, the coarsest first, and by number"
    )
    legend: MapLegend | None = None
    next_cursor: str | None
    total: int


class Refresh(Model):
    """``POST .../{kind}``: work it out anew, or for the first time."""

    parameters: dict[str, str | int | float | None] = Field(default_factory=dict)
    refresh: bool = Field(True, description="false: only if there is no result yet")


class AnalysisInfo(Answer):
    """What was asked of a dataset once."""

    analysis: AnalysisKind
    parameters: dict[str, str | int | float | None]
    state: Literal["wanted", "done", "failed", "cancelled"]
    error: str | None


class AnalysisList(Answer):
    items: list[AnalysisInfo]
