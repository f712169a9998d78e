"""Why a webhook cannot be set up or sent; the message is for whoever runs it."""

from __future__ import annotations

from eventstore.errors import EventStoreError
from eventstore.wording import worded


class WebhookError(EventStoreError):
    """Something about a webhook was refused."""


class EndpointNameError(WebhookError):
    """A name is empty, too long, or held by another endpoint."""


class UnknownEndpointError(WebhookError):
    """There is no endpoint of this name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(worded("No endpoint is called {name!r}.", name=name))


class UnknownDeliveryError(WebhookError):
    """The endpoint was never owed this event."""

    def __init__(self) -> None:
        super().__init__(worded("This event was never owed to this endpoint."))


class EndpointStateError(WebhookError):
    """What was asked makes no sense as the endpoint stands."""


class UnknownEventTypeError(WebhookError):
    """A filter names a type that no event has."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(worded("No event type is called {name!r}.", name=name))


class AddressError(WebhookError):
    """An address that may not be sent to, whoever asks."""


class TimeOutError(WebhookError):
    """The other side took too long, in whatever way."""


class UnreachableError(WebhookError):
    """The other side could not be reached, or did not speak HTTP."""
