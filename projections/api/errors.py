"""What a query cannot answer yet."""

from __future__ import annotations


class BehindError(Exception):
    """The read model has not come to what was asked for; the log may know more."""
