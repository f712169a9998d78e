from __future__ import annotations

from contextlib import AbstractContextManager
from uuid import uuid4

from eventstore.circumstances import acting
from eventstore.events import ADMIN


def as_staff() -> AbstractContextManager[None]:
    """Act as somebody of the staff."""
    return acting(actor="staff:lea", source=ADMIN, correlation_id=uuid4())
