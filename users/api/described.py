"""How commands and their answers are described in the OpenAPI schema."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from users.api.idempotency import BARE
from users.api.schema import ProblemSerializer, problems
from users.api.serializers import OutcomeSerializer
from users.errors import OwnedElsewhereError


class ChangeSinceSerializer(serializers.Serializer[Any]):
    """One event that a client had not seen."""

    version = serializers.IntegerField(read_only=True)
    position = serializers.IntegerField(read_only=True)
    type = serializers.CharField(read_only=True)
    recorded_at = serializers.DateTimeField(read_only=True)
    sentence = serializers.CharField(read_only=True)


class StaleProblemSerializer(ProblemSerializer):
    """The user moved on: where to, and by which events."""

    version = serializers.IntegerField(read_only=True)
    changes = ChangeSinceSerializer(many=True, read_only=True)


def _header(
    name: str, description: str, *statuses: int, pattern: str = ""
) -> OpenApiParameter:
    # Without statuses a header of the request; drf-spectacular heeds lists only.
    return OpenApiParameter(
        name,
        {"type": "string"} | ({"pattern": pattern} if pattern else {}),
        OpenApiParameter.HEADER,
        description=description,
        response=list(statuses),
    )


_DONE = (200, 202)
_ANY = (200, 202, 400, 404, 409, 412)
IDEMPOTENCY_KEY = _header(
    "Idempotency-Key",
    "Makes a repeat safe: the same request with the same key is carried out once, and"
    " its repeats get the same answer. At most 255 printable ASCII characters.",
    pattern=f"^{BARE.pattern}$",
)
REPLAYED = _header(
    "Idempotency-Replayed", "`true`: this answer was given before.", *_ANY
)
PREFER = _header(
    "Prefer", "`handling=strict`: refuse a command that names no version, with 428."
)
APPLIED = _header("Preference-Applied", "`handling=strict`", *_DONE)
LOCATION = _header("Location", "Where to ask what became of the command.", *_ANY)
LINK = _header("Link", '`rel="about"`: the user, as of this command.', *_DONE)
ETAG = _header("ETag", "The user's version now.", *_DONE, 412)
RETRY_AFTER = _header("Retry-After", "Seconds to wait before trying again.", 409, 503)
IF_MATCH = _header(
    "If-Match",
    "The ETag of the user as the client saw it: refuse with 412 when it changed since.",
    pattern=r'^("[0-9]{1,10}"|[*])$',
)

_ANSWERS = [IDEMPOTENCY_KEY, REPLAYED, LOCATION, LINK, RETRY_AFTER]
CREATE_HEADERS = [*_ANSWERS, _header("ETag", "The user's version now.", *_DONE)]
CHANGE_HEADERS = [*_ANSWERS, IF_MATCH, PREFER, APPLIED, ETAG]
BULK_HEADERS = [
    IDEMPOTENCY_KEY,
    _header("Idempotency-Replayed", "`true`: this answer was given before.", *_DONE),
    PREFER,
    APPLIED,
    RETRY_AFTER,
]

_OUTCOME = {
    "command_id": "019a2b3c-4d5e-7f60-8a7b-9c0d1e2f3a4b",
    "user_id": "019a2b3c-1111-7222-8333-444455556666",
    "stream": "user-019a2b3c-1111-7222-8333-444455556666",
    "version": 2,
    "position": 1042,
    "changed": True,
}


def _outcome(description: str, **facts: Any) -> OpenApiResponse:
    name = "Recorded" if facts["changed"] else "Nothing to change"
    return OpenApiResponse(
        OutcomeSerializer,
        description,
        [OpenApiExample(name, _OUTCOME | facts, response_only=True)],
    )


_CONFLICT = OpenApiResponse(
    ProblemSerializer,
    "The user is at another version or may not change so, or another system owns what"
    " would change: then only that system, or staff, can change it.",
    [
        OpenApiExample(
            "Owned by another system",
            {
                "type": "urn:annals:problem:owned-by-salesforce",
                "title": "Owned by Salesforce",
                "status": 409,
                "detail": str(
                    OwnedElsewhereError(owner="Salesforce", attribute="name")
                ),
                "instance": "urn:uuid:019a2b3c-2222-7333-8444-555566667777",
                "command_id": _OUTCOME["command_id"],
            },
            response_only=True,
        )
    ],
)
CREATE_ANSWERS: dict[Any, Any] = {
    202: _outcome("The user is created, durably.", version=1, changed=True),
    **problems(400, 401, 409, 410, 413, 415, 422, 503),
}
CHANGE_ANSWERS: dict[Any, Any] = {
    202: _outcome("The change is recorded, durably.", changed=True),
    200: _outcome("The command changed nothing.", changed=False),
    **problems(400, 401, 404, 409, 410, 413, 415, 422, 428, 503),
    (409, "application/problem+json"): _CONFLICT,
    (412, "application/problem+json"): StaleProblemSerializer,
}
BULK_ANSWERS: dict[Any, Any] = problems(400, 401, 409, 413, 415, 422, 503)
