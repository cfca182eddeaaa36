"""The text that A1111, Forge, SD.Next and many others write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayograph.metadata.ai import a1111, generated
from rayograph.metadata.values import MAX_PARAMETERS
from tests.described import details, picture, png, user_comment

TEXT = (
    "a lighthouse, <lora:detail_tweaker:0.8>\nat dusk: calm, 4k\n"
    "Negative prompt: blurry,\nugly (worst quality:1.4)\n"
    "Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 6.5, Seed: 4294967295, Size: 832x1216, "
    "Model hash: 31e35c80fc, Model: sdxl_base_1.0, "
    'Lora hashes: "detail_tweaker: 7c6bad76eb54, film_grain: 0f1e2d", Version: v1.9.4'
)
EXPECTED = {
    "generator": "A1111",
    "prompt": "a lighthouse, <lora:detail_tweaker:0.8>\nat dusk: calm, 4k",
    "negative_prompt": "blurry,\nugly (worst quality:1.4)",
    "model_name": "sdxl_base_1.0",
    "model_hash": "31e35c80fc",
    "seed": 4_294_967_295,
    "steps": 28,
    "cfg_scale": 6.5,
    "sampler": "DPM++ 2M Karras",
    "loras": ["detail_tweaker", "film_grain"],
    "parameters": TEXT,
}


def test_in_a_png_packed_or_not() -> None:
    assert details(png(parameters=TEXT)) == EXPECTED
    assert details(png(packed=True, parameters=TEXT)) == EXPECTED


def test_signs_of_every_language() -> None:
    # Beyond Latin-1 a PNG's text goes into a chunk of another kind.
    found = details(png(parameters="灯台と猫 🐈\nSteps: 20, Sampler: Euler a, Seed: 7"))
    assert found["prompt"] == "灯台と猫 🐈"
    assert found["sampler"] == "Euler a"


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "AVIF"])
@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le", "ascii"])
def test_in_a_user_comment(format: str, encoding: str) -> None:  # noqa: A002
    assert details(picture(format, exif=user_comment(TEXT, encoding))) == EXPECTED


@pytest.mark.parametrize(
    ("line", "generator"),
    [
        ("Version: v1.10.1", "A1111"),
        ("Version: f2.0.1v1.10.1-previous-300-gdfdcbab6", "Forge"),
        ("Version: neo", "Forge"),
        ("Version: ComfyUI", "ComfyUI"),
        ("Version: Fooocus v2.5.5", "Fooocus"),
        ("App: SD.Next, Version: 0f2e1a", "SD.Next"),
        ("Size: 8x8", "A1111"),
    ],
)
def test_who_wrote_it(line: str, generator: str) -> None:
    found = generated({"parameters": f"a cat\nSteps: 20, Sampler: Euler, {line}"})
    assert found["generator"] == generator


def test_without_one_part_or_the_other() -> None:
    only_negative = generated({"parameters": "a cat\nNegative prompt: a dog"})
    assert (only_negative["prompt"], only_negative["negative_prompt"]) == ("a cat", "a dog")
    no_prompt = generated({"parameters": "Steps: 20, Sampler: Euler, Seed: -1"})
    assert "prompt" not in no_prompt
    assert "seed" not in no_prompt
    assert no_prompt["steps"] == 20


def test_a_prompt_that_talks_of_steps() -> None:
    text = "Steps: 3, of stone\nNegative prompt: sand\nSteps: 20, Sampler: Euler, Seed: 5"
    found = generated({"parameters": text})
    assert (found["steps"], found["seed"]) == (20, 5)
    assert found["prompt"] == "Steps: 3, of stone"


@pytest.mark.parametrize(
    "text",
    ["", "holiday on Crete", "Steps:", "{}", "Negative", "steps: 20", "\0", "A note: 1, 2, 3"],
)
def test_what_is_no_such_text(text: str) -> None:
    assert generated({"parameters": text}) == {}
    assert details(picture(exif=user_comment(text or " "))) == {}


def test_values_that_cannot_be() -> None:
    line = "Steps: 99999999999999, Sampler: , CFG scale: NaN, Seed: 99999999999999999999999"
    found = generated({"parameters": f"a\n{line}, Model: ///"})
    assert set(found) == {"generator", "prompt", "parameters"}


def test_long_texts_are_cut_and_unfit_signs_left_out() -> None:
    text = "word\ud800\x07 " * 40_000 + "\nSteps: 20, Sampler: Euler, Seed: 5"
    found = generated({"parameters": text})
    assert len(found["parameters"]) <= MAX_PARAMETERS
    assert found["prompt"].startswith("word word")
    assert found["seed"] == 5


EVIL = [
    "a" * 60_000,
    ":" * 60_000,
    '"' * 60_000,
    "a b " * 15_000,
    'a: "' * 15_000,
    "<lora:" * 9_000,
]


@pytest.mark.parametrize("noise", EVIL)
def test_evil_texts_are_looked_through_once(noise: str) -> None:
    # Were it once for each letter, this would take minutes, and the tier's limit end it.
    a1111.read({"parameters": f"{noise}\nSteps: 20, {noise}"})


@given(st.text(max_size=200))
def test_any_text_after_the_steps(noise: str) -> None:
    found = a1111.read({"parameters": f"a\nNegative prompt: b\nSteps: 20, {noise}"})
    assert found is not None
    assert found["prompt"].startswith("a")
