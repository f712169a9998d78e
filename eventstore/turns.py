"""Taking turns at what one worker at a time should do: a hint, never a lock.

Whoever finds a turn taken leaves a mark, and whoever has it looks once more before it
ends: what is to be done is done, by somebody.  Where a worker dies with the turn, it is
free again after a moment; where two have it, they do the same work twice.
"""

from __future__ import annotations

from eventstore import wire
from eventstore.models import Turn

HELD_SECONDS = 3.0  # without a sign of life


def take(name: str) -> bool:
    """Return whether the turn is ours now; if not, it is marked as wanted."""
    wanted = {"name": name, "seconds": HELD_SECONDS}
    ((is_mine,),) = wire.rows("take_turn", wanted)
    return bool(is_mine)


def end(name: str) -> bool:
    """End our turn; return True when it was wanted meanwhile and goes on instead."""
    wanted = {"name": name, "seconds": HELD_SECONDS}
    return any(goes_on for (goes_on,) in wire.rows("end_turn", wanted))


def give_up(name: str) -> None:
    """Leave the turn to whoever comes next."""
    Turn.objects.filter(name=name).delete()
