"""What the person behind a request may see of people: all, some for a while, or none.

Pages hand whatever tells of people through a sight; masked is what they get by default.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy

from eventstore.events import RecordedEvent
from eventstore.masking import masked_event, person_of

SEE = "eventstore.view_personal_data"
REVEAL = "eventstore.reveal_personal_data"
SESSION_KEY = "revealed"  # streams of persons, and until when in seconds since 1970

ONLY_BY_ID = gettext_lazy(
    "People are found here by id only: to look by name or e-mail address, one needs the"
    " permission “Can see personal data”."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What somebody may see.

    Attributes:
        sees_all: Whether personal data is shown plainly.
        revealed: Streams of the persons whose data is shown for now.
        may_reveal: Whether they may ask for more.
    """

    sees_all: bool
    revealed: Collection[str] = field(default_factory=frozenset)
    may_reveal: bool = False

    def sees(self, stream: str) -> bool:
        """Return whether the data of the person with this stream is shown."""
        return self.sees_all or stream in self.revealed

    def event(self, event: RecordedEvent) -> RecordedEvent:
        """Return *event* as it is shown: as it is, or masked."""
        return event if self.sees(person_of(event)) else masked_event(event)

    def events(self, events: Iterable[RecordedEvent]) -> list[RecordedEvent]:
        """Return each of *events* as it is shown."""
        return [self.event(each) for each in events]


def of(request: HttpRequest) -> Sight:
    """Return what the person behind *request* may see, now."""
    may = request.user.has_perm
    if may(SEE):
        return Sight(sees_all=True)
    if not may(REVEAL):
        return Sight(sees_all=False)
    return Sight(sees_all=False, revealed=frozenset(_live(request)), may_reveal=True)


def open_until(request: HttpRequest, stream: str, until: datetime) -> None:
    """Let the session of *request* see the person with this stream, until then."""
    request.session[SESSION_KEY] = {**_live(request), stream: until.timestamp()}


def close(request: HttpRequest, stream: str) -> None:
    """Mask the person with this stream again, for the session of *request*."""
    left = _live(request)
    left.pop(stream, None)
    request.session[SESSION_KEY] = left


def ends_at(request: HttpRequest, stream: str) -> datetime | None:
    """Return when the person's data is masked again; None when it is now."""
    seconds = _live(request).get(stream)
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC)


def _live(request: HttpRequest) -> dict[str, float]:
    now = timezone.now().timestamp()
    kept: dict[str, float] = request.session.get(SESSION_KEY, {})
    return {stream: until for stream, until in kept.items() if until > now}
