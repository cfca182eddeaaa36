"""What several unit tests begin with."""

from __future__ import annotations

from pathlib import Path

import pytest
from real_engine import Service

from rayograph.encoders.fake import FakeEncoder
from tests.working import DIM


@pytest.fixture
def service(tmp_path: Path) -> Service:
    assert FakeEncoder.dim != DIM  # vectors here are the tests' own
    return Service(tmp_path)
