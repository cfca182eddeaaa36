"""The API's words for looking a dataset over: facets, folders, failures, views."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from rayograph.schema import Answer, Model, StageName

Choice = Literal["in", "out"]


class FacetValue(Answer):
    value: str
    count: int
    chosen: Choice | None = Field(None, description="what the filter says of it")


class Histogram(Answer):
    """Bin ``i`` holds ``edges[i] <= value < edges[i + 1]``; the last one its end too."""

    edges: list[float | str] = Field(
        description="one more than counts; of a time as `where` has it"
    )
    counts: list[int]


class Facet(Answer):
    """One field. Its counts follow the filter without the field's own conditions."""

    name: str
    kind: str
    about: str
    single: bool = Field(True, description="an image has one value of it at most")
    missing: int = Field(description="without a value, or not read yet")
    missing_chosen: Choice | None = None
    values: list[FacetValue] = Field(default_factory=list)
    more: int = Field(0, description="values beyond those listed")
    histogram: Histogram | None = None
    min: float | str | None = Field(None, description="of the whole dataset, so that scales stay")
    max: float | str | None = None
    low: float | str | None = Field(None, description="where the filter's range begins")
    high: float | str | None = None
    clause: str | None = Field(None, description="the filter's conditions on this field")
    rest: str = Field("", description="the filter without them")


class FacetList(Answer):
    items: list[Facet]
    total: int = Field(description="what the whole filter picks")
    of: int = Field(description="images in the dataset")
    as_of: int = Field(description="the version of the table that was counted")
    current: bool = Field(description="false: there is a newer one, being counted; ask again")


class Folder(Answer):
    folder: str
    name: str
    count: int = Field(description="in it and below")
    folders: int = Field(description="folders directly inside")
    chosen: Choice | None = None


class Retry(Model):
    """``POST .../retry``: which failed images; without a body all of them."""

    code: str | None = Field(None, max_length=64, description="those of one cause")
    ids: list[str] | None = Field(None, max_length=10_000)
    where: str | None = Field(None, max_length=2000, description="those that a filter picks")
    stage: StageName | None = Field(None, description="those that failed in one stage")

    @model_validator(mode="after")
    def _one_choice(self) -> Retry:
        if sum(value is not None for value in (self.code, self.ids, self.where, self.stage)) != 1:
            raise ValueError("give one of code, ids, where or stage")
        return self


class FolderList(Answer):
    """What lies directly inside of the folders that were asked for."""

    items: list[Folder]
    own: int = Field(description="in the source itself, in no folder")
    more: int = Field(0, description="folders beyond those listed")
    total: int
    clause: str | None = None
    rest: str = ""
    as_of: int
    current: bool


class ViewChange(Model):
    """What a saved view holds; all but its name may be left out."""

    name: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")
    where: str | None = Field(None, max_length=2000)
    sort: str | None = Field(None, max_length=64)
    text: str | None = Field(None, max_length=1000, description="a search")
    columns: list[str] | None = Field(None, max_length=100, description="what is shown of each")


class View(Answer):
    view_id: str
    dataset_id: str
    name: str
    where: str | None = None
    sort: str | None = None
    text: str | None = None
    columns: list[str] | None = None
    created_at: str


class ViewList(Answer):
    items: list[View]
