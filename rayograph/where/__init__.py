"""The ``where`` language: a readable filter over named fields (docs/where.md)."""

from rayograph.where.fields import FIELDS, Field
from rayograph.where.matching import full_text, matches
from rayograph.where.parser import MAX_LENGTH, parse
from rayograph.where.sql import Scope, to_sql
from rayograph.where.syntax import Node, fields_of

__all__ = [
    "FIELDS",
    "MAX_LENGTH",
    "Field",
    "Node",
    "Scope",
    "fields_of",
    "full_text",
    "matches",
    "parse",
    "to_sql",
]
