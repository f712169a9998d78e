"""Events -> subscribers: the table of contents of everything that reacts."""

from __future__ import annotations

import eventstore.operator_events  # noqa: F401 - registers what staff do
import projections.events  # noqa: F401 - registers what operators do
import users.token_events  # noqa: F401 - registers what happens to tokens
from eventstore.snapshot_projection import snapshots_of
from eventstore.subscriptions import Subscription
from eventstore.webhooks.courier import WEBHOOKS
from projections.directory import DIRECTORY
from projections.history import HISTORY
from users.aggregate import USER
from users.reactors import WELCOME_EMAIL

SUBSCRIPTIONS: tuple[Subscription, ...] = (
    DIRECTORY,  # the searchable list of users
    HISTORY,  # who was what, at any instant
    snapshots_of(USER),  # keeps the folds of long streams
    WELCOME_EMAIL,  # greets whoever is new to us
    WEBHOOKS,  # tells other systems
)
