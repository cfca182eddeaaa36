"""What AI image tools write into pictures, one family a file."""

from rayograph.metadata.ai.families import generated

__all__ = ["generated"]
