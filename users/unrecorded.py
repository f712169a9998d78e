"""Commands that left no event: what became of them, for whoever asks (ADR-0022)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from users.commands import UserCommand
from users.models import UnrecordedCommand

BATCH_SIZE = 5_000  # commands deleted at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What became of one command.

    Attributes:
        actor: Who asked.
        problem: Why it was refused, in problem details; None when it changed nothing.
        version: Version of the user's stream, where that is known.
        position: Position of the stream's last event, where that is known.
    """

    command_id: UUID
    actor: str
    command: UserCommand
    problem: Mapping[str, Any] | None = None
    version: int | None = None
    position: int | None = None


def note(notes: Sequence[Note]) -> None:
    """Keep *notes*, without any value of a command.  One query; none for none."""
    now = timezone.now()
    UnrecordedCommand.objects.bulk_create(
        [
            UnrecordedCommand(
                command_id=each.command_id,
                actor=each.actor,
                command=type(each.command).__name__,
                user_id=each.command.user_id,
                version=each.version,
                position=each.position,
                problem=each.problem and _without_values(each.problem),
                decided_at=now,
            )
            for each in notes
        ]
    )


def find(command_id: UUID, *, actor: str | None = None) -> UnrecordedCommand | None:
    """Return what became of a command, or None when nothing is known.

    Args:
        command_id: Of the command.
        actor: Whose it must be; None for anybody's.
    """
    found = UnrecordedCommand.objects.filter(command_id=command_id)
    return (found if actor is None else found.filter(actor=actor)).first()


def prune() -> int:
    """Delete what is older than ``REFUSED_COMMANDS_DAYS``; return how much."""
    days: int = settings.REFUSED_COMMANDS_DAYS
    old = UnrecordedCommand.objects.filter(
        decided_at__lte=timezone.now() - timedelta(days=days)
    )
    total = 0
    while ids := list(old.values_list("command_id", flat=True)[:BATCH_SIZE]):
        total += UnrecordedCommand.objects.filter(command_id__in=ids).delete()[0]
    return total


def _without_values(problem: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: problem[name] for name in ("type", "title", "status")}
    pointers = [error["pointer"] for error in problem.get("errors", ())]
    return kept | {"pointers": pointers}
