"""given(*events).when(command).then(*events) — and then_refused, then_nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from users.aggregate import USER
from users.commands import UserCommand
from users.errors import UserError


@dataclass(frozen=True)
class Decision:
    state: Any
    command: UserCommand

    def then(self, *events: object) -> None:
        assert USER.decide(self.state, self.command) == list(events)

    def then_nothing(self) -> None:
        assert USER.decide(self.state, self.command) == []

    def then_refused(self, error: type[UserError], **facts: Any) -> None:
        with pytest.raises(error) as caught:
            USER.decide(self.state, self.command)
        assert {name: getattr(caught.value, name) for name in facts} == facts


@dataclass(frozen=True)
class Given:
    events: tuple[object, ...]

    def when(self, command: UserCommand) -> Decision:
        return Decision(USER.fold(self.events), command)


def given(*events: object) -> Given:
    return Given(events)
