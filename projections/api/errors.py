"""What a query cannot answer yet, or not here."""

from __future__ import annotations

from rest_framework.exceptions import APIException, ValidationError


class ParameterError(ValidationError):
    """A parameter of the query makes no sense; told as ``parameter``, not a pointer."""


class BehindError(Exception):
    """The read model has not come to what was asked for; the log may know more."""


class TooManyWaitingError(APIException):
    """This process lets no more requests wait for events."""

    status_code = 503
    default_code = "too_many_waiting"
    default_detail = "Too many requests wait for events already. Ask again later."
    wait = 1  # seconds, told as Retry-After


class FeedElsewhereError(APIException):
    """The web was asked for the stream and does not know where it is served."""

    status_code = 503
    default_code = "feed_elsewhere"
    default_detail = (
        "The event stream is served by a process of its own, and this one was not told"
        " where: set FEED_URL, or let the proxy in front send this path there."
    )


class TooManyStreamsError(APIException):
    """This client has as many streams open in this process as it may."""

    status_code = 429
    default_code = "too_many_streams"
    wait = 10  # seconds, told as Retry-After

    def __init__(self, most: int) -> None:
        """Tell how many one client may have."""
        super().__init__(
            f"This client has {most} streams open already. Close one; one is enough."
        )


class FeedFullError(APIException):
    """This process has as many listeners as it may."""

    status_code = 503
    default_code = "feed_full"
    default_detail = "This process has as many listeners as it may. Try again later."
    wait = 10  # seconds, told as Retry-After
