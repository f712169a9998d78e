"""What stands in the way between Salesforce and us.  No message quotes a secret."""

from __future__ import annotations

from datetime import datetime

from eventstore.wording import worded

SHOWN = 40  # characters of what is no id


class SalesforceError(Exception):
    """Something about Salesforce went wrong; the class says what."""


class LoginError(SalesforceError):
    """Salesforce does not let us in: somebody must look at the credentials.

    Attributes:
        code: As Salesforce says it, for example ``invalid_client``.
    """

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(worded("Salesforce refused the log-in: {code}.", code=code))


class LimitReachedError(SalesforceError):
    """No more requests for now: theirs are used up, or our share of them."""

    def __init__(self, reason: str) -> None:
        super().__init__(worded("The API budget is used up: {reason}.", reason=reason))


class UnavailableError(SalesforceError):
    """Salesforce could not be heard, however often we tried.

    Attributes:
        reason: What the last try met with, for example ``ReadTimeout`` or ``HTTP 503``.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            worded("Salesforce could not be read: {reason}.", reason=reason)
        )


class RefusedError(SalesforceError):
    """Salesforce understood the request, and says no.

    Attributes:
        code: As Salesforce says it, for example ``INVALID_FIELD``.
    """

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(worded("Salesforce refused the request: {code}.", code=code))


class DifferentOrgError(SalesforceError):
    """Another org answers than the one we know; records of two are never mixed."""

    def __init__(self) -> None:
        super().__init__("different_org")


class RecordIdError(SalesforceError):
    """This is no record id of 15 or 18 characters, or its suffix is wrong.

    Attributes:
        told: What was given, its first characters, as can be shown anywhere.
    """

    def __init__(self, raw: str) -> None:
        self.told = ascii(raw[:SHOWN])[1:-1] + ("…" if len(raw) > SHOWN else "")
        super().__init__(
            worded("This is not the id of a Salesforce record: {told}", told=self.told)
        )


class UnsafeAddressError(SalesforceError):
    """Credentials would travel in clear, to a host that is not this machine."""

    def __init__(self) -> None:
        super().__init__(
            worded("Salesforce is reached by https only, but on this machine.")
        )


class SchemaError(SalesforceError):
    """A field that we cannot do without may not be seen.

    Attributes:
        fields: Their names, sorted.
    """

    def __init__(self, fields: list[str]) -> None:
        self.fields = fields
        super().__init__(
            worded(
                "Our Salesforce user may not see: {fields}.", fields=", ".join(fields)
            )
        )


class RunActiveError(SalesforceError):
    """Another run of this object is under way: this one is skipped.

    Attributes:
        run_id: The other one, as text; empty when it ended a moment ago.
        state: Where that one stands; empty with *run_id*.
    """

    def __init__(self, run_id: str, state: str) -> None:
        self.run_id = run_id
        self.state = state
        super().__init__(_under_way(run_id, state))


class RunStateError(SalesforceError):
    """What was asked does not fit the state of the run.

    Attributes:
        state: Where the run stands.
    """

    def __init__(self, state: str) -> None:
        self.state = state
        super().__init__(
            worded("This cannot be done with a run that is {state}.", state=state)
        )


class UnknownRunError(SalesforceError):
    """There is no such run."""

    def __init__(self) -> None:
        super().__init__(worded("There is no such Salesforce run."))


class NoWatermarkError(SalesforceError):
    """Salesforce was never read whole, so nobody knows what is new."""

    def __init__(self) -> None:
        super().__init__(
            worded("Salesforce was never read whole: start a full run first.")
        )


class NoIdsError(SalesforceError):
    """A run over single records needs their ids; any other run has none."""

    def __init__(self, most: int) -> None:
        super().__init__(
            worded(
                "Name 1 to {most:,} record ids for this mode, and for no other.",
                most=most,
            )
        )


class SinceError(SalesforceError):
    """From an instant on only an incremental run reads, and from one that is known.

    Attributes:
        watermark: Up to when Salesforce is known; None if the mode is the trouble.
    """

    def __init__(self, watermark: datetime | None = None) -> None:
        self.watermark = watermark
        text = worded("Only an incremental run reads from an instant on.")
        if watermark is not None:
            # From later on, what changed in between would be passed by for ever.
            known = f"{watermark:%Y-%m-%dT%H:%M:%SZ}"
            text = worded(
                "Say an instant before {known}, up to when Salesforce is known.",
                known=known,
            )
        super().__init__(text)


class NotEnabledError(SalesforceError):
    """Salesforce is switched off, or nobody said where it is."""

    def __init__(self) -> None:
        super().__init__(worded("Salesforce is not enabled: see SALESFORCE_ENABLED."))


class LostLeaseError(SalesforceError):
    """Another worker took the run over; whatever this one did is rolled back."""

    def __init__(self) -> None:
        super().__init__(worded("Another worker took the run over."))


class ConflictError(SalesforceError):
    """There is no such open conflict, or it cannot be settled this way."""


def _under_way(run_id: str, state: str) -> str:
    if not run_id:
        return worded("Another Salesforce run was under way a moment ago: try again.")
    if state == "awaiting_approval":
        return worded(
            "Another Salesforce run is under way: {run_id}, {state}. The role Lead, or"
            " an API token with the scope salesforce:approve, may approve it; whoever"
            " may change runs may cancel it.",
            run_id=run_id,
            state=state,
        )
    return worded(
        "Another Salesforce run is under way: {run_id}, {state}.",
        run_id=run_id,
        state=state,
    )
