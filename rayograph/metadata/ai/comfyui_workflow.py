"""ComfyUI's other form of a graph, as its editor keeps it: values by place instead of by name.

Only where a file has no other: without the nodes' own code, places are known of the common ones.
"""

from __future__ import annotations

from typing import Any

_MAX_NODES = 2000
_PLACES = {
    "KSampler": ("seed", "", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": ("", "noise_seed", "", "steps", "cfg", "sampler_name", "scheduler"),
    "RandomNoise": ("noise_seed",),
    "KSamplerSelect": ("sampler_name",),
    "BasicScheduler": ("scheduler", "steps", "denoise"),
    "FluxGuidance": ("guidance",),
    "CLIPTextEncode": ("text",),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "UNETLoader": ("unet_name",),
    "LoraLoader": ("lora_name",),
    "LoraLoaderModelOnly": ("lora_name",),
    "PrimitiveNode": ("value",),
}


def as_graph(workflow: dict[str, Any]) -> dict[str, Any]:
    """The nodes of an editor's workflow by their ids, in the form that is executed."""
    nodes, links = workflow.get("nodes"), workflow.get("links")
    if not isinstance(nodes, list) or not isinstance(links, list):
        return {}
    # A link: its id, the node and the output it leaves, the node and the input it comes to.
    origin = {
        link[0]: [str(link[1]), link[2]]
        for link in links
        if isinstance(link, list) and len(link) > 4 and isinstance(link[0], int)
    }
    return {
        str(node["id"]): {"class_type": str(node.get("type")), "inputs": _inputs(node, origin)}
        for node in nodes[:_MAX_NODES]
        if isinstance(node, dict) and isinstance(node.get("id"), int | str)
    }


def _inputs(node: dict[str, Any], origin: dict[int, list[Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    written = node.get("widgets_values")
    if isinstance(written, list):
        places = _PLACES.get(str(node.get("type")), ())
        found = {name: value for name, value in zip(places, written, strict=False) if name}
    elif isinstance(written, dict):
        found = {str(name): value for name, value in written.items()}
    linked = node.get("inputs")
    for slot in linked if isinstance(linked, list) else ():
        if isinstance(slot, dict) and isinstance(slot.get("link"), int):
            link = origin.get(slot["link"])
            if link is not None:
                found[str(slot.get("name"))] = link
    return found
