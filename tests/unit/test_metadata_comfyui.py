"""ComfyUI's graphs: of every shape, with nodes nobody knows, circular, huge and broken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayograph.metadata.ai import comfyui, generated
from tests.described import details, exif, picture, png, user_comment

SEED = 18_446_744_073_709_551_615


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs, "_meta": {"title": class_type}}


def basic() -> dict[str, Any]:
    """The graph that ComfyUI opens with, and a LoRA in it."""
    return {
        "3": node(
            "KSampler",
            seed=SEED,
            steps=20,
            cfg=8.0,
            sampler_name="euler",
            scheduler="normal",
            denoise=1.0,
            model=["10", 0],
            positive=["6", 0],
            negative=["7", 0],
            latent_image=["5", 0],
        ),
        "4": node("CheckpointLoaderSimple", ckpt_name="SDXL\\sdxl_base.safetensors"),
        "5": node("EmptyLatentImage", width=512, height=512, batch_size=1),
        "6": node("CLIPTextEncode", text="a lighthouse", clip=["10", 1]),
        "7": node("CLIPTextEncode", text="watermark", clip=["10", 1]),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", filename_prefix="x", images=["8", 0]),
        "10": node(
            "LoraLoader",
            lora_name="style/inked.safetensors",
            strength_model=1.0,
            model=["4", 0],
            clip=["4", 1],
        ),
    }


EXPECTED = {
    "generator": "ComfyUI",
    "prompt": "a lighthouse",
    "negative_prompt": "watermark",
    "model_name": "sdxl_base",
    "seed": SEED,
    "steps": 20,
    "cfg_scale": 8.0,
    "sampler": "euler",
    "loras": ["inked"],
}


def of(graph: object) -> dict[str, Any]:
    found = generated({"prompt": json.dumps(graph)})
    found.pop("parameters", None)
    return found


def known(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value is not None}


def test_the_graph_it_opens_with() -> None:
    raw = json.dumps(basic())
    found = details(png(prompt=raw, workflow="{}"))
    assert found.pop("parameters") == raw
    assert found == EXPECTED


def test_in_a_webp_as_its_own_nodes_save_it() -> None:
    raw = json.dumps(basic())
    found = details(
        picture("WEBP", exif=exif(base={0x0110: f"prompt:{raw}", 0x010F: "workflow:{}"}))
    )
    assert found.pop("parameters") == raw
    assert found == EXPECTED
    also = details(picture(exif=user_comment(raw)))
    assert also.pop("parameters") == raw
    assert also == EXPECTED


def test_a_custom_sampler_with_a_guider() -> None:
    graph = {
        "a": node("UNETLoader", unet_name="flux1-dev.safetensors"),
        "b": node("CLIPTextEncode", text="a red fox", clip=["x", 0]),
        "c": node("FluxGuidance", guidance=3.5, conditioning=["b", 0]),
        "d": node("BasicGuider", model=["l", 0], conditioning=["c", 0]),
        "e": node("RandomNoise", noise_seed=["s", 0]),
        "f": node("KSamplerSelect", sampler_name="dpmpp_2m"),
        "g": node("BasicScheduler", scheduler="simple", steps=25, denoise=1.0, model=["l", 0]),
        "h": node(
            "SamplerCustomAdvanced",
            noise=["e", 0],
            guider=["d", 0],
            sampler=["f", 0],
            sigmas=["g", 0],
            latent_image=["i", 0],
        ),
        "i": node("EmptySD3LatentImage", width=8, height=8),
        "j": node("SaveImage", images=["h", 0]),
        "l": node(
            "Power Lora Loader (rgthree)",
            lora_1={"on": True, "lora": "grain.safetensors", "strength": 1},
            lora_2={"on": False, "lora": "unused.safetensors", "strength": 1},
            model=["a", 0],
        ),
        "s": node("Seed (somebody's)", seed=77),
    }
    assert of(graph) == {
        "generator": "ComfyUI",
        "prompt": "a red fox",
        "model_name": "flux1-dev",
        "seed": 77,
        "steps": 25,
        "cfg_scale": 3.5,
        "sampler": "dpmpp_2m",
        "loras": ["grain"],
    }


def test_the_sampler_that_makes_it_not_the_one_that_refines() -> None:
    graph = basic()
    graph["20"] = node(
        "KSampler",
        seed=5,
        steps=4,
        cfg=1.0,
        sampler_name="lcm",
        denoise=0.3,
        model=["10", 0],
        positive=["6", 0],
        negative=["7", 0],
        latent_image=["3", 0],
    )
    graph["8"]["inputs"]["samples"] = ["20", 0]
    assert of(graph) == EXPECTED


def test_texts_behind_links_conditions_and_control() -> None:
    graph = basic()
    graph["3"]["inputs"] |= {"positive": ["30", 0], "negative": ["30", 1], "steps": ["34", 0]}
    graph["30"] = node("ControlNetApplyAdvanced", positive=["31", 0], negative=["7", 0])
    graph["31"] = node("ConditioningCombine", conditioning_1=["6", 0], conditioning_2=["32", 0])
    graph["32"] = node("CLIPTextEncode", text=["33", 0], clip=["10", 1])
    graph["33"] = node("Text Concatenate", text_a="in fog", text_b=["35", 0])
    graph["34"] = node("PrimitiveInt", value=31)
    graph["35"] = node("String Literal", string="at night")
    found = of(graph)
    assert found["prompt"] == "a lighthouse\nin fog\nat night"
    assert (found["negative_prompt"], found["steps"]) == ("watermark", 31)


def test_a_loader_that_holds_the_prompts() -> None:
    graph = {
        "1": node(
            "Efficient Loader",
            ckpt_name="dream.ckpt",
            positive="a hill",
            negative="people",
            lora_name="None",
        ),
        "2": node(
            "KSampler (Efficient)",
            seed=3,
            steps=9,
            cfg=4,
            sampler_name="ddim",
            model=["1", 0],
            positive=["1", 1],
            negative=["1", 2],
            latent_image=["1", 3],
        ),
    }
    found = of(graph)
    assert (found["prompt"], found["negative_prompt"]) == ("a hill", "people")
    assert (found["model_name"], found["seed"], found.get("loras")) == ("dream", 3, None)


def test_a_workflow_alone() -> None:
    def box(number: int, kind: str, values: list[Any], **links: int) -> dict[str, Any]:
        slots = [{"name": name, "link": link} for name, link in links.items()]
        return {"id": number, "type": kind, "inputs": slots, "widgets_values": values}

    workflow = {
        "nodes": [
            box(1, "CheckpointLoaderSimple", ["a.safetensors"]),
            box(2, "CLIPTextEncode", ["a pond"], clip=3),
            box(3, "CLIPTextEncode", ["frogs"], clip=3),
            box(4, "EmptyLatentImage", [8, 8, 1]),
            box(
                5,
                "KSampler",
                [42, "randomize", 12, 7.5, "heun", "normal", 1],
                model=1,
                positive=2,
                negative=4,
                latent_image=5,
            ),
        ],
        "links": [
            [1, 1, 0, 5, 0, "MODEL"],
            [2, 2, 0, 5, 1, "CONDITIONING"],
            [3, 1, 1, 2, 0, "CLIP"],
            [4, 3, 0, 5, 2, "CONDITIONING"],
            [5, 4, 0, 5, 3, "LATENT"],
        ],
    }
    found = details(png(workflow=json.dumps(workflow)))
    assert found.pop("parameters") == json.dumps(workflow)
    assert found == {
        "generator": "ComfyUI",
        "prompt": "a pond",
        "negative_prompt": "frogs",
        "model_name": "a",
        "seed": 42,
        "steps": 12,
        "cfg_scale": 7.5,
        "sampler": "heun",
    }


def test_beside_a_text_like_that_of_others() -> None:
    text = "a lighthouse by day\nSteps: 20, Sampler: Euler, Seed: 9"
    found = details(png(parameters=text, prompt=json.dumps(basic())))
    assert (found["generator"], found["prompt"]) == ("ComfyUI", "a lighthouse by day")
    assert (found["seed"], found["model_name"]) == (9, "sdxl_base")
    assert found["parameters"] == text


def test_circles_end() -> None:
    graph = basic()
    graph["6"]["inputs"]["text"] = ["6", 0]
    graph["4"]["inputs"]["ckpt_name"] = ["4", 0]
    graph["10"]["inputs"]["model"] = ["10", 0]
    graph["3"]["inputs"] |= {"latent_image": ["3", 0], "seed": ["3", 0]}
    found = of(graph)
    assert "prompt" not in known(found)
    assert found["steps"] == 20


def test_a_chain_of_thousands() -> None:
    graph = {str(at): node("Pass", model=[str(at + 1), 0]) for at in range(5000)}
    graph["0"] = basic()["3"] | {"inputs": basic()["3"]["inputs"] | {"model": ["1", 0]}}
    assert of(graph)["steps"] == 20


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "{",
        "[]",
        "null",
        '{"a": 1}',
        '{"3": {"class_type": "KSampler"}}',
        '{"3": {"class_type": 5, "inputs": 7}}',
        '{"3": {"class_type": "KSampler", "inputs": {"seed": NaN, "cfg": Infinity, "guider": []}}}',
        '{"a":' * 50_000,
        "[" * 100_000,
        json.dumps({"3": node("KSampler", seed=10**400, positive=[None, 0], latent_image=1)}),
        json.dumps(
            {"3": node("KSampler", seed=-4, steps=-1, cfg=True, positive=["99", 0], latent=1)}
        ),
    ],
)
def test_broken_graphs(raw: str) -> None:
    found = known(generated({"prompt": raw}))
    assert set(found) <= {"generator", "parameters"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(["seed", "steps", "positive", "negative", "model", "text", "latent_image"])
LINK = st.tuples(st.sampled_from(["1", "2", "3"]), st.integers(0, 2)).map(list)
NODES = st.builds(
    lambda kind, inputs: {"class_type": kind, "inputs": inputs},
    st.text(max_size=4),
    st.dictionaries(NAMES, LINK | JSON, max_size=7),
)


@given(st.dictionaries(st.sampled_from(["1", "2", "3"]), NODES | JSON, max_size=3))
def test_any_graph_is_walked(graph: dict[str, Any]) -> None:
    comfyui.read({"prompt": json.dumps(graph)})


@given(JSON)
def test_any_workflow_is_walked(value: object) -> None:
    comfyui.read({"workflow": json.dumps({"nodes": value, "links": value})})
    comfyui.read({"workflow": json.dumps({"nodes": [value], "links": [value]})})
