"""From a command to its answer: carried out, without effect, or refused (ADR-0022)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, cast
from uuid import UUID

import orjson
import uuid_utils.compat as uuid
from django.http import HttpResponse
from django.urls import reverse
from rest_framework import status
from rest_framework.request import Request
from rest_framework.views import APIView

from eventstore.circumstances import acting
from eventstore.errors import ConcurrencyError
from eventstore.events import REST
from users import services, unrecorded
from users.answers import Answer
from users.api import conditions
from users.api.authentication import Client
from users.api.conditions import StaleError
from users.api.idempotency import answered
from users.api.permissions import may
from users.commands import UserCommand
from users.errors import UserError
from users.scopes import Scope
from users.services import Outcome
from users.unrecorded import Note


def carry_out(
    view: APIView,
    request: Request,
    command: UserCommand,
    expected: Callable[[], int | None],
) -> HttpResponse:
    """Carry out *command* in the client's name and return what the client is told.

    Args:
        view: Knows how errors are told.
        request: May have an ``Idempotency-Key``.
        command: What to do.
        expected: Returns the version that the client has seen, or raises that the user
            is not there; asked only when the request is not a repeat.
    """

    def produce() -> Answer:
        command_id = uuid.uuid7()
        try:
            with acting_client(request, causation_id=command_id):
                outcome = services.execute(command, expected_version=expected())
        except (UserError, ConcurrencyError) as error:
            return _refused(view, command, command_id, error)
        return _done(request, command, command_id, outcome)

    return answered(request, produce)


def acting_client(request: Request, **known: Any) -> AbstractContextManager[None]:
    """Set the circumstances: the client acts, over REST."""
    return acting(actor=actor_of(request), source=REST, **known)


def actor_of(request: Request) -> str:
    """Return the client as the log names it."""
    return cast("Client", request.user).actor


def told(command: UserCommand, command_id: UUID, outcome: Outcome) -> dict[str, Any]:
    """Return what a client is told of a command that was carried out."""
    return {
        "command_id": command_id,
        "user_id": command.user_id,
        "stream": outcome.stream,
        "version": outcome.version,
        "position": outcome.position,
        "changed": outcome.changed,
    }


def place_of(command_id: UUID) -> str:
    """Return the address at which a command's fate is told."""
    return reverse("api:command", args=[command_id])


def _done(
    request: Request, command: UserCommand, command_id: UUID, outcome: Outcome
) -> Answer:
    if not outcome.changed:
        unchanged = Note(
            command_id=command_id,
            actor=actor_of(request),
            command=command,
            version=outcome.version,
            position=outcome.position,
        )
        unrecorded.note([unchanged])
    user = reverse("api:user", args=[command.user_id])
    headers = {
        "Content-Type": "application/json",
        "Location": place_of(command_id),
        "Link": f'<{user}?min_version={outcome.version}>; rel="about"',
        "ETag": conditions.etag(outcome.version),
    }
    if conditions.prefers_strict(request):
        headers |= conditions.APPLIED
    return Answer(
        status=status.HTTP_202_ACCEPTED if outcome.changed else status.HTTP_200_OK,
        headers=headers,
        body=orjson.dumps(told(command, command_id, outcome)),
    )


def _refused(
    view: APIView, command: UserCommand, command_id: UUID, error: Exception
) -> Answer:
    is_stale = isinstance(error, ConcurrencyError)
    if is_stale and conditions.names_versions(view.request):
        error = StaleError(
            cast("ConcurrencyError", error),
            sees_changes=may(view.request, Scope.USERS_READ),
            sees_personal=may(view.request, Scope.PERSONAL_READ),
        )
    response = view.handle_exception(error)
    problem: Mapping[str, Any] = {**response.data, "command_id": command_id}
    refused = Note(
        command_id=command_id,
        actor=actor_of(view.request),
        command=command,
        problem=problem,
    )
    unrecorded.note([refused])
    return Answer(
        status=response.status_code,
        headers={
            **response.headers,
            "Content-Type": response.content_type or "",
            "Location": place_of(command_id),
        },
        body=orjson.dumps(problem),
        # Somebody else's change is no verdict on the command; and it names persons.
        is_final=not is_stale,
    )
