"""Every error rayograph raises on purpose, in one tree.

RayographError                     code, HTTP status, message, hint
├── ConfigurationError             400  a setting is wrong or unknown
├── SourceError                    400  a source cannot be opened at all
│   ├── SourceNotFound             400  it does not exist
│   ├── SourceEmpty                400  it exists and holds no image
│   ├── SourceForbidden            403  the address or path may not be read
│   └── FetchFailed                400  what an address gives could not be had, or is no picture
├── InvalidRequest                 422  a body, cursor or parameter makes no sense
│   └── InvalidFilter              422  a `where` makes no sense; says at which character
├── NotFound                       404
│   ├── DatasetNotFound            404
│   └── ImageNotFound              404
├── Conflict                       409
│   ├── ExportStopped              409  an export was cancelled, or grew too large
│   ├── NotReady                   409  what was asked for has not been computed yet
│   ├── AnalysisFailed             409  what was asked for could not be worked out
│   └── ModelUnavailable           409  no model, or the named one cannot be had
│       └── WeightsChanged         409  its weights are not those that made the vectors
├── AccessDenied                   401  a token is missing or wrong
├── OriginDenied                   403  a foreign host or a cross-site request
├── CatalogError                   503
│   ├── CatalogVersionError        503  written by a newer rayograph
│   ├── CatalogReadOnly            503
│   └── CatalogLocked              503  another process writes to it
├── Unavailable                    503  starting, or a part is down: try again
├── FetchStopped                   503  a download was told to stop; what has come so far is kept
└── ServerError                    502  (client) the server answered 5xx or not at all

``code`` and ``status`` are class attributes, so an error's JSON is derived, never typed twice.
A bad *image* is never an exception that crosses a stage: it is a row with ``error_code`` and
``error`` (see ``ImageFault``).
"""

from __future__ import annotations

from typing import ClassVar


class RayographError(Exception):
    """Base of every deliberate error; ``hint`` is the next step for the person reading it."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders (Ray pickles them); keyword-only hint must survive.
        return (_rebuild, (type(self), self.message, self.hint))

    def to_json(self) -> dict[str, dict[str, str | int]]:
        """The body of an HTTP error: ``{"error": {"code", "message", "hint"?}}``."""
        error: dict[str, str | int] = {"code": self.code, "message": self.message}
        if self.hint:
            error["hint"] = self.hint
        return {"error": error}


def _rebuild(kind: type[RayographError], message: str, hint: str | None) -> RayographError:
    return kind(message, hint=hint)


class ConfigurationError(RayographError):
    code, status = "configuration_error", 400


class SourceError(RayographError):
    code, status = "source_error", 400


class SourceNotFound(SourceError):
    code = "source_not_found"


class SourceEmpty(SourceError):
    code = "source_empty"


class SourceForbidden(SourceError):
    code, status = "source_forbidden", 403


class FetchFailed(SourceError):
    """A download that cannot succeed; ``fault`` is the code its image's row gets (ImageFault)."""

    code = "fetch_failed"

    def __init__(self, message: str, *, hint: str | None = None, fault: str = "unreadable") -> None:
        super().__init__(message, hint=hint)
        self.fault = fault

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_fault, (type(self), self.message, self.hint, self.fault))


class InvalidRequest(RayographError):
    code, status = "invalid_request", 422


class InvalidFilter(InvalidRequest):
    """``position``: the character of the ``where`` at which it goes wrong, counted from 0."""

    code = "invalid_filter"

    def __init__(self, message: str, *, hint: str | None = None, position: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.position = position

    def pointer(self, where: str, width: int = 76) -> tuple[str, str]:
        """The part of a filter where it goes wrong, on one line, and a caret under it."""
        start = max(0, min(self.position - width // 2, len(where) - width))
        shown = "".join(c if c.isprintable() else " " for c in where[start : start + width])
        return shown, " " * (self.position - start) + "^"

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_filter, (self.message, self.hint, self.position))

    def to_json(self) -> dict[str, dict[str, str | int]]:
        body = super().to_json()
        body["error"]["position"] = self.position
        return body


def _rebuild_filter(message: str, hint: str | None, position: int) -> InvalidFilter:
    return InvalidFilter(message, hint=hint, position=position)


class NotFound(RayographError):
    code, status = "not_found", 404


class DatasetNotFound(NotFound):
    code = "dataset_not_found"


class ImageNotFound(NotFound):
    code = "image_not_found"


class Conflict(RayographError):
    code, status = "conflict", 409


class ExportStopped(Conflict):
    code = "export_stopped"


class NotReady(Conflict):
    code = "not_ready"


class AnalysisFailed(Conflict):
    code = "analysis_failed"


class ModelUnavailable(Conflict):
    code = "model_unavailable"


class WeightsChanged(ModelUnavailable):
    code = "weights_changed"


class AccessDenied(RayographError):
    code, status = "access_denied", 401


class OriginDenied(RayographError):
    code, status = "origin_denied", 403


class CatalogError(RayographError):
    code, status = "catalog_error", 503


class CatalogVersionError(CatalogError):
    code = "catalog_too_new"


class CatalogReadOnly(CatalogError):
    code = "catalog_read_only"


class CatalogLocked(CatalogError):
    code = "catalog_locked"


class Unavailable(RayographError):
    code, status = "unavailable", 503


class FetchStopped(RayographError):
    code, status = "fetch_stopped", 503


class ServerError(RayographError):
    code, status = "server_error", 502


class ImageFault(RayographError):
    """Why one image failed; becomes ``error_code`` and ``error`` of its row, never a crash.

    Codes: ``missing``, ``unreadable``, ``unavailable`` (this alone can pass), ``empty``,
    ``truncated``, ``not_an_image``, ``unsupported``, ``too_large``, ``corrupt``, ``timeout``,
    ``crashed``, ``changed``.
    """

    code, status = "image_fault", 422

    def __init__(self, message: str, *, hint: str | None = None, fault: str = "corrupt") -> None:
        super().__init__(message, hint=hint)
        self.fault = fault

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_fault, (type(self), self.message, self.hint, self.fault))


def _rebuild_fault(
    kind: type[ImageFault | FetchFailed], message: str, hint: str | None, fault: str
) -> ImageFault | FetchFailed:
    return kind(message, hint=hint, fault=fault)


def _tree(kind: type[RayographError]) -> list[type[RayographError]]:
    found = [kind]
    for child in kind.__subclasses__():
        found += _tree(child)
    return found


_BY_STATUS: dict[int, type[RayographError]] = {
    401: AccessDenied,
    403: OriginDenied,
    404: NotFound,
    409: Conflict,
    503: Unavailable,
}


def error_from_json(status: int, body: object) -> RayographError:
    """The typed exception for an HTTP error answer (what the client raises)."""
    error = body.get("error") if isinstance(body, dict) else None
    fallback = _BY_STATUS.get(status, ServerError if status >= 500 else InvalidRequest)
    if not isinstance(error, dict):
        return fallback(f"the server answered {status}")
    code, message, hint = error.get("code"), error.get("message"), error.get("hint")
    if code == InvalidFilter.code:
        position = error.get("position")
        at = position if isinstance(position, int) else 0
        return InvalidFilter(str(message), hint=hint, position=at)
    for kind in _tree(RayographError):
        if kind.code == code and kind is not ImageFault:
            return kind(str(message), hint=hint)
    return fallback(str(message), hint=hint)
