"""What may be asked for; each may be refused."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from users.values import ErasureGround, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateUser:
    """Make a person known."""

    user_id: UUID
    name: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeName:
    """Call a person otherwise."""

    user_id: UUID
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEmail:
    """Reach a person at another address."""

    user_id: UUID
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeStatus:
    """Let a person do more, or less."""

    user_id: UUID
    status: Status
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseUser:
    """Make what we know of a person unreadable, for good."""

    user_id: UUID
    ground: ErasureGround


UserCommand = CreateUser | ChangeName | ChangeEmail | ChangeStatus | EraseUser
