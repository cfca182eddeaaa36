"""InvokeAI, NovelAI, Fooocus and SwarmUI: as they write, and as nobody should."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayograph.metadata.ai import fooocus, generated, invokeai, novelai, swarmui
from tests.described import details, exif, picture, png, user_comment


def without_raw(found: dict[str, Any], raw: str) -> dict[str, Any]:
    assert found.pop("parameters") == raw
    return found


# -- InvokeAI -------------------------------------------------------------------------------

INVOKE = {
    "app_version": "4.2.0",
    "generation_mode": "sdxl_txt2img",
    "positive_prompt": "a lighthouse",
    "negative_prompt": "fog",
    "seed": 3_561_204_430,
    "cfg_scale": 7.5,
    "steps": 30,
    "scheduler": "dpmpp_2m_sde_k",
    "model": {"key": "1-2", "hash": "blake3:abc", "name": "juggernaut", "base": "sdxl"},
    "loras": [
        {"model": {"name": "grain", "hash": "x"}, "weight": 0.5},
        {"lora": {"model_name": "old", "base_model": "sdxl"}, "weight": 1},
    ],
}


def test_invokeai() -> None:
    raw = json.dumps(INVOKE)
    assert without_raw(details(png(invokeai_metadata=raw, invokeai_graph="{}")), raw) == {
        "generator": "InvokeAI",
        "prompt": "a lighthouse",
        "negative_prompt": "fog",
        "model_name": "juggernaut",
        "model_hash": "blake3:abc",
        "seed": 3_561_204_430,
        "steps": 30,
        "cfg_scale": 7.5,
        "sampler": "dpmpp_2m_sde_k",
        "loras": ["grain", "old"],
    }


def test_invokeai_of_version_two() -> None:
    image = {"prompt": [{"prompt": "a hill [people]", "weight": 1}], "steps": 50, "seed": 1}
    image |= {"cfg_scale": 7, "sampler": "k_lms"}
    data = {
        "model": "stable diffusion",
        "model_weights": "sd-1.5",
        "model_hash": "ff",
        "image": image,
    }
    raw = json.dumps(data)
    found = without_raw(details(png(**{"sd-metadata": raw, "Dream": "x"})), raw)
    assert (found["prompt"], found["negative_prompt"]) == ("a hill", "people")
    assert (found["model_name"], found["model_hash"], found["sampler"]) == ("sd-1.5", "ff", "k_lms")


def test_invokeai_of_version_one() -> None:
    raw = '"a pond, still [frogs]" -s 40 -S 1234 -W 512 -H 512 -C 7.5 -A ddim'
    assert without_raw(details(png(Dream=raw)), raw) == {
        "generator": "InvokeAI",
        "prompt": "a pond, still",
        "negative_prompt": "frogs",
        "seed": 1234,
        "steps": 40,
        "cfg_scale": 7.5,
        "sampler": "ddim",
    }


# -- NovelAI --------------------------------------------------------------------------------

NOVEL = {
    "prompt": "1girl, lighthouse",
    "steps": 28,
    "scale": 5.0,
    "seed": 2_918_273_645,
    "sampler": "k_euler_ancestral",
    "uc": "lowres",
}
OUTSIDE = {"Software": "NovelAI", "Source": "NovelAI Diffusion V4.5 C02D4F98", "Title": "AI image"}
NOVEL_FOUND = {
    "software": "NovelAI",
    "title": "AI image",
    "generator": "NovelAI",
    "prompt": "1girl, lighthouse",
    "negative_prompt": "lowres",
    "model_name": "NovelAI Diffusion V4.5",
    "model_hash": "C02D4F98",
    "seed": 2_918_273_645,
    "steps": 28,
    "cfg_scale": 5.0,
    "sampler": "k_euler_ancestral",
}


def test_novelai() -> None:
    raw = json.dumps(NOVEL)
    data = png(**OUTSIDE, Description="1girl, lighthouse", Comment=raw)
    assert without_raw(details(data), raw) == NOVEL_FOUND


def test_novelai_of_version_four_tells_people_apart() -> None:
    people = [{"char_caption": "girl, red coat", "centers": []}, {"char_caption": "boy"}, 5, {}]
    four = NOVEL | {"v4_prompt": {"caption": {"base_caption": "pier", "char_captions": people}}}
    found = details(png(**OUTSIDE, Comment=json.dumps(four)))
    assert found["prompt"] == "pier\ngirl, red coat\nboy"
    assert found["negative_prompt"] == "lowres"


def test_novelai_in_a_webp() -> None:
    raw = json.dumps({**OUTSIDE, "Comment": json.dumps(NOVEL)})
    block = user_comment(raw)
    block[0x0131] = "NovelAI"
    found = without_raw(details(picture("WEBP", exif=block)), raw)
    assert found == {k: v for k, v in NOVEL_FOUND.items() if k != "title"}


# -- Fooocus --------------------------------------------------------------------------------

FOOOCUS = {
    "adm_guidance": "(1.5, 0.8, 0.3)",
    "base_model": "juggernautXL_v8Rundiffusion.safetensors",
    "base_model_hash": "aeb7e9e689",
    "guidance_scale": 4.0,
    "loras": [["sd_xl_offset_example-lora_1.0", 0.1, "4852686128"]],
    "negative_prompt": "sketch",
    "performance": "Speed",
    "prompt": "a lighthouse",
    "sampler": "dpmpp_2m_sde_gpu",
    "seed": "8640733423427203521",
    "steps": 30,
    "version": "Fooocus v2.5.5",
}
FOOOCUS_FOUND = {
    "generator": "Fooocus",
    "prompt": "a lighthouse",
    "negative_prompt": "sketch",
    "model_name": "juggernautXL_v8Rundiffusion",
    "model_hash": "aeb7e9e689",
    "seed": 8_640_733_423_427_203_521,
    "steps": 30,
    "cfg_scale": 4.0,
    "sampler": "dpmpp_2m_sde_gpu",
    "loras": ["sd_xl_offset_example-lora_1.0"],
}


def test_fooocus() -> None:
    raw = json.dumps(FOOOCUS)
    assert without_raw(details(png(parameters=raw, fooocus_scheme="fooocus")), raw) == FOOOCUS_FOUND
    block = user_comment(raw, "ascii")
    assert without_raw(details(picture(exif=block)), raw) == FOOOCUS_FOUND


def test_fooocus_of_older_versions() -> None:
    older = {k: v for k, v in FOOOCUS.items() if k not in ("loras", "version")}
    older |= {"lora_combined_1": "inked.safetensors : 0.5", "lora_combined_2": "None : 1.0"}
    assert generated({"parameters": json.dumps(older)})["loras"] == ["inked"]


# -- SwarmUI --------------------------------------------------------------------------------

SWARM = {
    "sui_image_params": {
        "prompt": "a lighthouse",
        "negativeprompt": "",
        "model": "Flux/flux1-dev-fp8.safetensors",
        "seed": 305_223_794,
        "steps": 25,
        "cfgscale": 1.0,
        "sampler": "euler",
        "loras": ["style/inked", "grain"],
        "swarm_version": "0.9.5",
    },
    "sui_extra_data": {"date": "2025-01-01"},
    "sui_models": [{"name": "vae", "param": "vae"}, {"param": "model", "hash": "0xabc"}],
}
SWARM_FOUND = {
    "generator": "SwarmUI",
    "prompt": "a lighthouse",
    "model_name": "flux1-dev-fp8",
    "model_hash": "0xabc",
    "seed": 305_223_794,
    "steps": 25,
    "cfg_scale": 1.0,
    "sampler": "euler",
    "loras": ["inked", "grain"],
}


def test_swarmui() -> None:
    raw = json.dumps(SWARM, indent=2)
    assert without_raw(details(png(parameters=raw)), raw) == SWARM_FOUND
    assert without_raw(details(picture(exif=user_comment(raw))), raw) == SWARM_FOUND


def test_swarmui_lists_loras_as_a_text_too() -> None:
    params = SWARM["sui_image_params"]
    assert isinstance(params, dict)
    raw = json.dumps({"sui_image_params": params | {"loras": "style/inked,grain"}})
    assert generated({"parameters": raw})["loras"] == ["inked", "grain"]


# -- all of them ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "texts",
    [
        {"invokeai_metadata": "{"},
        {"invokeai_metadata": "[1]"},
        {"Software": "NovelAI"},
        {"Software": "NovelAI Studio"},
        {"Comment": json.dumps(NOVEL)},
        {"parameters": '{"prompt": "a"}'},
        {"parameters": '{"sui_image_params": 5}'},
        {"parameters": '{"a":' * 60_000},
        {"Comment": "made with GIMP", "Software": "GIMP"},
    ],
)
def test_what_is_by_none_of_them(texts: dict[str, str]) -> None:
    assert generated(texts) == {}
    found = details(png(**texts))
    assert set(found) <= {"software"}


def test_a_description_for_people_stays() -> None:
    found = details(png(Description="Our pier", Author="Ana", Copyright="CC0", Title="Pier"))
    assert found == {
        "title": "Pier",
        "description": "Our pier",
        "creator": "Ana",
        "copyright": "CC0",
    }
    raw = json.dumps(INVOKE)
    also = details(png(invokeai_metadata=raw, Description="Our pier"))
    assert (also["description"], also["prompt"]) == ("Our pier", "a lighthouse")
    camera = details(picture("WEBP", exif=exif(base={0x010F: 'workflow:{"a": 1}'})))
    assert "{" not in str(camera.get("camera", "")) or "generator" not in camera


NOISE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
FAMILIES: list[tuple[Any, str, dict[str, str], dict[str, Any]]] = [
    (invokeai, "invokeai_metadata", {}, INVOKE),
    (invokeai, "sd-metadata", {}, {"image": {"prompt": []}, "model": "x", "model_hash": "y"}),
    (novelai, "Comment", {"Software": "NovelAI"}, NOVEL | {"v4_prompt": {"caption": {}}}),
    (fooocus, "parameters", {"fooocus_scheme": "fooocus"}, FOOOCUS),
    (swarmui, "parameters", {}, SWARM),
]


@given(st.sampled_from(FAMILIES), st.data())
def test_any_value_anywhere(family: Any, data: st.DataObject) -> None:
    module, name, texts, sample = family
    broken = json.loads(json.dumps(sample))
    for place in (broken, *(v for v in broken.values() if isinstance(v, dict))):
        for key in place:
            if data.draw(st.booleans()):
                place[key] = data.draw(NOISE)
    found = module.read({**texts, name: json.dumps(broken)}) or {}
    for key, value in found.items():
        assert value is None or isinstance(value, str | int | float | list), key


@given(st.text(max_size=300))
def test_any_text_of_any_name(noise: str) -> None:
    for name in ("parameters", "Dream", "Comment", "prompt", "workflow", "UserComment", "Make"):
        generated({name: noise, "Software": "NovelAI"})
