"""No test asserts how long something took; hypothesis would, unless told otherwise."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("rayograph", deadline=None)
settings.load_profile("rayograph")
