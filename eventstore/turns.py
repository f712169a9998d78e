"""Taking turns at what one worker at a time should do: a hint, never a lock.

Whoever finds a turn taken leaves a mark, and whoever has it looks once more before it
ends: what is to be done is done, by somebody.  Where a worker dies with the turn, it is
free again after a moment; where two have it, they do the same work twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid4

from eventstore import wire
from eventstore.models import Turn as Row

HELD_SECONDS = 3.0  # without a sign of life


class TurnLostError(Exception):
    """The turn took too long, and another worker took it."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn that is ours, unless it took too long and somebody else has it now."""

    name: str
    holder: UUID

    def end(self) -> bool:
        """End it; return True when it was wanted meanwhile and goes on instead.

        Raises:
            TurnLostError: Another worker has it by now, or had.
        """
        wanted = {"name": self.name, "holder": self.holder, "seconds": HELD_SECONDS}
        ended = wire.rows("end_turn", wanted)
        if not ended:
            raise TurnLostError
        return bool(ended[0][0])

    def give_up(self) -> bool:
        """Leave it to whoever comes next; return whether somebody should look again.

        That is so where it was wanted meanwhile, and where another has it by now.
        """
        mine = Row.objects.filter(name=self.name, holder=self.holder)
        was_wanted = mine.filter(is_wanted=True).delete()[0]
        was_mine = mine.delete()[0] or was_wanted
        return bool(was_wanted or not was_mine)


def take(name: str) -> Turn | None:
    """Return the turn, ours now; None where another has it, which is told of us."""
    turn = Turn(name, uuid4())
    wanted = {"name": name, "holder": turn.holder, "seconds": HELD_SECONDS}
    ((is_mine,),) = wire.rows("take_turn", wanted)
    return turn if is_mine else None
