"""The error tree: codes are unique, JSON goes there and back, pickles keep everything."""

from __future__ import annotations

import inspect
import pickle

import pytest

from rayograph import errors
from rayograph.errors import ImageFault, RayographError, error_from_json

KINDS = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, RayographError)
]


def test_codes_are_unique() -> None:
    codes = [kind.code for kind in KINDS]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("kind", KINDS)
def test_the_module_s_docstring_draws_each_with_its_status(kind: type[RayographError]) -> None:
    text = (errors.__doc__ or "").replace("`", " ")
    drawn = [line.split() for line in text.splitlines() if kind.__name__ in line.split()]
    assert drawn, kind
    if kind not in {RayographError, ImageFault}:
        assert str(kind.status) in drawn[0]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not ImageFault])
@pytest.mark.parametrize("hint", [None, "do that"])
def test_json_goes_there_and_back(kind: type[RayographError], hint: str | None) -> None:
    body = kind("what happened", hint=hint).to_json()
    assert ("hint" in body["error"]) == (hint is not None)
    back = error_from_json(kind.status, body)
    assert (type(back), back.message, back.hint) == (kind, "what happened", hint)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, errors.AccessDenied),
        (403, errors.OriginDenied),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (418, errors.InvalidRequest),
        (500, errors.ServerError),
        (503, errors.Unavailable),
    ],
)
@pytest.mark.parametrize("body", [None, [], {"detail": "x"}, {"error": "x"}, {"error": {}}])
def test_an_answer_without_our_body_is_typed_by_its_status(
    status: int, kind: type[RayographError], body: object
) -> None:
    assert type(error_from_json(status, body)) is kind


@pytest.mark.parametrize("kind", KINDS)
def test_errors_survive_the_way_between_processes(kind: type[RayographError]) -> None:
    back = pickle.loads(pickle.dumps(kind("what", hint="do that")))
    assert (type(back), str(back), back.hint) == (kind, "what", "do that")


def test_an_image_fault_keeps_its_reason() -> None:
    back = pickle.loads(pickle.dumps(ImageFault("short", fault="truncated")))
    assert (back.message, back.fault) == ("short", "truncated")
