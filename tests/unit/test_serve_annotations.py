"""Annotations over HTTP and in process: reports, records, batches."""

from __future__ import annotations

from pathlib import Path

import pytest
from real_engine import Service

from rayograph.errors import NotFound
from rayograph.schema import NewDataset, SearchRequest
from tests.annotated import box, coco, write


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


async def test_captions_of_an_annotation_file_are_captions(
    service: Service, tmp_path: Path
) -> None:
    dataset_id = await service.ready()
    first, second = sorted(path.name for path in service.folder.rglob("*.jpg"))[:2]
    said = [
        {"id": 1, "image_id": 1, "caption": "A boat on the lake."},
        {"id": 2, "image_id": 2, "caption": "two cats"},
    ]
    path = write(tmp_path / "captions.json", coco([first, second], said))
    await service.engine.add(NewDataset(path=str(service.folder), annotations=str(path)))
    await service.run(dataset_id)
    for where in ("caption:'lake boat'", "caption:*cats", "described:boat"):
        page = await service.engine.images(
            dataset_id, limit=10, cursor=None, offset=None, sort=None, where=where
        )
        (found,) = page.items
        assert found.caption == ("two cats" if "cats" in where else "A boat on the lake.")
    words = await service.engine.search(dataset_id, SearchRequest(text="boats", by="words", k=5))
    assert [hit.image.caption for hit in words.items] == ["A boat on the lake."]
