"""``POST /users/commands``: many commands at once, each with a result of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson
import uuid_utils.compat as uuid
from django.db import transaction
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.views import APIView

from eventstore import circumstances
from users import bulk, unrecorded
from users.answers import Answer
from users.api import conditions
from users.api.batches import (
    BatchResultSerializer,
    BatchSerializer,
    ItemReader,
    user_of,
)
from users.api.bodies import BulkJSONParser
from users.api.carrying_out import acting_client, actor_of, told
from users.api.described import BULK_ANSWERS, BULK_HEADERS
from users.api.idempotency import answered
from users.api.permissions import demand
from users.api.throttling import spend_commands
from users.bulk import Wanted
from users.commands import CreateUser, EraseUser, UserCommand
from users.errors import CompanionRefusedError
from users.scopes import Scope
from users.services import Outcome
from users.unrecorded import Note


@dataclass(slots=True, kw_only=True)
class _Item:
    """One command of the body and what came of it.

    Attributes:
        command: None when it had not the form of one; then *result* is the error.
        user_id: Whose; None when an ill-formed one does not say.
    """

    command_id: UUID
    user_id: UUID | None
    command: UserCommand | None = None
    expected_version: int | None = None
    result: Outcome | Exception | None = None


class CommandsView(APIView):
    """Up to a thousand commands in one request."""

    parser_classes = (BulkJSONParser,)
    scopes = {"POST": Scope.USERS_WRITE}

    @extend_schema(
        operation_id="execute_commands",
        summary="Carry out up to 1,000 commands",
        request=BatchSerializer,
        parameters=BULK_HEADERS,
        responses={
            202: BatchResultSerializer,
            200: BatchResultSerializer,
            **BULK_ANSWERS,
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """Carry out the commands; all or none of those for one user, in their order.

        202 when at least one recorded something, else 200; `results` tells of each.
        """
        body = BatchSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        conditions.refuse_condition(request)
        commands = body.validated_data["commands"]
        spend_commands(request, len(commands))
        return answered(request, lambda: _produce(self, commands))


def _produce(view: APIView, commands: Sequence[Any]) -> Answer:
    items = list(_read(view.request, commands))
    spoilt = {item.user_id for item in items if item.result and item.user_id}
    for item in items:
        if item.command and item.command.user_id in spoilt:
            item.result = CompanionRefusedError(item.command.user_id)
    with transaction.atomic():
        _execute(view.request, [item for item in items if item.result is None])
        results = [_result(view, place, item) for place, item in enumerate(items)]
        unrecorded.note(list(_notes(actor_of(view.request), items, results)))
    return _answer(view.request, results)


def _read(request: Request, commands: Sequence[Any]) -> Iterator[_Item]:
    reader = ItemReader()
    is_strict = conditions.is_strict(request)
    for given in commands:
        item = _Item(command_id=uuid.uuid7(), user_id=None)
        try:
            command, seen = reader.read(given)
            if isinstance(command, EraseUser):
                demand(request, Scope.USERS_ERASE)
            if is_strict and seen is None and not isinstance(command, CreateUser):
                raise conditions.ConditionRequiredError
        except APIException as error:
            item.user_id, item.result = user_of(given), error
        else:
            item.user_id, item.command = command.user_id, command
            item.expected_version = seen
        yield item


def _execute(request: Request, items: Sequence[_Item]) -> None:
    with acting_client(request):
        known = circumstances.current()
    wanted = [
        Wanted(
            command=item.command,
            metadata=replace(known, causation_id=item.command_id),
            expected_version=item.expected_version,
        )
        for item in items
        if item.command
    ]
    for item, result in zip(items, bulk.execute_each(wanted), strict=True):
        item.result = result


def _notes(
    actor: str, items: Sequence[_Item], results: Sequence[Mapping[str, Any]]
) -> Iterator[Note]:
    for item, result in zip(items, results, strict=True):
        if item.command is None or result.get("changed"):
            continue
        yield Note(
            command_id=item.command_id,
            actor=actor,
            command=item.command,
            problem=result.get("problem"),
            version=result.get("version"),
            position=result.get("position"),
        )


def _answer(request: Request, results: Sequence[Mapping[str, Any]]) -> Answer:
    recorded = sum(result["status"] == status.HTTP_202_ACCEPTED for result in results)
    unchanged = sum(result["status"] == status.HTTP_200_OK for result in results)
    body = {
        "recorded": recorded,
        "unchanged": unchanged,
        "refused": len(results) - recorded - unchanged,
        "results": results,
    }
    headers = {"Content-Type": "application/json"}
    if conditions.prefers_strict(request):
        headers |= conditions.APPLIED
    return Answer(
        status=status.HTTP_202_ACCEPTED if recorded else status.HTTP_200_OK,
        headers=headers,
        body=orjson.dumps(body),
    )


def _result(view: APIView, place: int, item: _Item) -> dict[str, Any]:
    if item.command and isinstance(item.result, Outcome):
        code = status.HTTP_202_ACCEPTED if item.result.changed else status.HTTP_200_OK
        return {"status": code, **told(item.command, item.command_id, item.result)}
    problem = _problem(view, place, item.result)
    return {
        "status": problem["status"],
        "command_id": item.command_id if item.command else None,
        "user_id": item.user_id,
        "problem": problem,
    }


def _problem(view: APIView, place: int, error: Any) -> dict[str, Any]:
    problem: dict[str, Any] = dict(view.handle_exception(error).data)
    del problem["instance"]  # the request's, not the command's
    if "errors" in problem:
        problem["errors"] = [
            each | {"pointer": f"#/commands/{place}{each['pointer'][1:]}"}
            for each in problem["errors"]
        ]
    return problem
