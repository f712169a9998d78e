"""Every error of the event store; the facts are attributes."""

from __future__ import annotations

from uuid import UUID

from eventstore.wording import worded

# Not an error: what is said of an event whose subject has no key in the vault.
NO_KEY = "NoKeyInVault"


class EventStoreError(Exception):
    """Something the event store refused or could not do."""


class ConcurrencyError(EventStoreError):
    """The stream is not at the version the decision was taken on."""

    def __init__(self, stream: str, *, expected: int, actual: int) -> None:
        self.stream = stream
        self.expected = expected
        self.actual = actual
        wanted = "missing, and should exist" if expected < 0 else f"not {expected}"
        super().__init__(f"{stream} is at version {actual}, {wanted}")


class EventIdTakenError(EventStoreError):
    """An event with this id is stored already, with other content or elsewhere."""

    def __init__(self, event_id: UUID | None) -> None:
        self.event_id = event_id
        super().__init__(f"event id {event_id} is stored already, as another event")


class EmptyAppendError(EventStoreError):
    """There was nothing to append, or nothing for one of the streams."""

    def __init__(self, stream: str = "") -> None:
        self.stream = stream
        where = f" to {stream}" if stream else ""
        super().__init__(f"there is no event to append{where}")


class StreamNameError(EventStoreError):
    """A stream's name is not ``<category>-<id>`` in printable characters."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        super().__init__(f"{stream!r} is no stream name: use <category>-<id>")


class StreamTwiceError(EventStoreError):
    """One call names a stream twice; its expected version would have two meanings."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        super().__init__(f"{stream} is named twice in one append")


class NoCircumstancesError(EventStoreError):
    """Something appends and nobody said who is acting."""

    def __init__(self) -> None:
        super().__init__("say who is acting: with circumstances.acting(actor=…, …)")


class PayloadError(EventStoreError):
    """A value cannot be stored because two readers might hash it differently."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")


class ImportRefusedError(EventStoreError):
    """A line of a file cannot become an event; nothing of its batch was stored."""

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        self.reason = reason
        super().__init__(f"line {line}: {reason}")


class KeyRingError(EventStoreError):
    """The master keys are missing, unreadable, or not those of this database."""


class SealBrokenError(EventStoreError):
    """Sealed data does not open: it was changed, moved, or sealed under another key."""

    def __init__(self) -> None:
        super().__init__(
            worded("sealed data does not open under the key of its subject")
        )


class UnsealedError(EventStoreError):
    """A person cannot be erased: an event tells of them in clear, and stays."""

    def __init__(self, stream: str, position: int) -> None:
        self.stream = stream
        self.position = position
        super().__init__(
            worded(
                "{stream} cannot be erased: #{position} was recorded before personal "
                "data was sealed. Export the log, leave salt and leaf out of such "
                "lines, and import it into a new database",
                stream=stream,
                position=position,
            )
        )


class PersonalFieldError(EventStoreError):
    """An event class declares a personal field that cannot be sealed."""

    def __init__(self, cls: type, field: str, reason: str) -> None:
        self.cls = cls
        self.field = field
        super().__init__(f"{cls.__qualname__}.{field} {reason}")


class UnregisteredEventError(EventStoreError):
    """An event class was never given a stored name with ``@event_type``."""

    def __init__(self, cls: type) -> None:
        self.cls = cls
        super().__init__(f"{cls.__qualname__} has no @event_type")


class EventTypeTakenError(EventStoreError):
    """Two event classes want to be stored under one name."""

    def __init__(self, name: str, cls: type) -> None:
        self.name = name
        self.cls = cls
        super().__init__(f"{name} is stored as {cls.__qualname__} already")


class UnknownTypeError(EventStoreError):
    """No class of this code is registered under a stored name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"no event type is called {name!r}; deploy newer code")


class MissingUpcasterError(EventStoreError):
    """A stored schema version has no path to the newest one of this code."""

    def __init__(self, name: str, schema_version: int) -> None:
        self.name = name
        self.schema_version = schema_version
        super().__init__(
            f"{name} version {schema_version} cannot be lifted: register an @upcaster "
            "from it, or deploy the code that knows it"
        )


class UnknownSubscriptionError(EventStoreError):
    """No subscription of this name is listed in ``config/subscriptions.py``."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(worded("no subscription is called {name!r}", name=name))


class UnreadableEventError(EventStoreError):
    """A decision or a read model would rest on an event this code has no class for.

    To pass it by would be to forget it: newer code wrote it and will read it.
    """

    def __init__(
        self, position: int, event_type: str, schema_version: int, problem: str
    ) -> None:
        self.position = position
        self.event_type = event_type
        self.schema_version = schema_version
        self.problem = problem
        self.lacks_key = problem in (NO_KEY, SealBrokenError.__name__)
        facts = {"position": position, "type": event_type, "version": schema_version}
        if self.lacks_key:
            text = worded(
                "#{position} is {type} version {version}, sealed, and the vault has no"
                " key that opens it; restore the vault",
                **facts,
            )
        else:
            text = worded(
                "#{position} is {type} version {version}, which this code cannot read;"
                " deploy the code that can",
                **facts,
            )
        super().__init__(text)


class CheckpointMovedError(EventStoreError):
    """Another worker moved a checkpoint this one believed to hold."""

    def __init__(self, subscription: str) -> None:
        self.subscription = subscription
        super().__init__(f"a checkpoint of {subscription} moved under its lease")


class TooManyLettersError(EventStoreError):
    """So much fails that the code is to blame, not the events; no more is set aside."""

    def __init__(self, subscription: str, most: int) -> None:
        self.subscription = subscription
        self.most = most
        super().__init__(
            worded(
                "{subscription} has {most} streams with a dead letter; repair what "
                "fails, and retry them",
                subscription=subscription,
                most=most,
            )
        )


class LetterClosedError(EventStoreError):
    """There is no such dead letter, or it was applied or skipped already."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(
            worded("There is no open dead letter {number}.", number=number)
        )


class LetterNotTriedError(EventStoreError):
    """The installation is to blame, not the event: the letter waits as before."""

    def __init__(self, fault: str) -> None:
        super().__init__(
            worded(
                "Nothing was changed: {fault}. Mend that, and try again.", fault=fault
            )
        )


class NoReasonError(EventStoreError):
    """An operator's act needs a reason, and none was given."""

    def __init__(self) -> None:
        super().__init__(worded("Say why: the reason is kept in the log."))


class SubscriptionPausedError(EventStoreError):
    """A subscription is paused, and what was asked needs it to run."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(worded("The subscription {name} is paused.", name=name))


class SubscriptionRunsError(EventStoreError):
    """A subscription cannot be resumed, because it is not paused."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(worded("The subscription {name} is not paused.", name=name))


class EffectError(EventStoreError):
    """An effect did not happen this time; it is tried again.

    The message is kept and shown: it is ours, and never quotes the other side.
    """


class EffectRefusedError(EffectError):
    """The other side said that trying again is of no use."""


class UnknownEffectError(EventStoreError):
    """There is no effect of this number."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(worded("There is no effect {number}.", number=number))


class EffectOpenError(EventStoreError):
    """The effect is still tried, or was sent once more already."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(
            worded(
                "Effect {number} is still tried, or was resent already.", number=number
            )
        )


class SubjectErasedError(EventStoreError):
    """The person was erased: nothing is sent any more."""

    def __init__(self) -> None:
        super().__init__(worded("This person was erased; nothing is sent any more."))


class NoCopyError(EventStoreError):
    """There are no tables of a read model beside the live ones, or no more."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            worded("There are no tables of {name} beside the live ones.", name=name)
        )


class NotRebuildableError(EventStoreError):
    """A subscription does not say which tables it fills, or fills none."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            worded("{name} names no tables that could be rebuilt.", name=name)
        )


class RebuildRunsError(EventStoreError):
    """A rebuild of the projection runs already."""

    def __init__(self, name: str, actor: str) -> None:
        self.name = name
        self.actor = actor
        super().__init__(
            worded(
                "Rebuild of {name}: already running, started by {actor}.",
                name=name,
                actor=actor,
            )
        )


class NotChangedError(EventStoreError):
    """The code of a projection was to be accepted, and it is no other code."""

    def __init__(self, name: str) -> None:
        super().__init__(
            worded(
                "{name} is filled by the code that runs: nothing to accept.", name=name
            )
        )


class CodeRefutedError(EventStoreError):
    """The changed code of a projection was to be accepted, and writes other rows."""

    def __init__(self, name: str) -> None:
        super().__init__(
            worded(
                "The comparison shows that the code of {name} writes other rows than"
                " those there are: switch to the rebuilt tables instead.",
                name=name,
            )
        )


class NoRebuildError(EventStoreError):
    """There is no rebuild for which this could be done, or not in its state."""

    def __init__(self, name: str, act: str) -> None:
        self.name = name
        self.act = act
        super().__init__(
            worded("There is no rebuild of {name} to {act}.", name=name, act=act)
        )


class NotComparedError(EventStoreError):
    """A copy cannot be compared with the live tables as things stand."""

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        super().__init__(worded("{name} is not compared: {why}.", name=name, why=why))


class SwitchRefusedError(EventStoreError):
    """The tables cannot be switched now; nothing changed."""

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        super().__init__(worded("{name} was not switched: {why}.", name=name, why=why))
