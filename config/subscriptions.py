"""Events -> subscribers: the table of contents of everything that reacts."""

from __future__ import annotations

import eventstore.exports.events
import eventstore.intake.events
import eventstore.operator_events  # noqa: F401 - registers what staff do
import projections.events  # noqa: F401 - registers what operators do
import users.sources.salesforce.events
import users.token_events  # noqa: F401 - registers what happens to tokens
from eventstore.intake.courier import INTAKE
from eventstore.snapshot_projection import snapshots_of
from eventstore.subscriptions import Subscription
from eventstore.webhooks.courier import WEBHOOKS
from projections.directory import DIRECTORY
from projections.history import HISTORY
from projections.streams import STREAMS
from users.aggregate import USER
from users.reactors import ANALYTICS, WELCOME_EMAIL

SUBSCRIPTIONS: tuple[Subscription, ...] = (
    DIRECTORY,  # the searchable list of users
    HISTORY,  # who was what, at any instant
    STREAMS,  # where each stream stands, and what each hour brought
    snapshots_of(USER),  # keeps the folds of long streams
    WELCOME_EMAIL,  # greets whoever is new to us
    ANALYTICS,  # counts, elsewhere, what happens to users
    WEBHOOKS,  # tells other systems
    INTAKE,  # maps what other systems send
)
