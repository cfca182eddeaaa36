"""Annotations over HTTP and in process: reports, records, batches."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_catalog_engine import Service

from rayograph.errors import NotFound
from rayograph.schema import NewDataset
from tests.annotated import box, coco, write


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


async def test_annotations_are_answered_and_can_come_later(
    service: Service, tmp_path: Path
) -> None:
    dataset_id = await service.ready()
    with pytest.raises(NotFound):
        await service.engine.annotation_report(dataset_id)
    assert (await service.engine.dataset(dataset_id)).annotations is None
    name = sorted(path.name for path in service.folder.rglob("*.jpg"))[0]
    path = write(tmp_path / "x.json", coco([name, "gone.jpg"], [box(1)]))
    await service.engine.add(NewDataset(path=str(service.folder), annotations=str(path)))
    assert service.started() == 2
    await service.run(dataset_id)
    report = await service.engine.annotation_report(dataset_id)
    assert (report.images_matched, report.missing) == (1, ["gone.jpg"])
    about = (await service.engine.dataset(dataset_id)).annotations
    assert about is not None
    assert (about.format, about.annotations) == ("coco", 1)
    page = await service.engine.images(
        dataset_id, limit=10, cursor=None, offset=None, sort=None, where="label:cat"
    )
    (found,) = page.items
    assert (found.labels, found.objects, found.annotations) == (["cat"], 1, None)
    one = await service.engine.image(found.id)
    assert one.annotations is not None
    assert one.annotations[0].label == "cat"
    many = await service.engine.annotations_of(dataset_id, [found.id, "aaaaaaaaaa-0"])
    assert many.items == {found.id: one.annotations}
    fields = {item.name: item for item in (await service.engine.fields(dataset_id)).items}
    assert fields["labels"].values == ["cat"]
