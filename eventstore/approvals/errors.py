"""Why nothing was asked for, approved, refused or withdrawn; for whoever tried."""

from __future__ import annotations

from uuid import UUID

from eventstore.errors import EventStoreError
from eventstore.wording import worded


class ApprovalError(EventStoreError):
    """Something about an approval was refused; nothing was done."""


class SecondPersonError(ApprovalError):
    """The act is one that a second person must approve."""

    def __init__(self) -> None:
        super().__init__(
            worded(
                "Nothing was done: a second person must approve this. Ask for it in the"
                " back office, on the page of the act."
            )
        )


class AskedAlreadyError(ApprovalError):
    """The same waits for a second person already."""

    def __init__(self, approval_id: UUID, by: str) -> None:
        self.approval_id = approval_id
        super().__init__(
            worded("{by} asked for this already; it waits for a second person.", by=by)
        )


class NoApprovalError(ApprovalError):
    """Nothing was asked for under this id."""

    def __init__(self) -> None:
        super().__init__(worded("Nothing was asked for here."))


class DecidedError(ApprovalError):
    """It was approved, refused or withdrawn before."""

    def __init__(self, state: str, by: str) -> None:
        self.state = state
        super().__init__(
            worded(
                "Nothing was done: this is {state} already, by {by}.",
                state=state,
                by=by,
            )
        )


class ExpiredError(ApprovalError):
    """It waited too long."""

    def __init__(self) -> None:
        super().__init__(
            worded("Nothing was done: the time for this is over. Ask for it anew.")
        )


class OwnApprovalError(ApprovalError):
    """Whoever asks is never the second person."""

    def __init__(self) -> None:
        super().__init__(
            worded("Nothing was done: whoever asked for it cannot decide on it.")
        )


class NotTheAskerError(ApprovalError):
    """Only whoever asked withdraws."""

    def __init__(self) -> None:
        super().__init__(
            worded("Nothing was done: only whoever asked for it may withdraw it.")
        )


class AskerLostRightError(ApprovalError):
    """Whoever asked may not do it themselves any more."""

    def __init__(self) -> None:
        super().__init__(
            worded(
                "Nothing was done: whoever asked for it may not do this any more."
                " Refuse it, or ask for it yourself."
            )
        )


class TargetMovedError(ApprovalError):
    """What was looked at by whoever asked is not what is there now."""

    def __init__(self, *, asked: int, version: int) -> None:
        self.asked = asked
        self.version = version
        super().__init__(
            worded(
                "Nothing was done: this user changed since it was asked for, from"
                " version {asked} to {version}. Refuse it, and ask for it anew.",
                asked=asked,
                version=version,
            )
        )
