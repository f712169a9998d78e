"""What can be wrong with an export."""

from __future__ import annotations


class ExportRunsError(Exception):
    """Another export of this account is running; one at a time."""


class ExportGoneError(Exception):
    """The file is not kept: its day is over, it was withdrawn, or it is not yours."""


class ExportEndedError(Exception):
    """It is ready, withdrawn, cancelled or failed: there is nothing to cancel."""

    def __init__(self, state: str) -> None:
        self.state = state
        super().__init__(f"The export is {state}.")
