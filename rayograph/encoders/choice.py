"""Which model is used and why, without loading one."""

from __future__ import annotations

from dataclasses import dataclass

from rayograph.encoders.hub import available_file, cached_file
from rayograph.encoders.names import (
    MINI,
    MINI_WEIGHTS,
    ModelName,
    architectures,
    model_shape,
    parse_name,
)
from rayograph.errors import ModelUnavailable
from rayograph.schema import ModelInfo, ModelList

NO_MODEL_STEP = (
    "start once where the model hub can be reached, or name a local checkpoint: "
    "--model ViT-B-32//path/to/weights.safetensors"
)


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """``name`` is what ``load_encoder`` takes; None means that nothing is embedded."""

    name: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model ``auto`` may take."""

    name: str
    repo: str
    size_mb: int
    finds: str
    does_not_find: str


_FINDS = "scenes, objects, activities, colours, styles and pictures that look alike, in English"
_MISSES = "small details, counts, left and right, long text in a picture, people by name"

_FOR_TESTS = {
    "fake": "a test double that knows colour words only",
    "random": "random weights, for benchmarks and tests only",
}
_MINI_FINDS = (
    "colours, simple shapes, patterns, textures, gradients, skies and simple landscapes, charts, "
    "line drawings, and pictures that look alike, near-duplicates above all"
)
_MINI_MISSES = (
    "most things by name (people, animals, objects, places): its vocabulary is small; "
    "it errs among shapes and their counts"
)

# Best first; docs/decisions/0011 compares them. The model that ships comes after all of these.
CANDIDATES: tuple[Candidate, ...] = (
    Candidate(
        "ViT-B-32/datacomp_xl_s13b_b90k",
        "laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K",
        605,
        _FINDS,
        _MISSES,
    ),
    Candidate(
        "ViT-B-32/laion2b_s34b_b79k",
        "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        605,
        _FINDS,
        _MISSES,
    ),
    Candidate(
        "ViT-B-32-256/datacomp_s34b_b86k",
        "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
        605,
        f"{_FINDS}; a little finer than ViT-B-32, at about three quarters of its speed",
        _MISSES,
    ),
    Candidate(
        "ViT-B-16/datacomp_xl_s13b_b90k",
        "laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K",
        599,
        f"{_FINDS}; finer than ViT-B-32, at about a quarter of its speed",
        _MISSES,
    ),
)


def choose_model(setting: str) -> ModelChoice:
    """The model for a setting: ``auto``, ``none`` or a name. Takes at most about 2 s.

    Raises:
        ModelUnavailable: a model was named and cannot be had.
    """
    if setting == "none":
        return ModelChoice(None, "embedding is switched off (model: none); search stays off")
    if setting == "auto":
        return _choose_automatically()
    name = parse_name(setting)
    return ModelChoice(str(name), _check_named(name))


def list_models(setting: str) -> ModelList:
    """The models one can choose, which is in use and why; never raises for a missing one."""
    items: list[ModelInfo] = []
    try:
        choice = choose_model(setting)
    except ModelUnavailable as error:
        reason = f"{error.message}; {error.hint}" if error.hint else error.message
        choice = ModelChoice(None, reason)
        if setting not in {MINI, *(candidate.name for candidate in CANDIDATES)}:
            items.append(ModelInfo(name=setting, available=False, reason=reason))
    for candidate in CANDIDATES:
        reason = _availability(candidate)
        in_use = candidate.name == choice.name
        items.append(
            ModelInfo(
                name=candidate.name,
                available=bool(reason),
                in_use=in_use,
                reason=choice.reason if in_use else reason or _missing(candidate.name),
                finds=candidate.finds,
                does_not_find=candidate.does_not_find,
                dim=_dim(candidate.name),
            )
        )
    items.append(_mini_info(choice))
    if choice.name and not any(item.in_use for item in items):
        items.insert(0, _named_info(choice.name, choice.reason))
    return ModelList(items=items, in_use=choice.name, reason=choice.reason)


def _choose_automatically() -> ModelChoice:
    for candidate in CANDIDATES:
        if cached_file(candidate.repo):
            return ModelChoice(candidate.name, _cached_reason(candidate))
    for candidate in CANDIDATES:
        if available_file(candidate.repo):
            return ModelChoice(candidate.name, _download_reason(candidate))
    if not _has_mini():
        return ModelChoice(
            None,
            "no model to embed with: no pretrained one is in the model cache, no hub answers, "
            f"and {MINI} is not installed; everything but search works. Next: {NO_MODEL_STEP}",
        )
    return ModelChoice(
        MINI,
        f"no pretrained model is in the model cache and no model hub answers, so the small {MINI} "
        f"that ships with rayograph is used. For open vocabulary: {NO_MODEL_STEP}",
    )


def _has_mini() -> bool:
    """Its weights ship with the package, what runs them with the server extra."""
    return MINI_WEIGHTS.is_file() and bool(architectures())


def _check_named(name: ModelName) -> str:
    match name.kind:
        case "fake" | "random":
            return f"named in the settings: {_FOR_TESTS[name.kind]}"
        case "mini":
            if not _has_mini():
                raise ModelUnavailable(
                    f"{MINI} needs the server extra", hint="pip install 'rayograph[server]'"
                )
            return "named in the settings; it ships with rayograph"
        case "file" | "config" | "dir":
            return "named in the settings; its weights are a local file"
        case "hub" if not cached_file(name.architecture):
            if not available_file(name.architecture):
                raise ModelUnavailable(_missing(str(name)), hint=NO_MODEL_STEP)
            return "named in the settings; it will be downloaded from the model hub"
        case "hub":
            return "named in the settings; its weights are in the model cache"
        case "tag":
            return _check_tag(str(name))


def _check_tag(name: str) -> str:
    for candidate in CANDIDATES:
        if candidate.name == name:
            reason = _availability(candidate)
            if not reason:
                raise ModelUnavailable(_missing(name), hint=NO_MODEL_STEP)
            return f"named in the settings; {reason}"
    # open_clip's table of other tags cannot be read without torch: loading checks those.
    return "named in the settings; open_clip looks its weights up when it loads"


def _availability(candidate: Candidate) -> str:
    if cached_file(candidate.repo):
        return _cached_reason(candidate)
    return _download_reason(candidate) if available_file(candidate.repo) else ""


def _cached_reason(candidate: Candidate) -> str:
    return f"the weights of {candidate.name} are in the model cache"


def _download_reason(candidate: Candidate) -> str:
    return f"{candidate.name} will be downloaded ({candidate.size_mb} MB) from the model hub"


def _missing(name: str) -> str:
    return f"{name} is not in the model cache and no model hub offers it"


def _mini_info(choice: ModelChoice) -> ModelInfo:
    available, in_use = _has_mini(), choice.name == MINI
    reason = "ships with rayograph" if available else "needs the server extra"
    return ModelInfo(
        name=MINI,
        available=available,
        in_use=in_use,
        reason=choice.reason if in_use else reason,
        finds=_MINI_FINDS,
        does_not_find=_MINI_MISSES,
        dim=_dim(MINI),
    )


def _named_info(name: str, reason: str) -> ModelInfo:
    colours_only = name == "fake"
    nothing = name.startswith("random:")
    return ModelInfo(
        name=name,
        available=True,
        in_use=True,
        reason=reason,
        finds="colours" if colours_only else "nothing meaningful" if nothing else "",
        does_not_find="anything but colours" if colours_only else "",
        dim=_dim(name),
    )


def _dim(name: str) -> int | None:
    try:
        shape = model_shape(name)
    except ModelUnavailable:
        return None
    return shape.dim if shape else None
