"""The ``where`` language: a readable filter over named fields (docs/where.md)."""

from rayograph.where.clauses import Clause, Said, clauses, only, said, without
from rayograph.where.fields import FIELDS, Field
from rayograph.where.matching import full_text, matches
from rayograph.where.parser import MAX_LENGTH, parse
from rayograph.where.sql import Scope, to_sql
from rayograph.where.syntax import Node, fields_of, quoted

__all__ = [
    "FIELDS",
    "MAX_LENGTH",
    "Clause",
    "Field",
    "Node",
    "Said",
    "Scope",
    "clauses",
    "fields_of",
    "full_text",
    "matches",
    "only",
    "parse",
    "quoted",
    "said",
    "to_sql",
    "without",
]
