"""Which family of tools wrote a picture's texts, and what they say.

A text is asked in the order in which tools can be told apart: by chunks of their own first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rayograph.metadata import values
from rayograph.metadata.ai import a1111, comfyui, fooocus, invokeai, novelai, swarmui

Texts = Mapping[str, str]
Found = dict[str, Any] | None
# Fields of EXIF in which ComfyUI and its nodes keep graphs, after the name of what it is.
_CARRIERS = ("Make", "Model", "ImageDescription", "UserComment")
_GRAPHS = ("prompt", "workflow")
_FAMILIES: tuple[Callable[[Texts], Found], ...] = (
    invokeai.read,
    novelai.read,
    swarmui.read,
    fooocus.read,
    a1111.read,
)


def generated(texts: Texts) -> dict[str, Any]:
    """The details an AI tool left in these texts (by their names in the file); often none."""
    texts = {**texts, **_unpacked(texts)}
    found: dict[str, Any] = {}
    for family in _FAMILIES:
        found = family(texts) or {}
        if found:
            break
    if "prompt" in texts or "workflow" in texts:
        # A node may write what another tool would beside the graph, which then knows the rest.
        graph = comfyui.read(texts) or {}
        if graph and found.get("generator") == a1111.NAME:
            found["generator"] = comfyui.NAME
        found = {**graph, **found}
    raw = found.get("parameters")
    return {**found, "parameters": raw[: values.MAX_PARAMETERS]} if raw else found


def _unpacked(texts: Texts) -> dict[str, str]:
    """Texts under the names that PNG gives them, of those that EXIF keeps elsewhere."""
    found = {}
    for carrier in _CARRIERS:
        text = texts.get(carrier, "")
        name, colon, rest = text.partition(":")
        if colon and name.strip().lower() in _GRAPHS and rest.lstrip().startswith("{"):
            found[name.strip().lower()] = rest
    comment = texts.get("UserComment", "")
    if comment and "parameters" not in texts and not found:
        graph = values.json_object(comment) if comment.lstrip().startswith("{") else None
        if graph and comfyui.is_graph(graph):
            return {"prompt": comment}
        return {"parameters": comment}
    return found
