"""What stands in the way between Salesforce and us.  No message quotes a secret."""

from __future__ import annotations


class SalesforceError(Exception):
    """Something about Salesforce went wrong; the class says what."""


class LoginError(SalesforceError):
    """Salesforce does not let us in: somebody must look at the credentials.

    Attributes:
        code: As Salesforce says it, for example ``invalid_client``.
    """

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(f"Salesforce refused the log-in: {code}.")


class LimitReachedError(SalesforceError):
    """No more requests for now: theirs are used up, or our share of them."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The API budget is used up: {reason}.")


class UnavailableError(SalesforceError):
    """Salesforce could not be heard, however often we tried.

    Attributes:
        reason: What the last try met with, for example ``ReadTimeout`` or ``HTTP 503``.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"Salesforce could not be read: {reason}.")


class RefusedError(SalesforceError):
    """Salesforce understood the request, and says no.

    Attributes:
        code: As Salesforce says it, for example ``INVALID_FIELD``.
    """

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(f"Salesforce refused the request: {code}.")


class RecordIdError(SalesforceError):
    """This is no record id of 15 or 18 characters, or its suffix is wrong."""

    def __init__(self) -> None:
        super().__init__("This is not the id of a Salesforce record.")


class UnsafeAddressError(SalesforceError):
    """Credentials would travel in clear, to a host that is not this machine."""

    def __init__(self) -> None:
        super().__init__("Salesforce is reached by https only, but on this machine.")


class SchemaError(SalesforceError):
    """A field that we cannot do without may not be seen.

    Attributes:
        fields: Their names, sorted.
    """

    def __init__(self, fields: list[str]) -> None:
        self.fields = fields
        super().__init__(f"Our Salesforce user may not see: {', '.join(fields)}.")
