"""ComfyUI: a graph of nodes, walked from the sampler to what it was given.

A node is ``{"class_type": ..., "inputs": {name: value or [id of another node, its output]}}``.
Hundreds of packages bring nodes of their own, so nodes are known by what their inputs are called
rather than by their names. Each walk sees a node once and so many at most: a graph may be circular.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from rayograph.metadata import values
from rayograph.metadata.ai.a1111 import loras_of
from rayograph.metadata.ai.comfyui_workflow import as_graph
from rayograph.metadata.values import file_stem, json_object, real, seed, some, whole, word

NAME = "ComfyUI"
Graph = Mapping[str, Mapping[str, Any]]
_MAX_NODES = 2000
_MAX_LORAS = 100
_SEEDS = ("seed", "noise_seed")
_MODELS = ("ckpt_name", "unet_name", "model_name", "gguf_name", "base_ckpt_name", "diffusion_model")
_SAMPLERS = ("sampler_name", "sampler")
_CFG = ("cfg", "guidance", "cfg_scale", "guidance_scale")
_TEXTS = (
    "text", "text_g", "text_l", "t5xxl", "clip_l", "clip_g", "prompt", "string", "value",
    "populated_text", "wildcard_text", "string_a", "string_b", "text1", "text2", "text_a", "text_b",
)  # fmt: skip
# A literal behind a link stands in a node that holds nothing else.
_PLAIN = ("value", "int", "float", "string", "number", "Value", "text")
# What leads from one condition to others, and from a text to those it is made of.
_CONDITIONS = ("conditioning", "conditioning_1", "conditioning_2", "conditioning_to",
               "conditioning_from", "guider", "pipe", "basic_pipe", "sdxl_tuple")  # fmt: skip
_TO_MODEL = ("model", "model1", "base_model", "guider", "pipe", "basic_pipe", "lora_stack",
             "optional_lora_stack", "sdxl_tuple", "unet", "unet_model")  # fmt: skip
_TO_SETTINGS = ("sigmas", "noise", "sampler", "guider", "seed", "noise_seed", "steps", "cfg",
                "sampler_name", "positive", "conditioning", "pipe", "basic_pipe")  # fmt: skip


class _Link(NamedTuple):
    to: str
    output: int


def is_graph(data: Mapping[str, Any]) -> bool:
    """Whether an object is a graph: nodes by their ids."""
    return any(isinstance(node, dict) and "class_type" in node for node in data.values())


def read(texts: Mapping[str, str]) -> dict[str, Any] | None:
    """The details of the graph in a ``prompt`` text, or else in a ``workflow``."""
    raw = texts.get("prompt", "")
    graph = json_object(raw) if raw.lstrip().startswith("{") else None
    if graph is None or not is_graph(graph):
        raw = texts.get("workflow", "")
        graph = as_graph(json_object(raw) or {})
    if not is_graph(graph):
        return None
    found = {name: _node(node) for name, node in list(graph.items())[:_MAX_NODES]}
    return {
        **_details(found),
        "generator": NAME,
        "parameters": values.text(raw, values.MAX_PARAMETERS),
    }


def _node(node: object) -> dict[str, Any]:
    inputs = node.get("inputs") if isinstance(node, dict) else None
    return inputs if isinstance(inputs, dict) else {}


def _details(graph: Graph) -> dict[str, Any]:
    sampler = _main_sampler(graph)
    if sampler is None:
        # Of unknown nodes what can be known for sure: what there is only one of.
        return some(model_name=file_stem(_only(graph, _MODELS)), seed=seed(_only(graph, _SEEDS)))
    chain = [graph[name] for name in _walk(graph, sampler, _TO_MODEL)]
    names = (_literal(graph, node, _MODELS) for node in chain)
    prompt, negative = (_prompt(graph, sampler, role) for role in ("positive", "negative"))
    loras = [name for node in chain for name in _loras(node)] + loras_of(prompt)
    return some(
        prompt=values.text(prompt),
        negative_prompt=values.text(negative),
        model_name=next(filter(None, map(file_stem, names)), None),
        seed=_setting(graph, sampler, _SEEDS, seed),
        steps=_setting(graph, sampler, ("steps",), lambda v: whole(v, 1)),
        cfg_scale=_setting(graph, sampler, _CFG, lambda v: real(v, 0, 1e6)),
        sampler=_setting(graph, sampler, _SAMPLERS, word),
        loras=values.words(loras[:_MAX_LORAS]),
    )


def _main_sampler(graph: Graph) -> str | None:
    """The sampler that makes the picture rather than refines it: that which changes the most."""
    found = [name for name, inputs in graph.items() if _samples(inputs)]
    if not found:
        return None
    # Of the ends of the graph, as only a part of it may lead to this picture.
    latents = ("latent_image", "samples", "latent", "images", "image", "pixels")
    used = {link.to for inputs in graph.values() for link in map(_link, inputs.values()) if link}
    ends = [name for name in graph if name not in used]
    reached = [name for end in ends for name in _walk(graph, end, latents) if name in found]

    def changes(name: str) -> float:
        share = real(_literal(graph, graph[name], ("denoise",)), 0, 1)
        return 1.0 if share is None else share

    # The walk comes to the last ones first, and ``max`` keeps the first of equals.
    return max(reversed(list(dict.fromkeys(reached or found))), key=changes)


def _samples(inputs: Mapping[str, Any]) -> bool:
    latent = any(name in inputs for name in ("latent_image", "latent", "samples", "steps"))
    seeded = any(name in inputs for name in (*_SEEDS, "noise"))
    told = any(name in inputs for name in ("positive", "guider", "basic_pipe", "pipe"))
    return latent and seeded and told


def _prompt(graph: Graph, sampler: str, role: str) -> str | None:
    """The texts that lead to a sampler's ``positive`` or ``negative``, in their order."""
    start = _link(graph[sampler].get(role))
    if start is None:
        literal = graph[sampler].get(role)
        if isinstance(literal, str):
            return literal
        # A guider holds both; one without the roles is told what is wanted alone.
        onward = (
            (role, *_CONDITIONS) if role == "positive" else (role, "guider", "pipe", "basic_pipe")
        )
        names = list(_walk(graph, sampler, onward))[1:]
    else:
        names = list(_walk(graph, start.to, (role, *_CONDITIONS)))
    texts = []
    for name in names:
        inputs = graph[name]
        own = _text(graph, inputs, (role,)) if isinstance(inputs.get(role), str) else []
        texts += own or (_text(graph, inputs, _TEXTS) if role not in inputs else [])
    return "\n".join(dict.fromkeys(texts)) or None


def _text(graph: Graph, inputs: Mapping[str, Any], keys: tuple[str, ...]) -> list[str]:
    """A node's texts, its own or those of the nodes they are linked to."""
    found = []
    for key in keys:
        value, link = inputs.get(key), _link(inputs.get(key))
        if isinstance(value, str) and value.strip():
            found.append(value)
        elif link is not None:
            for name in _walk(graph, link.to, _TEXTS):
                found += [
                    v for k in _TEXTS if isinstance(v := graph[name].get(k), str) and v.strip()
                ]
    return found


def _loras(inputs: Mapping[str, Any]) -> Iterator[str]:
    """The names a loader loads: one, a numbered few, or switched ones in objects of their own."""
    for key, value in inputs.items():
        if isinstance(value, dict):
            name = file_stem(value.get("lora")) if value.get("on", True) else None
        else:
            name = file_stem(value) if key.startswith("lora") and "name" in key else None
        if name and name != "None":
            yield name


def _setting(
    graph: Graph, sampler: str, keys: tuple[str, ...], fit: Callable[[object], Any]
) -> Any:
    """A setting of the sampler or of the nearest node it takes its settings from."""
    for name in _walk(graph, sampler, _TO_SETTINGS):
        found = fit(_literal(graph, graph[name], keys))
        if found is not None:
            return found
    return None


def _literal(graph: Graph, inputs: Mapping[str, Any], keys: tuple[str, ...]) -> object:
    """The first of these inputs that has a value, also where a plain node behind it holds it."""
    for key in keys:
        value = inputs.get(key)
        link = _link(value)
        if link is None:
            if isinstance(value, str | int | float):
                return value
            continue
        for name in _walk(graph, link.to, (*keys, *_PLAIN)):
            for inner in (*keys, *_PLAIN):
                value = graph[name].get(inner)
                if isinstance(value, str | int | float):
                    return value
    return None


def _only(graph: Graph, keys: tuple[str, ...]) -> object:
    found = {
        inputs[k] for inputs in graph.values() for k in keys if isinstance(inputs.get(k), str | int)
    }
    return found.pop() if len(found) == 1 else None


def _walk(graph: Graph, start: str, onward: tuple[str, ...]) -> Iterator[str]:
    """Nodes from ``start`` on along inputs of these names, nearest first, each once."""
    if start not in graph:
        return
    seen, todo = {start}, deque([start])
    while todo:
        name = todo.popleft()
        yield name
        for key in onward:
            link = _link(graph[name].get(key))
            if link is not None and link.to in graph and link.to not in seen:
                seen.add(link.to)
                todo.append(link.to)


def _link(value: object) -> _Link | None:
    match value:
        case [str() | int() as to, int() as output]:
            return _Link(str(to), output)
    return None
