"""What the embedded services tell the person at the terminal."""

from __future__ import annotations


class EmbeddedError(Exception):
    """An embedded service cannot run; the message is one sentence with the remedy."""
