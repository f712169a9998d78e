"""A conversation line by line: commands, their events, effects, and what came of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from eventstore.admin.sight import Sight
from eventstore.conversations import Conversation, Node
from eventstore.events import RecordedEvent
from eventstore.models import Effect

MAX_DEPTH = 12  # levels that are indented; what lies deeper names its cause

Effects = dict[UUID, list[Effect]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A request that led to events.

    Attributes:
        name: For example ``ChangeName``; empty when its events do not say.
    """

    command_id: UUID
    name: str
    actor: str
    source: str


@dataclass(slots=True, kw_only=True)
class Step:
    """One line: a command, an event, or an effect; exactly one of the three is there.

    Attributes:
        depth: 0 at the left.
        at: When it was recorded; of a command, when its first event was; of an effect,
            when it was done or given up, else noted.
        after_start: Since the beginning of the conversation.
        after_cause: Since what caused it; None where nothing here did.
        cause: Position of the event that caused it, where the depth cannot show it.
        through: Name of the command between the cause and the event, if there was one.
        inside: Number of lines below that it led to.
        closes: One item for each list that ends after this line.
    """

    depth: int
    at: datetime
    after_start: timedelta
    after_cause: timedelta | None = None
    command: Command | None = None
    event: RecordedEvent | None = None
    effect: Effect | None = None
    cause: int | None = None
    through: str = ""
    inside: int = 0
    closes: Sequence[None] = field(default_factory=list)


def shown(conversation: Conversation, seen: Sight) -> Conversation:
    """Return a conversation with its events as they are shown."""
    nodes = [replace(node, event=seen.event(node.event)) for node in conversation.nodes]
    return replace(conversation, nodes=nodes)


def of_conversation(
    nodes: Sequence[Node], effects: Sequence[Effect], since: datetime
) -> list[Step]:
    """Return all of a conversation, each command above the events it led to.

    Args:
        nodes: Each cause before what it caused.
        effects: What these events called for outside.
        since: The beginning of the conversation.
    """
    due = _by_event(effects)
    lines: list[Step] = []
    for cause, members in _by_command(nodes).items():
        first = members[0].event
        if isinstance(cause, UUID):
            lines.append(_of_command(cause, first, since))
        down = int(isinstance(cause, UUID))
        lines += _of_nodes(members, due, since, down=down)
    return _nested(lines)


def below(position: int, nodes: Sequence[Node]) -> list[Step]:
    """Return what the event at *position* led to, offsets from its own instant."""
    led_to: list[Node] = []
    event: Node | None = None
    for node in nodes:
        if event is not None and node.depth <= event.depth:
            break
        if event is not None:
            led_to.append(node)
        elif node.event.position == position:
            event = node
    if event is None:
        return []
    since = event.event.recorded_at
    return _nested(list(_of_nodes(led_to, {}, since, down=-event.depth - 1)))


def _by_event(effects: Sequence[Effect]) -> Effects:
    due: Effects = defaultdict(list)
    for effect in effects:
        due[effect.event_id].append(effect)
    return due


def _by_command(nodes: Sequence[Node]) -> dict[UUID | int, list[Node]]:
    """Group by the command at the root; by position where there was none."""
    groups: dict[UUID | int, list[Node]] = {}
    members: list[Node] = []
    for node in nodes:
        if node.depth == 0:
            root = node.event.causation_id or node.event.position
            members = groups.setdefault(root, [])
        members.append(node)
    return groups


def _of_command(command_id: UUID, first: RecordedEvent, since: datetime) -> Step:
    command = Command(
        command_id=command_id,
        name=str(first.metadata.get("command", "")),
        actor=first.actor,
        source=first.source,
    )
    at = first.recorded_at
    return Step(depth=0, at=at, after_start=at - since, command=command)


def _of_nodes(
    nodes: Sequence[Node], due: Effects, since: datetime, *, down: int
) -> Iterator[Step]:
    times = {node.event.position: node.event.recorded_at for node in nodes}
    for node in nodes:
        event, at = node.event, node.event.recorded_at
        depth = min(node.depth + down, MAX_DEPTH)
        caused_at = times.get(node.cause or 0)
        yield Step(
            depth=depth,
            at=at,
            after_start=at - since,
            after_cause=at - caused_at if caused_at else None,
            event=event,
            cause=node.cause if depth == MAX_DEPTH else None,
            through=str(event.metadata.get("command", "")) if node.cause else "",
        )
        for effect in due.get(event.event_id, ()):
            done_at = effect.finished_at or effect.created_at
            yield Step(
                depth=depth + 1,
                at=done_at,
                after_start=done_at - since,
                after_cause=done_at - at,
                effect=effect,
            )


def _nested(lines: list[Step]) -> list[Step]:
    """Say of each line how many are inside it, and how many lists end after it."""
    open_lines: list[tuple[int, Step]] = []
    for place, line in enumerate(lines):
        while open_lines and open_lines[-1][1].depth >= line.depth:
            begun, above = open_lines.pop()
            above.inside = place - begun - 1
        open_lines.append((place, line))
        following = lines[place + 1].depth if place + 1 < len(lines) else 0
        line.closes = [None] * max(line.depth - following, 0)
    for begun, above in open_lines:
        above.inside = len(lines) - begun - 1
    return lines
