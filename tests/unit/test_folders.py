"""Where things lie that belong to a catalog."""

from __future__ import annotations

from pathlib import Path

from rayograph.folders import folder_beside, local_folder
from rayograph.settings import Settings


def test_a_file_address_is_a_local_catalog(tmp_path: Path) -> None:
    assert local_folder(f"file://{tmp_path}") == tmp_path
    assert local_folder(str(tmp_path)) == tmp_path
    assert local_folder("s3://bucket/catalog") is None


def test_the_cache_goes_before_the_tables(tmp_path: Path) -> None:
    def beside(**catalog: str) -> Path | None:
        return folder_beside(Settings.model_validate({"catalog": catalog}), "tiles")

    assert beside(uri="s3://bucket/catalog") is None
    assert beside(uri=str(tmp_path)) == tmp_path / "tiles"
    assert beside(uri=str(tmp_path), cache=str(tmp_path / "cache")) == tmp_path / "cache" / "tiles"
