"""Who acts when somebody types a command."""

from __future__ import annotations

from contextlib import AbstractContextManager

import uuid_utils.compat as uuid

from eventstore.circumstances import acting
from eventstore.events import SYSTEM

ACTOR = "system:manage.py"


def at_the_console() -> AbstractContextManager[None]:
    """Record what the block appends as done at the command line."""
    return acting(actor=ACTOR, source=SYSTEM, correlation_id=uuid.uuid7())
