"""The batch form of ``services.execute``: same rules, many users, few round trips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from django.db import transaction

from eventstore import erasure, repository, store
from eventstore.appends import Append, Appended
from eventstore.errors import ConcurrencyError, UnreadableEventError
from eventstore.events import Metadata
from eventstore.repository import Loaded
from users import claims, owners, services
from users.aggregate import USER, User
from users.claims import ClaimsMovedError
from users.commands import UserCommand
from users.errors import CompanionRefusedError, EmailTakenError, UserError
from users.events import UserEvent
from users.owners import Change
from users.services import Outcome

TRIES = 3  # before users are taken one by one, so that one of them holds up nobody

Refusal = UserError | ConcurrencyError | UnreadableEventError
Result = Outcome | Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One command of a batch.

    Attributes:
        metadata: By whom, through what, in which conversation.
        expected_version: Version the caller saw before the batch; None for "whatever".
    """

    command: UserCommand
    metadata: Metadata
    expected_version: int | None = None


@dataclass(slots=True, kw_only=True)
class _Case:
    """The commands for one user, and what they lead to together."""

    places: list[int] = field(default_factory=list)
    loaded: Loaded[User | None]
    events: list[UserEvent] = field(default_factory=list)
    makers: list[int] = field(default_factory=list)  # the place behind each event
    refused: tuple[int, Refusal] | None = None
    appended: Appended | None = None


def execute_each(wanted: Sequence[Wanted]) -> list[Result]:
    """Carry out many commands and say, for each, what came of it.

    Atomic for each user: the commands for one are decided in their order, and recorded
    together or, when one of them is refused, not at all.  Other users are not affected.
    When somebody else keeps changing one of the users, they are taken one by one, in
    one order for everybody, each in a transaction of its own or in a savepoint of the
    caller's.  About six queries as a rule.

    Returns:
        One result a command.  An outcome tells where the user stands after all of the
        commands.  A refusal is an error that :func:`services.execute` would have
        raised, or ``CompanionRefusedError``.
    """
    wanted = [
        Wanted(
            command=each.command,
            metadata=services.told(each.command, each.metadata),
            expected_version=each.expected_version,
        )
        for each in wanted
    ]
    groups = _by_user(wanted)
    for tries in range(TRIES + 1):
        try:
            return _attempt(wanted, groups, hopes=not tries)
        except (ConcurrencyError, ClaimsMovedError):
            continue
    results: dict[int, Result] = {}
    for user_id, places in sorted(groups.items()):
        alone = [wanted[place] for place in places]
        results.update(zip(places, _alone(user_id, alone), strict=True))
    return [results[place] for place in range(len(wanted))]


def _alone(user_id: UUID, wanted: Sequence[Wanted]) -> list[Result]:
    moved: Refusal = EmailTakenError()
    for _ in range(TRIES):
        try:
            return _attempt(wanted, {user_id: list(range(len(wanted)))})
        except ConcurrencyError as error:
            moved = error
        except ClaimsMovedError:
            moved = EmailTakenError()
    return [moved for _ in wanted]


def _by_user(wanted: Sequence[Wanted]) -> dict[UUID, list[int]]:
    groups: dict[UUID, list[int]] = {}
    for place, each in enumerate(wanted):
        groups.setdefault(each.command.user_id, []).append(place)
    return groups


def _attempt(
    wanted: Sequence[Wanted], groups: Mapping[UUID, list[int]], *, hopes: bool = False
) -> list[Result]:
    """Decide and append; with *hopes* nobody looks whether who is created is there."""
    new = {who for who, its in groups.items() if hopes and _is_new(wanted[its[0]])}
    loaded = repository.load_many(USER, groups.keys() - new)
    cases = {
        USER.stream(user_id): _Case(
            places=places, loaded=loaded.get(user_id, services.NOBODY)
        )
        for user_id, places in groups.items()
    }
    for case in cases.values():
        _decide(case, wanted)
    _refuse_owned(cases.values(), wanted)
    with transaction.atomic():
        _settle(cases, wanted)
        if any(cases[USER.stream(user_id)].refused for user_id in new):
            raise ClaimsMovedError  # they may be there already: look
        _append(cases, wanted)
    results = {
        place: result
        for stream, case in cases.items()
        for place, result in _results(stream, case, wanted)
    }
    return [results[place] for place in sorted(results)]


def _is_new(first: Wanted) -> bool:
    return services.is_new(first.command, first.expected_version)


def _decide(case: _Case, wanted: Sequence[Wanted]) -> None:
    now = case.loaded
    for place in case.places:
        each = wanted[place]
        try:
            # What came before in the batch is not told: it may never be recorded,
            # and a version would tell whether it changed what the client cannot read.
            services.refuse_stale(each.command, case.loaded, each.expected_version)
            events = services.decided(each.command, now, None)
        except (UserError, ConcurrencyError, UnreadableEventError) as error:
            case.refused = (place, error)
            return
        case.events += events
        case.makers += [place] * len(events)
        if place == case.places[-1]:
            return  # nobody asks what comes of the last one
        state = USER.fold(events, now.state)
        now = replace(now, state=state, version=now.version + len(events))


def _refuse_owned(cases: Iterable[_Case], wanted: Sequence[Wanted]) -> None:
    """Refuse what people may not change; nobody in a batch may override an owner."""
    made = [
        (case, wanted[place], place, event)
        for case in cases
        if not case.refused
        for place, event in zip(case.makers, case.events, strict=True)
    ]
    changes = [
        Change(user_id=by.command.user_id, event=event, source=by.metadata.source)
        for _, by, _, event in made
    ]
    for index, error in owners.refusals(changes).items():
        case, _, place, _ = made[index]
        case.refused = case.refused or (place, error)


def _settle(cases: Mapping[str, _Case], wanted: Sequence[Wanted]) -> None:
    refused = claims.settle_many(
        [
            (stream, case.events, wanted[case.places[0]].metadata.source)
            for stream, case in cases.items()
            if not case.refused
        ]
    )
    for stream, (index, error) in refused.items():
        case = cases[stream]
        case.refused = (case.makers[index], error)


def _append(cases: Mapping[str, _Case], wanted: Sequence[Wanted]) -> None:
    # In one order for everybody: two batches that share users must not deadlock.
    appends = [
        Append(
            stream=stream,
            events=case.events,
            expected_version=case.loaded.version,
            metadata=[wanted[place].metadata for place in case.makers],
        )
        for stream, case in sorted(cases.items())
        if case.events and not case.refused
    ]
    if appends:
        for appended in store.append_many(appends):
            cases[appended.stream].appended = appended
    for stream, case in sorted(cases.items()):
        if case.appended and services.erases(case.events):
            erasure.forget(stream)


def _results(
    stream: str, case: _Case, wanted: Sequence[Wanted]
) -> list[tuple[int, Result]]:
    if case.refused:
        culprit, error = case.refused
        companion = CompanionRefusedError(wanted[culprit].command.user_id)
        return [
            (place, error if place == culprit else companion) for place in case.places
        ]
    now = case.appended or case.loaded
    return [
        (
            place,
            Outcome(
                stream=stream,
                version=now.version,
                position=now.position,
                changed=place in case.makers,
            ),
        )
        for place in case.places
    ]
